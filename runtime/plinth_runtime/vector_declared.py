"""Collections that tenants declare themselves, in the platform's stores beside PostgreSQL.

A team's own stack keeps each as a small JSON document; here they appear as files named `<tenant>.<name>.json`. Whose
it is comes from where the document was stored, not from what it says. `plinth-runtime vector-declared --config PATH`
runs as a Kubernetes CronJob and makes what is missing; a document that cannot be taken is said, and left out.

Only pydantic and the standard library are imported at the top, because Pulumi programs build these types.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from plinth_runtime.config import AbsolutePath, Name
from plinth_runtime.files import read, resolve
from plinth_runtime.startup import parse
from plinth_runtime.vectors.config import Collection, VectorEndpoint, VectorStores

FILE_NAME = re.compile(r"^(?P<tenant>[a-z][a-z0-9-]*)\.(?P<name>[a-z_][a-z0-9_]*)\.json$")

LONGEST_NAME = 63
_MOST_BYTES = 64 * 1024


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DeclaredCollection(_Model):
    """One collection of a tenant's own."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    store: Name
    """Store of the platform that keeps it."""

    collection: Collection
    """The collection, under the name that the team gave it."""


class DeclaredStores(_Model):
    """Where tenants' collections can be, and where their documents are."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    stores: dict[Name, VectorEndpoint]
    """The stores beside PostgreSQL, with credentials that may make collections."""

    tenants: list[Name]
    """The tenants; documents of others are left out."""

    directory: AbsolutePath = "/etc/plinth/declared"
    """Folder with the documents; it need not exist while there are none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document that was understood."""

    tenant: str
    store: str
    collection: Collection
    """Under the name that it has in the store."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that is left out, and why."""

    file: str
    reason: str


def store_name(tenant: str, name: str) -> str:
    """Name of a tenant's collection in the store: no two tenants, and not the platform, can have the same.

    Names of tenants have single dashes and no underscore, so what comes before the first two underscores is one.

    Raises:
        ValueError: it is longer than a name may be.
    """
    full = f"{tenant.replace('-', '_')}__{name}"
    if len(full) > LONGEST_NAME:
        raise ValueError(
            f"the name is too long: at most {LONGEST_NAME - len(full) + len(name)} characters for {tenant}"
        )
    return full


def understand(stores: DeclaredStores, documents: Mapping[str, str]) -> Iterator[Wanted | Refused]:
    """What each of the `documents` (file name to JSON text) asks for."""
    for file, text in sorted(documents.items()):
        try:
            yield _wanted(stores, file, text)
        except ValidationError as error:
            parts = (f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors())
            yield Refused(file, "; ".join(parts))
        except ValueError as error:
            yield Refused(file, str(error))


def _wanted(stores: DeclaredStores, file: str, text: str) -> Wanted:
    found = FILE_NAME.match(file)
    if not found:
        raise ValueError("the file is not named <tenant>.<name>.json")
    if found["tenant"] not in stores.tenants:
        raise ValueError(f"no tenant is named {found['tenant']!r}")
    document = DeclaredCollection.model_validate_json(text)
    if document.collection.name != found["name"]:
        raise ValueError(f"name is {document.collection.name!r}, and the document is stored as {found['name']!r}")
    if document.store not in stores.stores:
        raise ValueError(f"no store is called {document.store!r} (there are: {', '.join(stores.stores) or 'none'})")
    named = document.collection.model_copy(update={"name": store_name(found["tenant"], document.collection.name)})
    # Whether the engine takes it: the same check as for the platform's own.
    VectorStores(stores={document.store: stores.stores[document.store]}, collections=[named])
    return Wanted(found["tenant"], document.store, named)


def run(config_path: str) -> int:
    """Make every declared collection; return the exit status, 1 where a store did not do as it was asked.

    Raises:
        StartupError: the configuration or a credential cannot be read.
    """
    file = resolve(config_path)
    stores = parse(DeclaredStores, read(file, "the configuration"), file)
    found = list(understand(stores, _documents(resolve(stores.directory))))
    for item in found:
        if isinstance(item, Refused):
            _say(f"{item.file} is left out: {item.reason}")
    return asyncio.run(_make(stores, [item for item in found if isinstance(item, Wanted)]))


async def _make(stores: DeclaredStores, wanted: list[Wanted]) -> int:
    """Make them, store by store; one that cannot be made does not hold up the others."""
    from plinth_runtime.vectors.errors import VectorError
    from plinth_runtime.vectors.opening import open_stores

    failed = 0
    for name, endpoint in stores.stores.items():
        here = [item for item in wanted if item.store == name]
        if not here:
            continue
        config = VectorStores(stores={name: endpoint}, collections=[item.collection for item in here])
        async with open_stores(config) as opened:
            for item in here:
                place = f"collection {item.collection.name} of tenant {item.tenant} in store {name}"
                try:
                    _say(f"{place}: {await opened.for_tenant(item.tenant).create_collection(item.collection.name)}")
                except VectorError as error:
                    failed += 1
                    _say(f"{place}: {error}")
    return 1 if failed else 0


def _documents(folder: Path) -> dict[str, str]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError:
        return {}
    return {path.name: text for path in files if (text := _text(path)) is not None}


def _text(path: Path) -> str | None:
    """The text of a file; None when it has gone meanwhile. An oversized one is cut, which makes it invalid."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def _say(text: str) -> None:
    print(f"vector-declared: {text}", flush=True)  # noqa: T201 - the Job's log
