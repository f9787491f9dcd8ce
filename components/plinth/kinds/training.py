"""Distributed jobs: Kubeflow Trainer's, with JobSet's in them, and KubeRay's.

Sources: API types of Kubeflow Trainer v2.2 (`trainer.kubeflow.org/v1alpha1`), JobSet v0.11 and KubeRay v1.6
(`ray.io/v1`).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pulumi_kubernetes import batch

from plinth import versions
from plinth.kinds.base import CustomKind, Part
from plinth.kinds.ray import PodTemplate, RayClusterSpec

TRAINER_STEP = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
"""Labels of the job template that a TrainJob's `trainer` is about."""


class JobMetadata(Part):
    """Labels of a job."""

    labels: Mapping[str, str]


class JobSpec(Part):
    """One Kubernetes Job of a set."""

    backoff_limit: int
    pod_failure_policy: batch.v1.PodFailurePolicyArgs
    template: PodTemplate


class JobTemplate(Part):
    """What the Job looks like."""

    metadata: JobMetadata
    spec: JobSpec


class ReplicatedJob(Part):
    """A Job of the set; Trainer knows its main one as `node`."""

    name: str = "node"
    template: JobTemplate


class FailureRule(Part):
    """What happens when a Job of the set fails for these reasons."""

    name: str
    action: Literal["FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"]
    on_job_failure_reasons: Sequence[str]


class FailurePolicy(Part):
    """How often the whole set starts again."""

    max_restarts: int
    rules: Sequence[FailureRule]


class JobSetSpec(Part):
    """Jobs that start, fail and start again together."""

    failure_policy: FailurePolicy
    replicated_jobs: Sequence[ReplicatedJob]


class JobSetTemplate(Part):
    """The set that Trainer makes of a runtime."""

    spec: JobSetSpec


class Torch(Part):
    """PyTorch: Trainer tells each node the `PET_*` variables that `torchrun` reads."""


class MlPolicy(Part):
    """What the nodes of a job are told of each other."""

    num_nodes: int
    torch: Torch = Torch()


class TrainingRuntime(CustomKind):
    """What the pods of TrainJobs look like."""

    API_VERSION: ClassVar[str] = versions.API["TrainingRuntime"]
    KIND: ClassVar[str] = "TrainingRuntime"

    ml_policy: MlPolicy
    template: JobSetTemplate


class RuntimeRef(Part):
    """A TrainingRuntime of the same namespace."""

    name: str
    kind: Literal["TrainingRuntime"] = "TrainingRuntime"


class Trainer(Part):
    """Nodes, and processes on each."""

    num_nodes: int
    num_proc_per_node: int


class TrainJob(CustomKind):
    """One run of a training runtime."""

    API_VERSION: ClassVar[str] = versions.API["TrainJob"]
    KIND: ClassVar[str] = "TrainJob"

    runtime_ref: RuntimeRef
    trainer: Trainer
    active_deadline_seconds: int
    """Counted from each start: waiting in the queue does not count."""


class RayJob(CustomKind):
    """One run of a program on a Ray cluster of its own."""

    API_VERSION: ClassVar[str] = versions.API["RayJob"]
    KIND: ClassVar[str] = "RayJob"

    entrypoint: str
    """The command, as a shell would read it."""
    submission_mode: Literal["K8sJobMode"] = "K8sJobMode"
    submitter_pod_template: PodTemplate
    shutdown_after_job_finishes: bool = True
    """Kueue asks for it: a cluster that stays would keep its quota."""
    ttl_seconds_after_finished: int
    active_deadline_seconds: int
    backoff_limit: int
    ray_cluster_spec: RayClusterSpec
