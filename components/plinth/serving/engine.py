"""What an engine is to the platform: one way to serve a self-hosted model.

`ModelDeployment` makes what every engine needs (service account, identity, walls, disruption budget, scaling) and
asks the model's engine for the rest. An engine is a value without state: what it says follows from the model alone,
so that the gateway, the walls and the autoscaler take their facts from it without Pulumi.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
from pulumi_kubernetes import meta, networking

from plinth import naming, pods
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
    kv_cache: str | None
    """Used KV cache in percent, summed over replicas; None where the engine does not tell."""
    running: str | None = None
    """Requests that are being answered; only asked of engines that may have no replica."""


@dataclass(frozen=True, slots=True)
class ScaleTarget:
    """The object whose `scale` subresource the autoscaler sets."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True)
class Doors:
    """What the wall around a model's pods lets through, besides names, HTTPS and Pod Identity."""

    ingress: Sequence[networking.v1.NetworkPolicyIngressRuleArgs]
    egress: Sequence[networking.v1.NetworkPolicyEgressRuleArgs] = ()


@dataclass(frozen=True, slots=True)
class Scrape:
    """Pods of a model whose metrics are not found by the platform's own labels and port."""

    name: str
    """What is scraped, after the model's name; empty for the model's own pods."""
    selector: Mapping[str, str]
    port: str
    """Name of the port."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """How many pods a drain may take along, as a disruption budget says it: one of the two."""

    max_unavailable: int | None = None
    min_available: int | None = None


def usual_doors(port: int) -> Doors:
    """The gateway and Prometheus get in, on one port."""
    gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(naming.GATEWAY))
    return Doors(ingress=[pods.allow_from([gateway, pods.peer(naming.MONITORING_NAMESPACE)], port)])


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

    def served_name(self, model: SelfHostedModel) -> str:
        """What the API calls the model."""
        ...

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """Labels of all pods of the model: walls hold for them."""
        ...

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """Labels of the pods that answer, one a replica: the disruption budget holds for them."""
        ...

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """Who talks to those pods."""
        ...

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """How many of those pods may go at once."""
        ...

    def signals(self, model: SelfHostedModel) -> Signals:
        """What the engine's metrics say."""
        ...

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """What Prometheus reads besides the pods that have the platform's own labels and port."""
        ...

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget | None:
        """What the platform's autoscaler scales; None where the engine's own controller does it."""
        ...

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """Make the workload and its Service; gives the workload."""
        ...
