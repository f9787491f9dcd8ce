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


def real_models_in_production(spec: "PlatformSpec") -> Iterator[Problem]:
    """The development model server answers nobody in production."""
    if spec.environment.stage == "production":
        for index, model in enumerate(spec.models):
            if isinstance(model, DevelopmentModel):
                yield Problem(f"models[{index}].kind", "development", "'self_hosted' or 'hosted' in production")
