"""The CustomResourceDefinitions that ship with the platform: data files, pinned and checksummed.

`tools/crds/fetch.py` writes them. They are complete but for descriptions: defaults, CEL rules and `status` are there,
so that a cluster which gets them behaves as the projects meant. Everything that knows custom kinds reads them here.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

_FOLDER = resources.files("plinth") / "tables" / "crds"


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
    sha256: str
    """Of the file's content, uncompressed."""
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


def read(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition as an object.

    Raises:
        ValueError: the file is not the one that the index vouches for.
    """
    content = gzip.decompress((_FOLDER / definition.file).read_bytes())
    if hashlib.sha256(content).hexdigest() != definition.sha256:
        raise ValueError(f"tables/crds/{definition.file} was changed; run tools/crds/fetch.py to get it back")
    return json.loads(content)
