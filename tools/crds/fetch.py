"""Regenerates the schemas of custom Kubernetes resources in `cli/plinth_cli/rehearsal/data/crds`.

Run `python tools/crds/fetch.py` after a version in SOURCES changed. Every schema comes from the YAML that the
project itself publishes: from its Go module (`go mod download`, checksummed) where a module of the wanted
version exists, else from its Git tag. Needs `go` and `git` on PATH, and PyYAML.

What is kept is what says which objects are valid. Descriptions, defaults, CEL rules and `status` are dropped;
a required field that the API server fills with a default is not required.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import yaml

TARGET = Path(__file__).resolve().parents[2] / "cli/plinth_cli/rehearsal/data/crds"
LIMIT = 300_000
"""Bytes that one schema may have in the repository."""

DROPPED = frozenset({"description", "default", "example", "title", "x-kubernetes-validations"})
MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties"})
LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})


@dataclass(frozen=True)
class Source:
    """One project's release and the CRD files to take from it."""

    project: str
    version: str
    """Module version, or the tag in Git."""
    licence: str
    """SPDX identifier."""
    paths: tuple[str, ...]
    versions: tuple[str, ...]
    """API versions to keep."""
    module: str | None = None
    """Go module path; None to read the tag from the project's Git repository."""


def _under(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}.yaml" for name in names)


SOURCES = (
    Source(
        "github.com/aws/karpenter-provider-aws",
        "v1.14.1",
        "Apache-2.0",
        _under(
            "pkg/apis/crds",
            "karpenter.sh_nodepools",
            "karpenter.sh_nodeclaims",
            "karpenter.sh_nodeoverlays",
            "karpenter.k8s.aws_ec2nodeclasses",
        ),
        ("v1", "v1alpha1"),
        module="github.com/aws/karpenter-provider-aws",
    ),
    # Its releases since v2 are no Go module versions (the module path lacks /v2).
    Source(
        "github.com/external-secrets/external-secrets",
        "v2.9.0",
        "Apache-2.0",
        _under(
            "config/crds/bases",
            "external-secrets.io_externalsecrets",
            "external-secrets.io_clusterexternalsecrets",
            "external-secrets.io_secretstores",
            "external-secrets.io_clustersecretstores",
        ),
        ("v1",),
    ),
    # Its Go module holds the Go types of this release, but not the YAML.
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.93.0",
        "Apache-2.0",
        _under(
            "example/prometheus-operator-crd",
            "monitoring.coreos.com_servicemonitors",
            "monitoring.coreos.com_podmonitors",
            "monitoring.coreos.com_prometheusrules",
            "monitoring.coreos.com_alertmanagerconfigs",
        ),
        ("v1", "v1alpha1"),
    ),
    Source(
        "github.com/kedacore/keda",
        "v2.20.2",
        "Apache-2.0",
        _under(
            "config/crd/bases",
            "keda.sh_scaledobjects",
            "keda.sh_triggerauthentications",
            "keda.sh_clustertriggerauthentications",
        ),
        ("v1alpha1",),
        module="github.com/kedacore/keda/v2",
    ),
)


@dataclass(frozen=True)
class Entry:
    """One row of index.json."""

    group: str
    version: str
    kind: str
    scope: str
    file: str
    project: str
    release: str
    path: str
    licence: str
    as_of: str
    """Day on which the release was published, YYYY-MM-DD."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 gives a bare `=` a meaning that PyYAML does not implement; in an enum it is just a string."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


def _parse(text: str) -> Mapping[str, Any]:
    return yaml.load(text, _Loader)  # noqa: S506 -- a subclass of SafeLoader


def _run(*command: str, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def _read_module(source: Source, work: Path) -> tuple[str, dict[str, str]]:
    """Returns the day of the release and the files by path, from the Go module proxy."""
    answer = json.loads(_run("go", "mod", "download", "-json", f"{source.module}@{source.version}", cwd=work))
    published = json.loads(Path(answer["Info"]).read_text())["Time"]
    return published[:10], {path: (Path(answer["Dir"]) / path).read_text() for path in source.paths}


def _read_git(source: Source, work: Path) -> tuple[str, dict[str, str]]:
    """Returns the day of the tagged commit and the files by path, fetching no other file's content."""
    clone = work / source.project.rsplit("/", 1)[-1]
    options = ("--quiet", "--depth=1", "--filter=blob:none", "--no-checkout", "--branch", source.version)
    _run("git", "clone", *options, f"https://{source.project}", str(clone))
    published = _run("git", "log", "-1", "--format=%cs", cwd=clone).strip()
    return published, {path: _run("git", "show", f"HEAD:{path}", cwd=clone) for path in source.paths}


