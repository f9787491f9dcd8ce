"""The platform program, as `pulumi up -s ENV` runs it."""

from plinth.program import platform

platform()
