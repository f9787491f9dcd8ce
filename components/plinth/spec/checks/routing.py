"""Routes: what their rules need of the models behind them, and whom they name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.models import SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

CONFIDENTIAL = ("confidential", "restricted")


def callers(spec: "PlatformSpec") -> Iterator[Problem]:
    """Callers are tenants, each named once."""
    tenants = [tenant.name for tenant in spec.tenants]
    seen: set[str] = set()
    for index, caller in enumerate(spec.gateway.callers):
        path = f"gateway.callers[{index}].tenant"
        yield from one_of(path, caller.tenant, tenants, "tenants")
        if caller.tenant in seen:
            yield Problem(path, caller.tenant, "a tenant that no caller before it names")
        seen.add(caller.tenant)


def _own(spec: "PlatformSpec") -> set[str]:
    """Names of what answers on the platform's own GPUs (and, on a laptop, of its stand-ins)."""
    found: set[str] = set()
    for model in spec.models:
        if model.kind != "hosted":
            found.add(model.name)
        if isinstance(model, SelfHostedModel):
            found |= {adapter.name for adapter in model.adapters}
    return found


def confidential_routes(spec: "PlatformSpec") -> Iterator[Problem]:
    """A route for confidential requests, of its own or of a caller's class, has a model that may answer them."""
    own = _own(spec)
    classes = {caller.tenant: caller.data_class for caller in spec.gateway.callers}
    for index, route in enumerate(spec.gateway.routes):
        if any(target.model in own for target in route.targets):
            continue
        listed = [target.model for target in route.targets]
        if route.data_class in CONFIDENTIAL:
            allowed = "at least one model on the platform's own GPUs, because the route's data class is confidential"
            yield Problem(f"gateway.routes[{index}].targets", listed, allowed)
        for number, tenant in enumerate(spec.tenants):
            if route.name in tenant.routes and classes.get(tenant.name) in CONFIDENTIAL:
                allowed = (
                    "routes with a model on the platform's own GPUs, because gateway.callers classes the tenant's "
                    "requests as confidential"
                )
                yield Problem(f"tenants[{number}].routes", route.name, allowed)


def resumable(spec: "PlatformSpec") -> Iterator[Problem]:
    """A route that resumes has a model that can go on with another's answer."""
    continuing = {
        model.name for model in spec.models if isinstance(model, SelfHostedModel) and model.engine.kind == "vllm"
    }
    for index, route in enumerate(spec.gateway.routes):
        able = [target.model for target in route.targets if target.model in continuing]
        if route.resume and not able:
            allowed = "false, or a target that is a self-hosted model on vLLM: no other can continue an answer"
            yield Problem(f"gateway.routes[{index}].resume", True, allowed)
