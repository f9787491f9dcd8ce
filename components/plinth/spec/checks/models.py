"""What models need of other sections, and where each kind may be used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.models import DevelopmentModel, SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def weights_bucket(spec: "PlatformSpec") -> Iterator[Problem]:
    """Self-hosted models have a bucket to load weights from."""
    buckets = [bucket.name for bucket in spec.storage.buckets]
    if any(isinstance(model, SelfHostedModel) for model in spec.models) and "models" not in buckets:
        yield Problem(
            "storage.buckets", buckets, "a list with the bucket models: self-hosted models load their weights from it"
        )
    for index, bucket in enumerate(spec.storage.buckets):
        if bucket.name == "models" and bucket.data_class == "restricted":
            allowed = "public, internal or confidential: model servers have no way to the key of restricted data"
            yield Problem(f"storage.buckets[{index}].data_class", bucket.data_class, allowed)


def real_models_in_production(spec: "PlatformSpec") -> Iterator[Problem]:
    """The development model server answers nobody in production."""
    if spec.environment.stage == "production":
        for index, model in enumerate(spec.models):
            if isinstance(model, DevelopmentModel):
                yield Problem(f"models[{index}].kind", "development", "'self_hosted' or 'hosted' in production")


def served_names(spec: "PlatformSpec") -> Iterator[Problem]:
    """Adapters and canaries have names that nothing else has: the gateway tells them apart by it."""
    taken = {model.name: f"models[{index}]" for index, model in enumerate(spec.models)}
    for index, model in enumerate(spec.models):
        if not isinstance(model, SelfHostedModel):
            continue
        if model.canary and (name := f"{model.name}-next") in taken:
            yield Problem(
                f"{taken[name]}.name", name, f"another name: models[{index}] has a canary, which has this one"
            )
        for number, adapter in enumerate(model.adapters):
            path = f"models[{index}].adapters[{number}]"
            if adapter.name in taken:
                yield Problem(f"{path}.name", adapter.name, f"a name that {taken[adapter.name]} does not have already")
            taken.setdefault(adapter.name, path)


def sleeping_models(spec: "PlatformSpec") -> Iterator[Problem]:
    """A model without a replica is woken by requests that wait for it, so nobody else may answer them."""
    asleep = {m.name for m in spec.models if isinstance(m, SelfHostedModel) and m.scale_to_zero}
    adapters = {
        adapter.name: model.name
        for model in spec.models
        if isinstance(model, SelfHostedModel)
        for adapter in model.adapters
    }
    for index, route in enumerate(spec.gateway.routes):
        sleeping = [t.model for t in route.targets if adapters.get(t.model, t.model) in asleep]
        if sleeping and len(route.targets) > 1:
            allowed = f"{sleeping[0]} alone: it is scaled to zero, and while another model answers nothing wakes it"
            yield Problem(f"gateway.routes[{index}].targets", [t.model for t in route.targets], allowed)
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel) and model.scale_to_zero and model.canary:
            allowed = "absent where replicas.min is 0: the canary would answer, and nothing would wake the model"
            yield Problem(f"models[{index}].canary", "given", allowed)
