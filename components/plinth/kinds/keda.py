"""KEDA's ScaledObject.

Source: KEDA's API types, `keda.sh/v1alpha1`, 2.20.
"""

from typing import Any, ClassVar, Literal

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class Target(Part):
    """The object whose `scale` subresource is set."""

    api_version: str
    kind: str
    name: str


class Fallback(Part):
    """How many replicas there are while Prometheus does not answer."""

    failure_threshold: int
    replicas: int
    behavior: Literal["currentReplicasIfHigher"]


class PrometheusQuery(Part):
    """A query and what its value means."""

    server_address: str
    query: str
    threshold: str
    """Value a replica that is fine; more start another."""
    activation_threshold: str | None = None
    """Value above which there is a first replica at all."""


class Trigger(Part):
    """One reason to have more replicas."""

    type: Literal["prometheus"] = "prometheus"
    name: str
    metric_type: Literal["AverageValue"] = "AverageValue"
    metadata: PrometheusQuery


class Autoscaler(Part):
    """What the HorizontalPodAutoscaler underneath is told."""

    behavior: dict[str, Any]


class Advanced(Part):
    """Settings of the HorizontalPodAutoscaler."""

    horizontal_pod_autoscaler_config: Autoscaler


class ScaledObject(CustomKind):
    """Scales a workload by what Prometheus says of it."""

    API_VERSION: ClassVar[str] = versions.API["ScaledObject"]
    KIND: ClassVar[str] = "ScaledObject"

    scale_target_ref: Target
    min_replica_count: int
    max_replica_count: int
    polling_interval: int
    """Seconds between looks."""
    cooldown_period: int
    """Seconds without anything above its activation threshold, after which the last replica goes."""
    initial_cooldown_period: int
    fallback: Fallback
    advanced: Advanced
    triggers: list[Trigger]
