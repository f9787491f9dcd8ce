"""KubeRay's clusters and services.

Source: KubeRay's API types, `ray.io/v1`, v1.6.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pulumi_kubernetes import core

from plinth import versions
from plinth.kinds.base import CustomKind, Part, Text


class PodMetadata(Part):
    """Labels and annotations of a group's pods, on top of KubeRay's own."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] | None = None


class PodTemplate(Part):
    """What the pods of a group look like; the first container runs Ray."""

    metadata: PodMetadata
    spec: core.v1.PodSpecArgs


class HeadGroup(Part):
    """The head: one pod that knows the cluster's state."""

    ray_start_params: Mapping[str, str]
    """Options of `ray start`, without their dashes."""
    template: PodTemplate


class WorkerGroup(Part):
    """Workers that are alike."""

    group_name: str
    replicas: int
    min_replicas: int
    max_replicas: int
    ray_start_params: Mapping[str, str]
    template: PodTemplate


class AutoscalerOptions(Part):
    """Ray's autoscaler, which runs beside the head."""

    version: Literal["v1", "v2"] = "v2"
    idle_timeout_seconds: int
    """Time after which a worker without work goes."""
    resources: core.v1.ResourceRequirementsArgs
    security_context: core.v1.SecurityContextArgs


class AuthOptions(Part):
    """Whether callers of the head need a token; KubeRay makes it and gives it to the cluster's pods."""

    mode: Literal["token", "disabled"] = "token"


class RayClusterSpec(Part):
    """A Ray cluster."""

    ray_version: str
    auth_options: AuthOptions | None = None
    enable_in_tree_autoscaling: bool | None = None
    autoscaler_options: AutoscalerOptions | None = None
    head_group_spec: HeadGroup
    worker_group_specs: Sequence[WorkerGroup]


class UpgradeStrategy(Part):
    """How a changed cluster replaces the one before.

    `NewCluster` starts a second cluster and moves the Service to it once it answers.
    """

    type: Literal["NewCluster", "None"]


class RayService(CustomKind):
    """Ray Serve applications on a cluster of their own, behind one Service."""

    API_VERSION: ClassVar[str] = versions.API["RayService"]
    KIND: ClassVar[str] = "RayService"

    serve_config_v2: Text
    """Ray Serve's configuration, as YAML or JSON text."""
    upgrade_strategy: UpgradeStrategy
    ray_cluster_deletion_delay_seconds: int
    """Time that the cluster before still finishes its answers in."""
    exclude_head_pod_from_serve_svc: bool = True
    ray_cluster_config: RayClusterSpec
