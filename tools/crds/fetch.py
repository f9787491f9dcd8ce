"""Regenerates the CustomResourceDefinitions in `components/plinth/tables/crds`.

Run `python tools/crds/fetch.py` after a version in sources.py changed. Needs `go` on PATH, and PyYAML; the Go module
proxy and its checksum database vouch for what is fetched. Descriptions are dropped, everything else is kept.

Each project becomes one packaged Helm chart whose templates are its definitions, and which is what gets installed.
The same sources give the same bytes.
"""

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from sources import SOURCES, Source  # noqa: E402 -- a neighbor of this script

TARGET = HERE.parents[1] / "components/plinth/tables/crds"
WORDS = frozenset({"description", "title", "example"})
MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties"})
LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})
GENERATED_ANNOTATIONS = ("controller-gen.kubebuilder.io/", "cert-manager.io/", "meta.helm.sh/")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 gives a bare `=` a meaning that PyYAML does not implement; in an enum it is just a string."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


def parse(text: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions among the documents of a YAML file."""
    documents = yaml.load_all(text, _Loader)
    return [each for each in documents if each and each.get("kind") == "CustomResourceDefinition"]


def strip(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without words for people."""
    stripped: dict[str, Any] = {}
    for key, value in schema.items():
        if key in WORDS and isinstance(value, str):
            continue
        if key in MAPS_OF_SCHEMAS:
            stripped[key] = {name: strip(inner) for name, inner in value.items()}
        elif key in LISTS_OF_SCHEMAS:
            stripped[key] = [strip(item) for item in value]
        elif key in ("items", "additionalProperties", "not") and isinstance(value, Mapping):
            stripped[key] = strip(cast("Mapping[str, Any]", value))
        else:
            stripped[key] = value
    return stripped


def lean(crd: Mapping[str, Any], versions: tuple[str, ...] = ()) -> dict[str, Any]:
    """The definition as it is installed: the wanted versions (all served ones if empty), and no words.

    Raises:
        ValueError: the version that objects are stored in is not among those wanted.
    """
    spec: Mapping[str, Any] = crd["spec"]
    kept: list[dict[str, Any]] = [
        {
            **version,
            "schema": {"openAPIV3Schema": strip(version["schema"]["openAPIV3Schema"])},
            **({"additionalPrinterColumns": _columns(version)} if "additionalPrinterColumns" in version else {}),
        }
        for version in spec["versions"]
        if (version["name"] in versions if versions else version["served"] or version["storage"])
    ]
    if not any(version["storage"] for version in kept):
        raise ValueError(f"{crd['metadata']['name']}: the stored version is not among {', '.join(versions)}")
    given = {key: crd["metadata"].get(key, {}) for key in ("annotations", "labels")}
    metadata: dict[str, Any] = {"name": crd["metadata"]["name"]}
    metadata |= {
        key: {name: str(value) for name, value in found.items() if not name.startswith(GENERATED_ANNOTATIONS)}
        for key, found in given.items()
        if found or key == "annotations"
    }
    # A definition takes every object of its kind along. Whoever leaves one out of a release must not lose them.
    metadata["annotations"]["helm.sh/resource-policy"] = "keep"
    fields = {key: spec[key] for key in ("group", "names", "scope")}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {**fields, "versions": kept},
    }


def _columns(version: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = version["additionalPrinterColumns"]
    return [{key: column[key] for key in column if key != "description"} for column in columns]


def _module(source: Source, work: Path) -> tuple[str, Path]:
    """Day of publication and folder of a Go module."""
    name = f"{source.module}@{source.at or source.release}"
    done = subprocess.run(["go", "mod", "download", "-json", name], cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{source.project}: go mod download {name} failed:\n{done.stderr or done.stdout}")
    answer = json.loads(done.stdout)
    return json.loads(Path(answer["Info"]).read_text())["Time"][:10], Path(answer["Dir"])


def _definitions(source: Source, work: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields the facts for the index, and the definition."""
    published, folder = (source.as_of or "", HERE) if source.module is None else _module(source, work)
    where = source.written_from if source.module is None else f"{source.module}@{source.at or source.release}"
    for path in source.paths:
        for crd in parse((folder / path).read_text()):
            if source.wanted and crd["metadata"]["name"] not in source.wanted:
                continue
            facts = {
                "project": source.project,
                "release": source.release,
                "source": where,
                "path": path,
                "licence": source.licence,
                "as_of": published,
                "complete": True,
            }
            yield facts, lean(crd, source.versions)


def row(facts: Mapping[str, Any], crd: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the index."""
    spec = crd["spec"]
    return {
        "name": crd["metadata"]["name"],
        **facts,
        "group": spec["group"],
        "kind": spec["names"]["kind"],
        "scope": spec["scope"],
        "versions": [version["name"] for version in spec["versions"] if version["served"]],
        "file": f"{facts['project']}-{facts['release'].removeprefix('v')}.tgz",
        "sha256": hashlib.sha256(render(crd)).hexdigest(),
    }


def render(crd: Mapping[str, Any]) -> bytes:
    """The definition as canonical JSON, which is YAML as well.

    Raises:
        ValueError: Helm would take a part of it for a template's action.
    """
    text = json.dumps(crd, separators=(",", ":"), sort_keys=True) + "\n"
    if "{{" in text:
        raise ValueError(f"{crd['metadata']['name']} has {{{{ in it, which Helm would evaluate")
    return text.encode()


def _template(crd: Mapping[str, Any]) -> bytes:
    condition = f'{{{{- if not (has "{crd["metadata"]["name"]}" .Values.without) }}}}'
    return condition.encode() + b"\n" + render(crd) + b"{{- end }}\n"


def package(project: str, release: str, crds: Iterable[Mapping[str, Any]]) -> bytes:
    """A Helm chart of the definitions."""
    name = f"crds-{project}"
    version = release.removeprefix("v")
    about = f"apiVersion: v2\nname: {name}\nversion: {version if version.count('.') == 2 else f'{version}.0.0'}\n"
    files = {"Chart.yaml": about.encode()}
    files["values.yaml"] = b"# Names of definitions that something else installs.\nwithout: []\n"
    files |= {f"templates/{crd['metadata']['name']}.yaml": _template(crd) for crd in crds}
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(files[path]), 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(plain.getvalue(), mtime=0)


def fetch_all(target: Path) -> list[dict[str, Any]]:
    """Writes all charts and index.json to the folder, removes others, and returns the index."""
    target.mkdir(parents=True, exist_ok=True)
    index_file = target / "index.json"
    old: list[dict[str, Any]] = json.loads(index_file.read_text()) if index_file.exists() else []
    rows: list[dict[str, Any]] = [each for each in old if not each["complete"]]  # see plinth.definitions
    with tempfile.TemporaryDirectory() as work:
        for source in SOURCES:
            found = list(_definitions(source, Path(work)))
            added = [row(facts, crd) for facts, crd in found]
            (target / added[0]["file"]).write_bytes(package(source.project, source.release, (crd for _, crd in found)))
            rows += added
    rows.sort(key=lambda each: each["name"])
    index_file.write_text(json.dumps(rows, indent=1) + "\n")
    wanted = {each["file"] for each in rows} | {index_file.name}
    for stale in target.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fetch the CustomResourceDefinitions.")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to")
    for each in fetch_all(parser.parse_args().target):
        print(f"{each['name']} {','.join(each['versions'])}  ({each['project']} {each['release']}, {each['as_of']})")


if __name__ == "__main__":
    main()
