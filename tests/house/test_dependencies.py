"""docs/dependencies.md explains every direct dependency, and nothing else."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PERMISSIVE = {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "PSF-2.0"}
"""MPL-2.0 only obliges those who change the files of that project themselves."""


def direct() -> set[str]:
    lines = []
    for folder in ("components", "runtime", "cli", "policies"):
        table = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        lines += table["dependencies"]
        lines += [line for extra in table.get("optional-dependencies", {}).values() for line in extra]
    for file in ROOT.glob("requirements/*.in"):
        lines += [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    return names - {"plinth-platform", "plinth-runtime", "plinth-cli"}


def rows() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    return {
        canonicalize_name(match[1]): (match[2].strip(), match[3].strip())
        for match in re.finditer(r"^\| `([^`]+)` \|([^|]+)\|([^|]+)\|$", text, re.MULTILINE)
    }


def test_every_direct_dependency_has_a_line():
    assert direct() - set(rows()) == set()


def test_no_line_is_left_behind():
    go = {"go", "github-com-pulumi-pulumi-pkg-v3", "github-com-pulumi-pulumi-sdk-v3"}
    assert {name.replace("/", "-") for name in rows()} - direct() - go == set()


def test_every_line_says_licence_and_why():
    for name, (licence, why) in rows().items():
        assert set(re.split(r" (?:OR|AND) ", licence)) <= PERMISSIVE, f"{name}: {licence}"
        assert len(why.split()) >= 4, f"{name}: {why}"
