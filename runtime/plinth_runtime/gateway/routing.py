"""Which backend answers: targets in the order in which to try them."""

import random
from collections.abc import Callable

from plinth_runtime.config import Backend, RuntimeConfig, Target
from plinth_runtime.errors import model_not_found


class Routes:
    """The routes of a configuration, looked up by tenant and name."""

    def __init__(
        self, config: RuntimeConfig, is_up: Callable[[str], bool], chance: random.Random | None = None
    ) -> None:
        self._backends = {backend.name: backend for backend in config.backends}
        self._is_up = is_up
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, protects nothing
        self.replace(config)

    def replace(self, config: RuntimeConfig) -> None:
        """Take the routes of another configuration; the backends stay."""
        self._targets = {route.name: route.targets for route in config.routes}
        self._allowed = {tenant.name: frozenset(tenant.routes) for tenant in config.tenants}
        self._trace_projects = {tenant.name: tenant.trace_project for tenant in config.tenants}

    def allowed(self, tenant: str) -> list[str]:
        """Return the names of the routes that a tenant may call, sorted."""
        return sorted(self._allowed[tenant])

    def trace_project(self, tenant: str) -> str | None:
        """Return the name under which a tenant's traces belong together, if it has one."""
        return self._trace_projects.get(tenant)

    def check(self, tenant: str, route: str) -> None:
        """Make sure that a tenant may call a route.

        Raises:
            ApiError: It does not exist or is not the tenant's (404 for both, as OpenAI does: names are not disclosed).
        """
        if route not in self._allowed[tenant]:
            raise model_not_found(route)

    def candidates(self, route: str, tenant: str) -> list[tuple[Backend, str]]:
        """Return (backend, what it calls the model) in the order to try.

        They are drawn by weight, backends known to be down last.
        """
        targets = self._targets[route]
        if len(targets) > 1:
            drawn = sorted(targets, key=self._draw)
            targets = sorted(drawn, key=lambda target: not self._is_up(target.backend))
        found = ((self._backends[target.backend], target.model) for target in targets)
        return [(backend, backend.tenant_models.get(tenant, model)) for backend, model in found]

    def _draw(self, target: Target) -> float:
        """Draw a sort key such that each target comes first in proportion to its weight (Efraimidis, Spirakis 2006)."""
        return self._chance.expovariate(target.weight)
