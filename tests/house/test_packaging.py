"""The distributions: what they contain, what they may import, and what pins them."""

import ast
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "components": "plinth",
    "runtime": "plinth_runtime",
    "cli": "plinth_cli",
    "policies": "plinth_policies",
}
OURS = {"plinth": "plinth-platform", "plinth_runtime": "plinth-runtime", "plinth_cli": "plinth-cli"}
# Imported through a package of ours that is declared, or part of a declared distribution's own family.
MODULES_OF = {
    "google": "protobuf",
    "pydantic_core": "pydantic",
    "botocore": "boto3",
    "pulumi_policy": "pulumi-policy",
    "plinth_policies": "plinth-policies",
}


def project(folder: str) -> dict:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def declared(folder: str) -> set[str]:
    table = project(folder)
    lines = [
        *table["dependencies"],
        *(line for extra in table.get("optional-dependencies", {}).values() for line in extra),
    ]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imports(folder: str) -> dict[str, str]:
    """Top-level module -> one file that imports it."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / folder / PACKAGES[folder]).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                names = members if node.module in PACKAGES.values() else [node.module]
            for name in names:
                found.setdefault(name, str(file.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("folder", PACKAGES)
def test_every_import_is_declared(folder):
    distributions = packages_distributions()
    undeclared = {}
    for module, file in imports(folder).items():
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == PACKAGES[folder]:
            continue
        owners = {MODULES_OF.get(top) or OURS.get(top) or top, *([] if top in OURS else distributions.get(top, []))}
        if not {canonicalize_name(owner) for owner in owners} & declared(folder):
            undeclared[top] = file
    assert not undeclared, f"add to {folder}/pyproject.toml: {undeclared}"


LIGHT = (
    "config",
    "events.config",
    "gateway.config",
    "governance.config",
    "graph.config",
    "mirror.config",
    "names",
    "postgres.config",
    "tenant_routes",
    "vector_declared",
    "valkey.config",
    "vector_schema",
    "vector_snapshots",
    "vectors.config",
    "vectors.endpoints",
    "warehouse.config",
    "warehouse_keys.config",
)
"""What components may use of the runtime: types and names, with nothing but pydantic behind them."""

ALLOWED = {
    "components": {f"plinth_runtime.{name}" for name in LIGHT},
    "runtime": set(),
    "cli": {"plinth", "plinth_runtime", "plinth_policies"},
    "policies": set(),
}


@pytest.mark.parametrize("folder", PACKAGES)
def test_arrows_point_one_way(folder):
    others = set(PACKAGES.values()) - {PACKAGES[folder]}
    wrong = {
        module: file
        for module, file in imports(folder).items()
        if module.partition(".")[0] in others and not {module, module.partition(".")[0]} & ALLOWED[folder]
    }
    assert not wrong


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, set[str]]:
    out = tmp_path_factory.mktemp("dist")
    listing = {}
    for folder in PACKAGES:
        target = out / folder
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
            cwd=ROOT / folder,
            check=True,
            capture_output=True,
        )
        (wheel,) = target.glob("*.whl")
        listing[folder] = set(zipfile.ZipFile(wheel).namelist())
    return listing


@pytest.mark.parametrize("folder", PACKAGES)
def test_wheel_holds_code_and_data(wheels, folder):
    package = ROOT / folder / PACKAGES[folder]
    expected = {
        str(file.relative_to(ROOT / folder))
        for file in package.rglob("*")
        if file.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in file.parts)
    }
    assert expected, f"{package} is empty"
    assert expected <= wheels[folder]
    assert folder == "policies" or f"{PACKAGES[folder]}/py.typed" in wheels[folder]


@pytest.mark.parametrize(("folder", "script"), [("cli", "plinth"), ("runtime", "plinth-runtime")])
def test_scripts_are_installed(folder, script):
    help_text = subprocess.run(
        [Path(sys.executable).parent / script, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "usage" in help_text.lower()


@pytest.mark.parametrize("name", LIGHT)
def test_what_components_use_of_the_runtime_is_light(name):
    heavy = [
        "pulumi",
        "aiohttp",
        "uvicorn",
        "msgspec",
        "prometheus_client",
        "boto3",
        "asyncpg",
        "numpy",
        "qdrant_client",
        "snowflake",
        "sqlglot",
    ]
    program = f"import sys, plinth_runtime.{name}; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_one_pulumi_version_everywhere():
    from plinth_cli.toolchain.model import LANGUAGE_HOST_VERSION, PULUMI_VERSION

    for folder in ("components", "cli", "policies"):
        assert f"pulumi=={PULUMI_VERSION}" in project(folder)["dependencies"]
    tools = ROOT / "tools"
    assert f"pkg/v3 v{PULUMI_VERSION}\n" in (tools / "pulumi" / "go.mod").read_text()
    assert f"sdk/v3 v{LANGUAGE_HOST_VERSION}" in (tools / "pulumi-language-python" / "go.mod").read_text()


def test_our_distributions_agree_on_their_version():
    versions = {project(folder)["version"] for folder in PACKAGES}
    assert len(versions) == 1
    pins = {
        str(requirement.specifier)
        for folder in PACKAGES
        for requirement in map(Requirement, project(folder)["dependencies"])
        if requirement.name in OURS.values()
    }
    assert pins == {f"=={versions.pop()}"}


def test_pyright_is_strict_where_it_was_promised():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    assert config["typeCheckingMode"] == "strict"
    assert {"components", "cli", "runtime/plinth_runtime/config.py"} <= set(config["include"])
    policies = json.loads((ROOT / "policies" / "pyrightconfig.json").read_text())
    assert policies["typeCheckingMode"] == "strict"
