"""What an engine is to the platform: one way to serve a self-hosted model.

`ModelDeployment` makes what every engine needs (service account, identity, walls, disruption budget, scaling) and
asks the model's engine for the rest. An engine is a value without state: what it says follows from the model alone,
so that the gateway, the walls and the autoscaler take their facts from it without Pulumi.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
from pulumi_kubernetes import meta

from plinth.base import Component
from plinth.serving.platform import ServingPlatform
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel


@dataclass(frozen=True, slots=True)
class Signals:
    """PromQL of what decides how many replicas run. All are totals over all replicas."""

    waiting: str
    """Requests that wait for a replica."""
    running: str
    """Requests that are being answered."""
    kv_cache: str | None
    """Used KV cache in percent, summed over replicas; None where the engine does not tell."""


@dataclass(frozen=True, slots=True)
class ScaleTarget:
    """The object whose `scale` subresource the autoscaler sets."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True)
class Site:
    """Where an engine puts a model, and what is there already."""

    name: str
    """What the logical names of the engine's resources start with."""
    component: Component
    """Their parent: `component.options(type)` gives their options."""
    environment: Environment
    platform: ServingPlatform
    pool: GpuPool
    metadata: meta.v1.ObjectMetaArgs
    """Of objects that are named like the model."""
    labels: Mapping[str, str]
    """Of pods."""
    weights: pulumi.Input[str]
    """Address of the weights, for example `s3://bucket/acme/chat-large/2026-10-01`."""
    after: Sequence[pulumi.Resource]
    """What pods need before they start: service account, identity, nodes."""


class Engine(Protocol):
    """One way to serve a self-hosted model, behind an API that speaks OpenAI's protocol under `/v1`."""

    @property
    def port(self) -> int:
        """TCP port of the API, at the service and at the pods."""
        ...

    def service_name(self, model: SelfHostedModel) -> str:
        """Name of the Service that the gateway calls."""
        ...

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """Labels of all pods of the model: walls hold for them."""
        ...

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """Labels of the pods that answer, one a replica: the disruption budget holds for them."""
        ...

    def signals(self, model: SelfHostedModel) -> Signals:
        """What the engine's metrics say."""
        ...

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget | None:
        """What the platform's autoscaler scales; None where the engine's own controller does it."""
        ...

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """Make the workload and its Service; gives the workload."""
        ...
