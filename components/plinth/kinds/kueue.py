"""Kueue's queues.

Source: Kueue's API types, `kueue.x-k8s.io/v1beta2`, v0.19.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class ResourceFlavor(CustomKind):
    """Nodes of one kind. Pods that get quota of a flavor get its labels as node selector, and its tolerations."""

    API_VERSION: ClassVar[str] = versions.API["ResourceFlavor"]
    KIND: ClassVar[str] = "ResourceFlavor"
    NAMESPACED: ClassVar[bool] = False

    node_labels: Mapping[str, str] | None = None
    tolerations: Sequence[Mapping[str, str]] | None = None


class Quota(Part):
    """How much of one resource."""

    name: str
    nominal_quota: str
    """What is there; of a ClusterQueue: its own whenever it wants it."""
    borrowing_limit: str | None = None
    """How much more it may take of what others do not use. Only for a ClusterQueue in a cohort."""


class FlavorQuotas(Part):
    """How much of each resource of a group, in the group's order, on one flavor."""

    name: str
    resources: Sequence[Quota]


class ResourceGroup(Part):
    """Resources that come from the same flavor."""

    covered_resources: Sequence[str]
    flavors: Sequence[FlavorQuotas]


class FairSharing(Part):
    """The part of lent quota."""

    weight: str


class Cohort(CustomKind):
    """ClusterQueues that lend to each other, and what they share besides."""

    API_VERSION: ClassVar[str] = versions.API["Cohort"]
    KIND: ClassVar[str] = "Cohort"
    NAMESPACED: ClassVar[bool] = False

    resource_groups: Sequence[ResourceGroup]


class NamespaceSelector(Part):
    """Whose jobs a ClusterQueue takes."""

    match_labels: Mapping[str, str]


class Preemption(Part):
    """Whose running jobs go back to their queue for a waiting one."""

    reclaim_within_cohort: Literal["Never", "LowerPriority", "Any"]
    """Jobs of others that run on borrowed quota."""
    within_cluster_queue: Literal["Never", "LowerPriority", "LowerOrNewerEqualPriority"]
    """Jobs of its own."""


class ClusterQueue(CustomKind):
    """A tenant's quota."""

    API_VERSION: ClassVar[str] = versions.API["ClusterQueue"]
    KIND: ClassVar[str] = "ClusterQueue"
    NAMESPACED: ClassVar[bool] = False

    cohort_name: str
    namespace_selector: NamespaceSelector
    queueing_strategy: Literal["StrictFIFO", "BestEffortFIFO"] = "BestEffortFIFO"
    resource_groups: Sequence[ResourceGroup]
    preemption: Preemption
    fair_sharing: FairSharing


class LocalQueue(CustomKind):
    """Where the jobs of a namespace line up: its name is the label `kueue.x-k8s.io/queue-name` of a job."""

    API_VERSION: ClassVar[str] = versions.API["LocalQueue"]
    KIND: ClassVar[str] = "LocalQueue"

    cluster_queue: str


class WorkloadPriorityClass(Part):
    """How urgent a job is within its queue; says nothing about its pods. The kind has no `spec`."""

    API_VERSION: ClassVar[str] = versions.API["WorkloadPriorityClass"]
    KIND: ClassVar[str] = "WorkloadPriorityClass"

    value: int
    description: str

    def register(self, logical_name: str, *, name: str, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
        """Make the object; the SDK's own class for custom resources knows no field beside `spec`."""
        metadata = k8s.meta.v1.ObjectMetaArgs(name=name)
        props = {"apiVersion": self.API_VERSION, "kind": self.KIND, "metadata": metadata, **self.to_object()}
        return pulumi.CustomResource(f"kubernetes:{self.API_VERSION}:{self.KIND}", logical_name, props, opts)
