"""LeaderWorkerSet: replicas of several pods, which start, restart and end together.

Source: LeaderWorkerSet's API types, `leaderworkerset.x-k8s.io/v1`, 0.9.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pulumi_kubernetes import core

from plinth import versions
from plinth.kinds.base import CustomKind, Part

GROUP_KEY = "leaderworkerset.sigs.k8s.io/group-key"
"""Label that the pods of one replica share, and no others."""

LEADER_ADDRESS, WORKER_INDEX = "LWS_LEADER_ADDRESS", "LWS_WORKER_INDEX"
"""Variables that every container gets: the leader's host name, and the pod's place in its group (the leader's is 0)."""


class PodMetadata(Part):
    """Labels of the pods."""

    labels: Mapping[str, str]


class PodTemplate(Part):
    """What pods look like."""

    metadata: PodMetadata
    spec: core.v1.PodSpecArgs


class Group(Part):
    """One replica: a leader and its workers."""

    size: int
    """Pods of the group, the leader among them."""
    restart_policy: Literal["RecreateGroupOnPodRestart"]
    """One process that fails takes the whole group with it: the others could not go on."""
    leader_template: PodTemplate
    worker_template: PodTemplate


class RollingUpdate(Part):
    """How many groups a rollout may add and miss."""

    max_surge: int
    max_unavailable: int


class RolloutStrategy(Part):
    """How a new version replaces the old one."""

    type: Literal["RollingUpdate"] = "RollingUpdate"
    rolling_update_configuration: RollingUpdate


class LeaderWorkerSet(CustomKind):
    """Replicas of several pods."""

    API_VERSION: ClassVar[str] = versions.API["LeaderWorkerSet"]
    KIND: ClassVar[str] = "LeaderWorkerSet"

    replicas: int | None = None
    """Number of groups; None leaves it to the autoscaler."""
    leader_worker_template: Group
    rollout_strategy: RolloutStrategy
    startup_policy: Literal["LeaderCreated"]
    """Workers start together with their leader: each waits for the other."""
