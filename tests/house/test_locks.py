"""The lock files: complete, hashed, in step with their sources, and free of any address."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = {"plinth-platform", "plinth-runtime", "plinth-cli"}


def project(folder: str) -> list[str]:
    table = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    return [
        *table["dependencies"],
        *(line for extra in table.get("optional-dependencies", {}).values() for line in extra),
    ]


def listed(file: str) -> list[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


SOURCES = {
    "requirements/dev.lock": [*project("components"), *project("runtime"), *project("cli"), *listed("dev.in")],
    "requirements/runtime.lock": project("runtime"),
    "requirements/bootstrap.lock": listed("bootstrap.in"),
    "requirements/go.lock": listed("go.in"),
    "policies/requirements.lock": project("policies"),
}


def entries(lock: str) -> dict[str, list[str]]:
    """Requirement line -> its hashes."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in (ROOT / lock).read_text().splitlines():
        if line.startswith("    --hash="):
            found[current].append(line.strip(" \\"))
        elif line and not line.lstrip().startswith("#"):
            current = line.rstrip(" \\")
            found[current] = []
    return found


def test_every_lock_has_a_source():
    assert {str(f.relative_to(ROOT)) for f in ROOT.glob("requirements/*.lock")} < set(SOURCES)


@pytest.mark.parametrize("lock", SOURCES)
def test_everything_is_pinned_with_hashes(lock):
    found = entries(lock)
    assert found
    for line, hashes in found.items():
        assert re.match(r"[a-z0-9._-]+(\[[a-z,0-9-]+\])?==\S+( ; .+)?$", line), line
        assert hashes and all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", entry) for entry in hashes), line


@pytest.mark.parametrize("lock", SOURCES)
def test_no_address(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted|\bfile:| @ |(^|\s)-e ", text)


@pytest.mark.parametrize("lock", SOURCES)
def test_in_step_with_its_source(lock):
    pinned = {}
    for line in entries(lock):
        requirement = Requirement(line)
        pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for line in SOURCES[lock]:
        wanted = Requirement(line)
        if wanted.name in OURS:
            continue
        assert canonicalize_name(wanted.name) in pinned, f"{wanted.name} is not in {lock}: run `make lock`"
        for pin in pinned[canonicalize_name(wanted.name)]:
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{lock} pins {pin}, the source wants {wanted}"


def test_no_package_index_is_named_anywhere():
    hosts = "|".join(
        ("pypi" + r"\.org", "files.python" + "hosted", "registry.npm" + "js", "proxy.gol" + "ang", "sum.gol" + "ang")
    )
    found = subprocess.run(
        ["git", "grep", "-nIE", hosts, "--", ".", ":!docs"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 1, found.stdout
