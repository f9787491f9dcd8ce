"""The words of the toolchain: what is wanted, what was found, and why an attempt did not work."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PULUMI_VERSION = "3.256.0"
"""The CLI of this release of Plinth; the same as the pinned `pulumi` package and tools/pulumi/go.mod."""

LANGUAGE_HOST_VERSION = "3.79.0"
"""The newest language host for Python that is published as a Go module (tools/pulumi-language-python)."""

Origin = Literal["path", "cache", "download", "build"]
Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_PROBE_SECONDS = 30


@dataclass(frozen=True)
class Toolchain:
    """A usable Pulumi CLI.

    Attributes:
        pulumi: The executable, absolute.
        version: Its version, without a leading v.
        origin: Where it came from just now.
    """

    pulumi: Path
    version: str
    origin: Origin

    @property
    def bin_dir(self) -> Path:
        """The folder to put on PATH; a downloaded release holds the language hosts as well."""
        return self.pulumi.parent


@dataclass(frozen=True)
class LanguageHost:
    """A usable `pulumi-language-python`, with `pulumi-language-python-exec` beside it.

    Attributes:
        executable: The host, absolute.
        origin: Where it came from just now.
    """

    executable: Path
    origin: Origin

    @property
    def bin_dir(self) -> Path:
        """The folder to put on PATH."""
        return self.executable.parent


class AttemptFailed(Exception):
    """One way of getting the CLI did not work; the text says why, in a few words."""


def parse_version(text: str) -> Version | None:
    """Return the first `major.minor.patch` in a text, or None."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def good_enough(found: Version, wanted: Version) -> bool:
    """Whether a CLI can drive our SDK: the same major version, and not older than the pinned one.

    Pulumi keeps new engines compatible with older SDKs within a major version, not the other way round.
    """
    return found[0] == wanted[0] and found >= wanted


def wanted_version() -> Version:
    """Return the pinned version as numbers."""
    version = parse_version(PULUMI_VERSION)
    assert version is not None
    return version


def probe(executable: Path) -> Version:
    """Run `pulumi version` and return what it says.

    Raises:
        AttemptFailed: It cannot be run, or says no version.
    """
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        result = subprocess.run(
            [str(executable), "version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AttemptFailed(f"`{executable} version` did not answer within {_PROBE_SECONDS} s") from None
    except OSError as error:
        raise AttemptFailed(f"{executable} cannot be run: {error.strerror or error}") from None
    version = parse_version(result.stdout)
    if result.returncode != 0 or version is None:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise AttemptFailed(f"`{executable} version` failed: {said[-1] if said else 'it said nothing'}")
    return version


def platform_name() -> str:
    """Return the name of this platform in release files: `linux-x64`, `darwin-arm64`, ...

    Raises:
        AttemptFailed: No release is published for it in a form that is used here.
    """
    system = platform.system().lower()
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if system not in {"linux", "darwin"} or machine is None:
        raise AttemptFailed(f"no release for {platform.system()} on {platform.machine()}")
    return f"{system}-{machine}"
