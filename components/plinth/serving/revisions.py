"""What is served: every self-hosted model, and beside it the revision that is being tried out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

from plinth.spec.gateway import Route, Target
from plinth.spec.models import DevelopmentModel, Replicas, SelfHostedModel, ServedModel


def canary_name(model: str) -> str:
    """Name of the revision beside a model."""
    return f"{model}-next"


def canary(model: SelfHostedModel) -> SelfHostedModel | None:
    """The revision beside a model, as a model of its own with a fixed number of replicas; None without one."""
    if model.canary is None:
        return None
    changes = {
        "name": canary_name(model.name),
        "source": model.canary.source or model.source,
        "engine": model.canary.engine or model.engine,
        "replicas": Replicas(min=model.canary.replicas, max=model.canary.replicas),
        "scale_to_zero": None,
        "canary": None,
    }
    return model.model_copy(update=changes)


def self_hosted(models: Sequence[ServedModel]) -> list[SelfHostedModel]:
    """The self-hosted models, each followed by the revision beside it."""
    stable = [model for model in models if isinstance(model, SelfHostedModel)]
    return [item for model in stable for item in (model, canary(model)) if item is not None]


def in_cluster(models: Sequence[ServedModel]) -> list[SelfHostedModel | DevelopmentModel]:
    """Everything that runs on the platform itself."""
    return [*self_hosted(models), *(model for model in models if isinstance(model, DevelopmentModel))]


@dataclass(frozen=True, slots=True)
class Share:
    """A server that answers part of a route's requests."""

    server: str
    """Name of the model whose server it is."""
    adapter: str | None
    """The adapter that it is to use; None for the model itself."""
    weight: int
    target: Target
    """The target that it belongs to."""


def shares(route: Route, models: Sequence[ServedModel]) -> list[Share]:
    """Who answers a route: its targets, adapters at their model's server, and canaries by their weight in percent."""
    found: list[Share] = []
    for target in route.targets:
        server = server_of(target.model, models)
        name = server.name if server else target.model
        adapter = None if name == target.model else target.model
        trial = server.canary if isinstance(server, SelfHostedModel) else None
        percent = trial.weight if trial else 0
        found.append(Share(name, adapter, target.weight * (100 - percent), target))
        found.append(Share(canary_name(name), adapter, target.weight * percent, target))
    divisor = gcd(*(share.weight for share in found))
    return [replace(share, weight=share.weight // divisor) for share in found if share.weight]


def server_of(name: str, models: Sequence[ServedModel]) -> ServedModel | None:
    """The model that a name means: itself, or the one that has the adapter of that name; None for a GPU elsewhere."""
    for model in models:
        adapters = model.adapters if isinstance(model, SelfHostedModel) else []
        if name == model.name or any(adapter.name == name for adapter in adapters):
            return model
    return None
