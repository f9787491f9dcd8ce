"""What every model server stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel
from plinth.storage.object_store import ObjectStore

WEIGHTS_BUCKET = "models"
"""Bucket with the weights of models."""


@dataclass(frozen=True)
class ServingPlatform:
    """What every model server stands on."""

    namespace: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    priority_class: pulumi.Input[str]
    runtime_image: str
    longest_request_seconds: int
    """Time that a running answer gets to finish when its pod has to go."""
    weights: ObjectStore
    """Its bucket `models` holds the weights."""
    data_key_arn: pulumi.Input[str]
    """Key that the weights are encrypted with."""
    pools: Mapping[str, GpuPool]
    nodes: Mapping[str, pulumi.Resource]
    """What starts the nodes of each pool: they go after the pods, which could not move anywhere else."""
    self_hosted: Sequence[SelfHostedModel]
    """All models on GPU pools: they decide whether a pool has a spare GPU during a rollout."""
    controllers: Mapping[str, Sequence[pulumi.Resource]]
    """What the objects of an engine wait for, by the engine's kind; engines without a controller are not in it."""
    groups: pulumi.Resource | None
    """What makes a LeaderWorkerSet work; None where every replica fits a node."""
    mirrors: Mapping[str, pulumi.Resource]
    """What brings weights into the bucket, by their place in it; weights that people put there are not in it."""
    autoscaler: pulumi.Resource | None
    """What makes a ScaledObject work; None where no model is scaled."""
