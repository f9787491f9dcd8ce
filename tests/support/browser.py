"""A real Chromium for tests of pages: the machine's, else Playwright's, else the distribution's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Flags without which a browser looks up addresses of its maker at every start."""


def executable() -> str | None:
    """Path of a Chromium; None for the one that Playwright keeps. Installs one where there is none.

    Raises:
        RuntimeError: none can be had; says what to do.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    install = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(install, check=False, capture_output=True, timeout=300).returncode == 0:
        return None
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for step in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *step], check=False, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    if not found:
        raise RuntimeError("Tests of pages need Chromium: install the package `chromium`, or Google Chrome.")
    return found


@contextmanager
def browser() -> Generator["Browser"]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    path = executable()
    with sync_playwright() as playwright:
        # Chromium refuses to isolate its processes for root, which is whom containers run as.
        arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        running = playwright.chromium.launch(executable_path=path, args=arguments, timeout=60_000)
        try:
            yield running
        finally:
            running.close()
