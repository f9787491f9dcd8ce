"""From a training job's spec to Kubernetes objects. Pure, but for what the platform's contract gives."""

import hashlib
import json
import shlex
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import batch, core

from plinth import naming, pods
from plinth.base import to_props
from plinth.batch import plan
from plinth.kinds import ray, training
from plinth.kinds.base import Text
from plinth.spec.training import RayJob, TrainJob
from plinth.tenancy.telemetry import CONFIG

APP = "training"
"""Component label of jobs' pods, and start of their service accounts' names."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
URGENCY_LABEL = "kueue.x-k8s.io/priority-class"

GRACE_SECONDS = 100
"""Time that a pod has to write a last checkpoint: EC2 takes a spot node back two minutes after it says so."""

HEAD_CPUS, HEAD_MEMORY = "2", "8Gi"
"""The head of a Ray cluster: it plans and computes nothing."""

SHARED_MEMORY, SCRATCH = "/dev/shm", pods.TEMPORARY  # noqa: S108 - a path inside a container, backed by a volume of its own


def object_name(job: TrainJob | RayJob) -> str:
    """Name of the job's objects: another one for other content, because a job that was submitted cannot change."""
    content = json.dumps(to_props(job), sort_keys=True)
    return f"{job.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def account(job: TrainJob | RayJob) -> str:
    """Name of its service account."""
    return f"{APP}-{job.name}"


def labels(job: TrainJob | RayJob, tenant: str) -> dict[str, str]:
    """Labels of its pods; its walls go by them."""
    return {**pods.labels(APP, account(job)), "plinth.dev/tenant": tenant}


def queue_labels(job: TrainJob | RayJob, tenant: str) -> dict[str, str]:
    """Labels of the job itself: which queue it lines up in, and how urgent it is."""
    return {**labels(job, tenant), QUEUE_LABEL: plan.QUEUE, URGENCY_LABEL: job.urgency}


def checkpoint_prefix(tenant: str, job: TrainJob | RayJob) -> str:
    """Start of the keys of its checkpoints."""
    return f"{naming.tenant_prefix(tenant)}checkpoints/{job.name}/"


# Kubeflow Trainer