def trim(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of an OpenAPI schema that decides whether an object is valid."""
    trimmed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in DROPPED:
            continue
        if key in MAPS_OF_SCHEMAS:
            trimmed[key] = {name: trim(inner) for name, inner in value.items()}
        elif isinstance(value, Mapping):
            trimmed[key] = trim(cast("Mapping[str, Any]", value))
        elif key in LISTS_OF_SCHEMAS:
            trimmed[key] = [trim(item) for item in value]
        else:
            trimmed[key] = value
    properties = schema.get("properties", {})
    required = [name for name in schema.get("required", ()) if "default" not in properties.get(name, {})]
    trimmed.pop("required", None)
    if required:
        trimmed["required"] = required
    return trimmed


def extract(crd: Mapping[str, Any], versions: tuple[str, ...]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Yields (group, version, kind and scope; trimmed schema) for each of the served versions."""
    spec = crd["spec"]
    for version in spec["versions"]:
        if version["name"] not in versions or not version["served"]:
            continue
        schema = trim(version["schema"]["openAPIV3Schema"])
        for name in ("apiVersion", "kind", "metadata", "status"):
            schema["properties"].pop(name, None)
        identity = {
            "group": spec["group"],
            "version": version["name"],
            "kind": spec["names"]["kind"],
            "scope": spec["scope"],
        }
        yield identity, schema


def _fetch(source: Source, work: Path) -> Iterator[tuple[Entry, str]]:
    read = _read_module if source.module else _read_git
    published, files = read(source, work)
    for path, text in files.items():
        for identity, schema in extract(_parse(text), source.versions):
            name = "{group}_{version}_{kind}.json".format(**identity)
            rendered = json.dumps(schema, indent=1, sort_keys=True) + "\n"
            if len(rendered) > LIMIT:
                rendered = json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n"
            if len(rendered) > LIMIT:
                raise SystemExit(f"{name} has {len(rendered)} bytes, the limit is {LIMIT}: do without it")
            entry = Entry(
                **identity,
                file=name,
                project=source.project,
                release=source.version,
                path=path,
                licence=source.licence,
                as_of=published,
            )
            yield entry, rendered


def fetch_all(target: Path) -> list[Entry]:
    """Writes all schemas and index.json to the folder, removes other schemas, and returns the index."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        fetched = [pair for source in SOURCES for pair in _fetch(source, Path(folder))]
    for entry, rendered in fetched:
        (target / entry.file).write_text(rendered)
    entries = sorted((entry for entry, _ in fetched), key=lambda entry: entry.file)
    (target / "index.json").write_text(json.dumps([asdict(entry) for entry in entries], indent=1) + "\n")
    wanted = {entry.file for entry in entries} | {"index.json"}
    for stale in target.glob("*.json"):
        if stale.name not in wanted:
            stale.unlink()
    return entries


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fetch the schemas of custom Kubernetes resources.")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to")
    for entry in fetch_all(parser.parse_args().target):
        print(f"{entry.group}/{entry.version} {entry.kind}  ({entry.project} {entry.release}, {entry.as_of})")


if __name__ == "__main__":
    main()
