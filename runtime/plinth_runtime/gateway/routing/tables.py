"""What a configuration says about routes, computed once: requests only look it up."""

import hashlib
from dataclasses import dataclass

from plinth_runtime.config import Backend, RuntimeConfig, TenantAccess
from plinth_runtime.errors import model_not_found
from plinth_runtime.gateway.config import DATA_CLASSES, Feature, Priority, Rank, Route, Target


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target of a route, with what is known of its backend."""

    backend: Backend
    target: Target
    key: tuple[str, str]
    """Backend and model: what has a condition of its own."""
    model: str
    weight: float
    priority: int
    self_hosted: bool
    residency: str | None
    capacity: int | None
    context_tokens: int | None
    features: frozenset[Feature] | None
    large: bool | None
    input_price: float
    """US dollars for a token."""
    output_price: float
    salt: int
    """Number of its own, for consistent hashing."""

    @property
    def label(self) -> str:
        """Name in explanations."""
        return f"{self.backend.name}/{self.model}"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route."""

    route: Route
    candidates: tuple[Candidate, ...]
    order: tuple[Rank, ...]
    data_class: int
    residency: frozenset[str]
    reads: bool
    """Whether decisions need to know more of a request than its class."""


@dataclass(frozen=True, slots=True)
class TenantTable:
    """A tenant."""

    access: TenantAccess
    routes: frozenset[str]
    data_class: int
    residency: frozenset[str]
    priority: Priority


class Tables:
    """All routes and tenants of a configuration."""

    def __init__(self, config: RuntimeConfig) -> None:
        backends = {backend.name: backend for backend in config.backends}
        self.config = config
        self.routes = {route.name: _route(route, backends) for route in config.routes}
        self.tenants = {tenant.name: _tenant(tenant) for tenant in config.tenants}

    def allowed(self, tenant: str) -> list[str]:
        """Return the names of the routes that a tenant may call, sorted."""
        return sorted(self.tenants[tenant].routes)

    def route(self, tenant: str, name: str) -> RouteTable:
        """Return a route that a tenant may call.

        Raises:
            ApiError: It does not exist or is not the tenant's (404 for both, as OpenAI does: names are not disclosed).
        """
        if name not in self.tenants[tenant].routes:
            raise model_not_found(name)
        return self.routes[name]

    def model(self, tenant: str, candidate: Candidate) -> str:
        """Return what a tenant's requests call a candidate's model."""
        return candidate.backend.tenant_models.get(tenant, candidate.model)


def _tenant(access: TenantAccess) -> TenantTable:
    return TenantTable(
        access=access,
        routes=frozenset(access.routes),
        data_class=DATA_CLASSES.index(access.data_class),
        residency=frozenset(access.residency),
        priority=access.priority,
    )


def _route(route: Route, backends: dict[str, Backend]) -> RouteTable:
    candidates = tuple(_candidate(target, backends[target.backend]) for target in route.targets)
    limited = any(it.context_tokens is not None or it.features is not None for it in candidates)
    return RouteTable(
        route=route,
        candidates=candidates,
        order=tuple(route.order),
        data_class=DATA_CLASSES.index(route.data_class),
        residency=frozenset(route.residency),
        reads=limited or bool({"complexity", "affinity", "cost"} & set(route.order)),
    )


def _candidate(target: Target, backend: Backend) -> Candidate:
    price = target.price
    return Candidate(
        backend=backend,
        target=target,
        key=(backend.name, target.model),
        model=target.model,
        weight=float(target.weight),
        priority=target.priority,
        self_hosted=backend.hosting == "self_hosted",
        residency=backend.residency,
        capacity=backend.capacity,
        context_tokens=target.context_tokens,
        features=None if target.features is None else frozenset(target.features),
        large=None if target.size is None else target.size == "large",
        input_price=price.input_usd_per_million / 1e6 if price else 0.0,
        output_price=price.output_usd_per_million / 1e6 if price else 0.0,
        salt=int.from_bytes(hashlib.blake2b(f"{backend.name}\0{target.model}".encode(), digest_size=8).digest()),
    )
