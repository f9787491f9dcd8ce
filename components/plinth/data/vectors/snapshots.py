"""Snapshots of Qdrant to S3."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.data.vectors import cluster_plan as plan
from plinth.data.vectors import qdrant_values as values
from plinth.data.vectors import walls
from plinth.data.vectors.built import VectorPlatform
from plinth.data.vectors.tls import AUTHORITY_FILE
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.spec.data import Bucket
from plinth.spec.environment import Environment
from plinth.spec.vectors import ClusterEngine
from plinth.storage import lifecycle
from plinth.storage.bucket import private_bucket
from plinth_runtime.vector_snapshots import VectorSnapshots

KIND = "qdrant"
PREFIX = "snapshots/"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/snapshots", "snapshots.json"
KEYS_DIR, TLS_DIR = "/etc/plinth/keys", "/etc/plinth/tls"
HOURS = 6
"""Longest time that a snapshot takes, in hours."""


class Snapshots(Component):
    """A CronJob that takes each collection, node by node, to a bucket of its own, with an identity of its own."""

    bucket_arn: pulumi.Output[str]
    """ARN of the bucket."""

    def __init__(
        self,
        name: str,
        section: ClusterEngine,
        *,
        environment: Environment,
        store: str,
        keys: str,
        certificate: str,
        platform: VectorPlatform,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts = {"schedule": section.snapshot_schedule, "days": section.snapshot_days}
        super().__init__("VectorSnapshots", name, facts, environment=environment, opts=opts)
        self._name, self._app, self._platform = name, plan.snapshots_app(store), platform
        bucket = private_bucket(
            self,
            f"{name}-bucket",
            key_arn=platform.data_key_arn,
            rules=lifecycle.plan(Bucket(name="snapshots", expire_after_days=section.snapshot_days, old_version_days=1)),
            keep_on_destroy=environment.protects_data,
            tags={"data-class": environment.data_class},
        )
        self.bucket_arn = bucket.arn
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=platform.cluster_name,
            namespace=platform.namespace,
            service_account=self._app,
            policies={
                "write": pulumi.Output.json_dumps(
                    documents.use_prefix([bucket.arn], PREFIX, [platform.data_key_arn], environment.region)
                )
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        config = self._config(store, section, bucket.name, environment.region)
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        wall = networking.v1.NetworkPolicy(
            f"{name}-wall",
            metadata=self._metadata(),
            spec=walls.snapshots_wall(store, KIND),
            opts=self.options(networking.v1.NetworkPolicy),
        )
        self._cron_job(section, keys, certificate, [config, account, wall, identity, *after])
        self.register_outputs({"bucketArn": self.bucket_arn})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=self._app, namespace=self._platform.namespace, labels=self._labels())

    def _labels(self) -> dict[str, str]:
        return pods.labels(walls.SNAPSHOTS, self._app)

    def _config(self, store: str, section: ClusterEngine, bucket: pulumi.Output[str], region: str) -> core.v1.ConfigMap:
        def render(name: str) -> str:
            space, port = f"{naming.SYSTEM_NAMESPACE}.svc.cluster.local", plan.API_PORTS[KIND]
            return VectorSnapshots(
                nodes=[f"https://{peer}.{space}:{port}" for peer in plan.peers(store, section.replicas)],
                api_key_file=f"{KEYS_DIR}/{values.API_KEY}",
                ca_file=f"{TLS_DIR}/{AUTHORITY_FILE}",
                bucket=name,
                prefix=PREFIX,
                region=region,
            ).model_dump_json(indent=2)

        return core.v1.ConfigMap(
            f"{self._name}-config",
            metadata=self._metadata(),
            data={CONFIG_FILE: bucket.apply(render)},
            opts=self.options(core.v1.ConfigMap),
        )

    def _cron_job(self, section: ClusterEngine, keys: str, certificate: str, after: Sequence[pulumi.Resource]) -> None:
        batch.v1.CronJob(
            f"{self._name}-job",
            metadata=self._metadata(),
            spec=batch.v1.CronJobSpecArgs(
                schedule=section.snapshot_schedule,
                time_zone="Etc/UTC",
                concurrency_policy="Forbid",
                starting_deadline_seconds=3600,
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=3,
                job_template=batch.v1.JobTemplateSpecArgs(
                    spec=batch.v1.JobSpecArgs(
                        backoff_limit=2,
                        active_deadline_seconds=HOURS * 3600,
                        template=core.v1.PodTemplateSpecArgs(
                            metadata=meta.v1.ObjectMetaArgs(labels=self._labels()), spec=self._pod(keys, certificate)
                        ),
                    )
                ),
            ),
            opts=self.options(batch.v1.CronJob, depends_on=list(after)),
        )

    def _pod(self, keys: str, certificate: str) -> core.v1.PodSpecArgs:
        folders = {CONFIG_DIR: "config", KEYS_DIR: keys, TLS_DIR: certificate}
        container = core.v1.ContainerArgs(
            name="snapshots",
            image=self._platform.runtime_image,
            command=["plinth-runtime", "vector-snapshots", "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
            security_context=pods.container_security(),
            resources=pods.resources(cpu="100m", memory="256Mi", cpu_limit="1"),
            volume_mounts=[
                core.v1.VolumeMountArgs(name=volume, mount_path=folder, read_only=True)
                for folder, volume in folders.items()
            ],
        )
        return core.v1.PodSpecArgs(
            restart_policy="OnFailure",
            service_account_name=self._app,
            automount_service_account_token=False,
            priority_class_name=naming.SYSTEM_PRIORITY,
            security_context=pods.pod_security(),
            containers=[container],
            volumes=[
                core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=self._app)),
                core.v1.VolumeArgs(name=keys, secret=core.v1.SecretVolumeSourceArgs(secret_name=keys)),
                core.v1.VolumeArgs(name=certificate, secret=core.v1.SecretVolumeSourceArgs(secret_name=certificate)),
            ],
        )