def runtime(job: TrainJob, tenant: str, variables: Mapping[str, Text]) -> training.TrainingRuntime:
    """What its pods look like.

    When a node is taken away, all start again and the run does not count as failed; when a program fails, all start
    again as often as the spec says. Either way they go on from the last checkpoint.
    """
    lost = batch.v1.PodFailurePolicyRuleArgs(
        action="FailJob",
        on_pod_conditions=[batch.v1.PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")],
    )
    jobs = training.JobSpec(
        backoff_limit=0,
        pod_failure_policy=batch.v1.PodFailurePolicyArgs(rules=[lost]),
        template=_template(job, tenant, _pod(job, variables, [_worker(job, variables, "node", job.command)])),
    )
    again = training.FailureRule(
        name="nodes-taken-away",
        action="RestartJobSetAndIgnoreMaxRestarts",
        on_job_failure_reasons=["PodFailurePolicy"],
    )
    return training.TrainingRuntime(
        ml_policy=training.MlPolicy(num_nodes=job.nodes),
        template=training.JobSetTemplate(
            spec=training.JobSetSpec(
                failure_policy=training.FailurePolicy(max_restarts=job.retries, rules=[again]),
                replicated_jobs=[
                    training.ReplicatedJob(
                        template=training.JobTemplate(
                            metadata=training.JobMetadata(labels=training.TRAINER_STEP), spec=jobs
                        )
                    )
                ],
            )
        ),
    )


def train_job(job: TrainJob) -> training.TrainJob:
    """The run."""
    return training.TrainJob(
        runtime_ref=training.RuntimeRef(name=object_name(job)),
        trainer=training.Trainer(num_nodes=job.nodes, num_proc_per_node=job.gpus_per_node),
        active_deadline_seconds=job.deadline_minutes * 60,
    )


# Ray


def ray_job(job: RayJob, tenant: str, variables: Mapping[str, Text]) -> training.RayJob:
    """The run, with its cluster: a head without GPUs, and the nodes that compute."""
    plain = pods.resources(cpu=HEAD_CPUS, memory=HEAD_MEMORY)
    head = _container(job, variables, "ray-head", plain)
    submitter = _container(job, variables, "ray-job-submitter", pods.resources(cpu="500m", memory="1Gi"))
    return training.RayJob(
        entrypoint=shlex.join(job.command),
        submitter_pod_template=_template(job, tenant, _pod(job, variables, [submitter], on_gpus=False)),
        ttl_seconds_after_finished=600,
        active_deadline_seconds=job.deadline_minutes * 60,
        backoff_limit=job.retries,
        ray_cluster_spec=ray.RayClusterSpec(
            ray_version=job.ray_version,
            head_group_spec=ray.HeadGroup(
                ray_start_params={"num-gpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 - the walls decide who may ask
                template=_template(job, tenant, _pod(job, variables, [head], on_gpus=False, restart=None)),
            ),
            worker_group_specs=[
                ray.WorkerGroup(
                    group_name="nodes",
                    replicas=job.nodes,
                    min_replicas=job.nodes,
                    max_replicas=job.nodes,
                    ray_start_params={},
                    template=_template(
                        job, tenant, _pod(job, variables, [_worker(job, variables, "ray-worker")], restart=None)
                    ),
                )
            ],
        ),
    )


# Pods


def _template(job: TrainJob | RayJob, tenant: str, pod: core.v1.PodSpecArgs) -> ray.PodTemplate:
    return ray.PodTemplate(metadata=ray.PodMetadata(labels=labels(job, tenant)), spec=pod)


def _worker(
    job: TrainJob | RayJob, variables: Mapping[str, Text], name: str, command: list[str] | None = None
) -> core.v1.ContainerArgs:
    resources = pods.resources(
        cpu=str(job.cpus_per_node),
        memory=f"{job.memory_gib_per_node}Gi",
        extended={naming.GPU_TAINT: str(job.gpus_per_node)},
    )
    return _container(job, variables, name, resources, command)


def _container(
    job: TrainJob | RayJob,
    variables: Mapping[str, Text],
    name: str,
    resources: core.v1.ResourceRequirementsArgs,
    command: list[str] | None = None,
) -> core.v1.ContainerArgs:
    values: dict[str, Text] = {**job.environment, "HOME": SCRATCH, **variables}
    return core.v1.ContainerArgs(
        name=name,
        image=job.image,
        command=command,
        env=[core.v1.EnvVarArgs(name=key, value=value) for key, value in values.items()],
        env_from=[core.v1.EnvFromSourceArgs(config_map_ref=core.v1.ConfigMapEnvSourceArgs(name=CONFIG))],
        security_context=pods.container_security(),
        resources=resources,
        volume_mounts=[
            core.v1.VolumeMountArgs(name="scratch", mount_path=SCRATCH),
            core.v1.VolumeMountArgs(name="shared-memory", mount_path=SHARED_MEMORY),
        ],
    )


def _pod(
    job: TrainJob | RayJob,
    variables: Mapping[str, Text],
    containers: list[core.v1.ContainerArgs],
    *,
    on_gpus: bool = True,
    restart: str | None = "Never",
) -> core.v1.PodSpecArgs:
    """Kueue adds the tolerations of the pool, and for pods without GPUs the nodes that they may run on."""
    selector: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = {naming.POOL_LABEL: job.pool} if on_gpus else None
    return core.v1.PodSpecArgs(
        restart_policy=restart,
        service_account_name=account(job),
        automount_service_account_token=False,
        priority_class_name=naming.BATCH_PRIORITY,
        termination_grace_period_seconds=GRACE_SECONDS,
        security_context=pods.pod_security(),
        node_selector=selector,
        containers=containers,
        volumes=[
            pods.scratch("scratch", f"{job.scratch_gib if on_gpus else 10}Gi"),
            pods.scratch("shared-memory", f"{job.shared_memory_gib if on_gpus else 2}Gi", memory=True),
        ],
    )
