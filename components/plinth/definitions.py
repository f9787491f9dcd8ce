"""The CustomResourceDefinitions that ship with the platform: data files, pinned and checksummed.

`tools/crds/fetch.py` writes them. They are complete but for descriptions: defaults, CEL rules and `status` are there,
so that a cluster which gets them behaves as the projects meant. Everything that knows custom kinds reads them here.

Each project is one packaged Helm chart. As resources of their own the definitions would be most of the state: the
engine needs ten times as long for a megabyte of schemas as for everything else (docs/decisions).
"""

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

_FOLDER = Path(__file__).parent / "tables" / "crds"


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of tables/crds/index.json."""

    name: str
    """Name of the definition: PLURAL.GROUP."""
    project: str
    """Short name of the project that it belongs to, for example `karpenter`."""
    release: str
    """Version of the project."""
    source: str
    """Where the file came from: Go module and version, or the document it was written from."""
    path: str
    """File inside the source."""
    licence: str
    """SPDX identifier."""
    as_of: str
    """Day on which the source was published, YYYY-MM-DD."""
    group: str
    kind: str
    scope: str
    """Namespaced or Cluster."""
    versions: tuple[str, ...]
    """API versions that are served."""
    file: str
    """The chart that it is in, in tables/crds."""
    sha256: str
    """Of the definition's own file in the chart."""
    complete: bool
    """Whether it can be installed. Otherwise it only says which objects are valid, and the project's chart
    installs its own."""


@cache
def index() -> Mapping[str, Definition]:
    """Every definition, by name."""
    rows = cast("list[dict[str, Any]]", json.loads((_FOLDER / "index.json").read_text()))
    return {row["name"]: _row(row) for row in rows}


def _row(row: dict[str, Any]) -> Definition:
    row["versions"] = tuple(row["versions"])
    return Definition(**row)


def of_project(project: str) -> list[Definition]:
    """The definitions of one project, by name.

    Raises:
        KeyError: there is no such project.
    """
    found = [definition for definition in index().values() if definition.project == project]
    if not found:
        known = sorted({definition.project for definition in index().values()})
        raise KeyError(f"no definitions of project {project}; there are {', '.join(known)}")
    return found


def chart(project: str) -> Path:
    """The packaged chart of a project's definitions."""
    return _FOLDER / of_project(project)[0].file


PLACE = Path(".plinth", "charts")
"""Where the charts are put, from a project's root."""


def placed(project: str, root: Path) -> str:
    """Put a project's chart under the Pulumi project's root, and say where, as a release wants to hear it.

    A release stores the address of its chart, which must be the same from every checkout and installation: there,
    the chart that this package ships lies at one place.

    Raises:
        KeyError: there is no such project.
        OSError: the folder cannot be written.
    """
    source = chart(project)
    target = root / PLACE / source.name
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Another program may read it meanwhile: it sees the old one or the new one, whole.
        descriptor, made = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(made).replace(target)
    return f"./{(PLACE / source.name).as_posix()}"


def read(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition as an object.

    Raises:
        ValueError: the file is not the one that the index vouches for.
    """
    template = _files(definition.file).get(f"crds-{definition.project}/templates/{definition.name}.yaml", b"")
    # The middle one of its three lines; the others leave it out where something else installs it.
    content = b"".join(template.splitlines(keepends=True)[1:-1])
    if hashlib.sha256(content).hexdigest() != definition.sha256:
        raise ValueError(f"tables/crds/{definition.file} was changed; run tools/crds/fetch.py to get it back")
    return json.loads(content)


@cache
def _files(file: str) -> Mapping[str, bytes]:
    with tarfile.open(_FOLDER / file) as tar:
        return {member.name: opened.read() for member in tar if (opened := tar.extractfile(member))}
