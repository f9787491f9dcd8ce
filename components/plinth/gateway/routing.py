"""From the spec's routes, tenants and models to how the gateway routes. Pure."""

import math
from collections.abc import Mapping

from plinth import naming
from plinth.serving import revisions
from plinth.spec import PlatformSpec
from plinth.spec.gateway import Caller
from plinth.spec.gateway import Route as RouteSection
from plinth.spec.gateway import Target as TargetSection
from plinth.spec.hosted import AnyHostedModel, BedrockModel, SageMakerModel, VertexModel
from plinth.spec.models import DevelopmentModel, SelfHostedModel
from plinth.spec.tenants import Tenant
from plinth_runtime.config import TenantAccess
from plinth_runtime.gateway.config import Price, Route, Target

PLACES = {
    "us": "us",
    "northamerica": "us",
    "eu": "eu",
    "europe": "eu",
    "ca": "ca",
    "sa": "sa",
    "ap": "apac",
    "asia": "apac",
    "australia": "apac",
    "me": "me",
    "il": "me",
    "af": "af",
    "cn": "cn",
}
"""First part of a region's name, at AWS or Google Cloud -> where that is."""


def place(region: str) -> str | None:
    """Where a region is, as `residency` names it; None where its name does not say."""
    return PLACES.get(region.partition("-")[0])


def hosted_place(model: AnyHostedModel, region: str) -> str | None:
    """Where a hosted model answers, as far as its own configuration promises it."""
    match model:
        case BedrockModel():
            return None if model.crosses_regions else place(region)
        case SageMakerModel():
            return place(region)
        case VertexModel():
            return place(model.location)
        case _:
            return None


def capacity(model: SelfHostedModel | DevelopmentModel, gateways: int) -> int | None:
    """Requests that all replicas of a model work on at once, divided among the gateway's pods."""
    if isinstance(model, DevelopmentModel):
        return None
    return math.ceil(model.requests_at_once * model.replicas.max / gateways)


def access(spec: PlatformSpec, tenant: Tenant) -> TenantAccess:
    """What a tenant may call, and what counts for its requests."""
    found = next((caller for caller in spec.gateway.callers if caller.tenant == tenant.name), None)
    caller = found or Caller(tenant=tenant.name)
    return TenantAccess(
        name=tenant.name,
        routes=list(tenant.routes),
        trace_project=naming.trace_project(spec.environment, tenant.name),
        data_class=caller.data_class,
        residency=caller.residency,
        priority=caller.priority,
        sees_decisions=caller.sees_decisions,
    )


def route(spec: PlatformSpec, section: RouteSection, called: Mapping[str, str]) -> Route:
    """A route. `called` says what each server calls its model."""
    targets = [
        _target(spec, share, share.adapter or called[share.server]) for share in revisions.shares(section, spec.models)
    ]
    return Route(
        name=section.name,
        targets=targets,
        order=section.order,
        data_class=section.data_class,
        residency=section.residency,
        retries=section.retries,
        hedge_after_seconds=section.hedge_after_seconds,
        first_byte_seconds=section.first_byte_seconds,
        stall_seconds=section.stall_seconds,
        resume=section.resume,
    )


def _target(spec: PlatformSpec, share: revisions.Share, model: str) -> Target:
    section: TargetSection = share.target
    server = next((it for it in revisions.self_hosted(spec.models) if it.name == share.server), None)
    context = section.context_tokens or (server.max_context_tokens if server else None)
    price = section.price
    return Target(
        backend=share.server,
        model=model,
        weight=share.weight,
        priority=section.priority,
        context_tokens=context,
        features=section.features,
        size=section.size,
        price=Price(**price.model_dump()) if price else None,
        continues=server is not None and server.engine.kind == "vllm",
    )
