"""Rehearsal: the real Pulumi engine on stand-in providers, with no cloud account."""

from plinth_cli.rehearsal.session import Rehearsal

__all__ = ["Rehearsal"]
