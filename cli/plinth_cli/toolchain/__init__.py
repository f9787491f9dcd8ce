"""The Pulumi CLI: found on PATH, in the cache, downloaded, or built from its published Go module.

`ensure_pulumi` is what commands call; it returns at once when there is one, and otherwise gets one, once, into
the machine's cache. `find_pulumi` only looks.
"""

from plinth_cli.toolchain.install import ensure_language_host, ensure_pulumi, find_pulumi
from plinth_cli.toolchain.model import PULUMI_VERSION, LanguageHost, Origin, Toolchain

__all__ = [
    "PULUMI_VERSION",
    "LanguageHost",
    "Origin",
    "Toolchain",
    "ensure_language_host",
    "ensure_pulumi",
    "find_pulumi",
]
