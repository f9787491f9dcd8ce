"""Routes that tenants add themselves: blends of platform routes that they may call.

A team's own stack keeps each route as a small JSON document; in the gateway they appear as files named
`<tenant>.<route>.json`. The name comes from where the document was stored, not from what it says, so a team can
only ever add routes to its own tenant. Clients call them as `<tenant>/<route>`. A tenant reaches nothing new this
way: targets are platform routes, and only those that it may call.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from plinth_runtime.config import ModelName, Name, Route, RuntimeConfig, Target, TenantAccess
from plinth_runtime.files import resolve
from plinth_runtime.gateway.config import DATA_CLASSES

FILE_NAME = re.compile(r"^(?P<tenant>[a-z][a-z0-9-]*)\.(?P<route>[a-z][a-z0-9-]*)\.json$")

_MOST_WEIGHT = 1000
_MOST_BYTES = 64 * 1024


class Share(BaseModel):
    """A platform route that a tenant's route sends requests to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    route: ModelName
    """Name of the platform route; the tenant must be allowed to call it."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share of requests, relative to the other routes."""


class TenantRoute(BaseModel):
    """One route of a tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    name: Name
    """Name of the route; clients call it as `<tenant>/<name>`."""

    shares: Annotated[list[Share], Field(min_length=1, max_length=20)]
    """Platform routes that answer."""

    @field_validator("shares")
    @classmethod
    def _once(cls, value: list[Share]) -> list[Share]:
        if len({share.route for share in value}) != len(value):
            raise ValueError("must not name a route twice: use weight")
        return value


@dataclass(frozen=True)
class Refused:
    """A document that was not taken, and why. The gateway goes on without it."""

    file: str
    reason: str


@dataclass(frozen=True)
class Merged:
    """A configuration with the routes of tenants in it."""

    config: RuntimeConfig
    refused: tuple[Refused, ...]


def public_name(tenant: str, route: str) -> str:
    """What clients pass as `model` for a tenant's route."""
    return f"{tenant}/{route}"


def merge(config: RuntimeConfig, documents: Mapping[str, str]) -> Merged:
    """Add the routes in `documents` (file name to JSON text) to a configuration; bad ones are left out."""
    tenants = {tenant.name: tenant for tenant in config.tenants}
    platform = {route.name: route for route in config.routes}
    added: dict[str, list[Route]] = {}
    refused: list[Refused] = []
    for file, text in sorted(documents.items()):
        try:
            tenant, route = _route(file, text, tenants, platform)
        except ValueError as error:
            refused.append(Refused(file, _one_line(error)))
        else:
            added.setdefault(tenant, []).append(route)
    merged = RuntimeConfig(
        **{
            **dict(config),
            "tenants": [_with(tenant, added.get(tenant.name, [])) for tenant in config.tenants],
            "routes": [*config.routes, *(route for routes in added.values() for route in routes)],
        }
    )
    return Merged(merged, tuple(refused))


def _route(
    file: str, text: str, tenants: Mapping[str, TenantAccess], platform: Mapping[str, Route]
) -> tuple[str, Route]:
    found = FILE_NAME.match(file)
    if not found:
        raise ValueError("the file is not named <tenant>.<route>.json")
    tenant = tenants.get(found["tenant"])
    if tenant is None:
        raise ValueError(f"no tenant is named {found['tenant']!r}")
    document = TenantRoute.model_validate_json(text)
    if document.name != found["route"]:
        raise ValueError(f"name is {document.name!r}, and the document is stored as {found['route']!r}")
    name = public_name(tenant.name, document.name)
    if name in platform:
        raise ValueError(f"the platform has a route {name!r} already")
    for share in document.shares:
        if share.route not in tenant.routes or share.route not in platform:
            allowed = ", ".join(tenant.routes) or "none"
            raise ValueError(f"tenant {tenant.name!r} may not call {share.route!r} (it may call: {allowed})")
    blended = [platform[share.route] for share in document.shares]
    return tenant.name, _strictest(name, list(_blend(document.shares, platform)), blended)


def _strictest(name: str, targets: list[Target], blended: list[Route]) -> Route:
    """A route that keeps what each of the blended ones promises about where data may go."""
    allowed = [set(route.residency) for route in blended if route.residency]
    residency = sorted(set.intersection(*allowed)) if allowed else []
    if allowed and not residency:
        raise ValueError("the routes share no place where requests may be answered (residency)")
    return Route(
        name=name,
        targets=targets,
        data_class=max((route.data_class for route in blended), key=DATA_CLASSES.index),
        residency=residency,
        retries=min(route.retries for route in blended),
        stall_seconds=min(route.stall_seconds for route in blended),
    )


def _blend(shares: Iterable[Share], platform: Mapping[str, Route]) -> Iterator[Target]:
    """The targets of all routes, each with its part of the whole; a target of several routes gets their sum."""
    parts: dict[tuple[str, str], Fraction] = {}
    found: dict[tuple[str, str], Target] = {}
    for share in shares:
        targets = platform[share.route].targets
        total = sum(target.weight for target in targets)
        for target in targets:
            key = (target.backend, target.model)
            found.setdefault(key, target)
            parts[key] = parts.get(key, Fraction(0)) + Fraction(share.weight * target.weight, total)
    largest = max(parts.values())
    for key, part in parts.items():
        yield found[key].model_copy(update={"weight": max(1, round(_MOST_WEIGHT * part / largest))})


def _with(tenant: TenantAccess, routes: Iterable[Route]) -> TenantAccess:
    merged = [*tenant.routes, *(route.name for route in routes)]
    return tenant.model_copy(update={"routes": merged})


def _one_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        parts = (f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors())
        return "; ".join(parts)
    return str(error)


class TenantRoutes:
    """The folder of tenants' routes, as mounted into the gateway; it need not exist while there are none."""

    def __init__(self, directory: str, config: RuntimeConfig) -> None:
        """Read the folder. `directory` is a path of the container; `config` is the platform's own configuration."""
        self._folder = resolve(directory)
        self._platform = config
        self._documents = self._read()
        self.merged = merge(config, self._documents)
        """The configuration to run with, and the documents that were refused."""

    def refresh(self) -> bool:
        """Read the folder again; True when it differed, and `merged` with it."""
        documents = self._read()
        if documents == self._documents:
            return False
        self._documents = documents
        self.merged = merge(self._platform, documents)
        return True

    def _read(self) -> dict[str, str]:
        return {path.name: text for path in self._files() if (text := _text(path)) is not None}

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        except OSError:
            return []


def _text(path: Path) -> str | None:
    """The text of a file; None when it has gone meanwhile. An oversized one is cut, which makes it invalid."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
