"""The Jobs that make and replace the keys of service users, where no state ever sees a private key."""

import hashlib
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes import batch, core, meta

from plinth import naming, pods
from plinth.base import Component
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake
from plinth.spec.snowflake.references import KEY_ROTATOR
from plinth_runtime.warehouse_keys.config import KeyRotation as Config
from plinth_runtime.warehouse_keys.config import RotatedUser

APP = "warehouse-keys"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/warehouse-keys", "rotation.json"

SCHEDULE = "17 3 * * *"
"""Every day, not on the hour, when everybody's jobs run. In the cluster's time, UTC."""


def config(section: Snowflake, environment: Environment) -> str:
    """What the Jobs are told, as JSON: the very type that they read."""
    link = section.network.private_link
    return Config(
        account=f"{section.organization}-{section.account}",
        host=link.account_host if link else None,
        user=KEY_ROTATOR,
        role=KEY_ROTATOR,
        users=[
            RotatedUser(
                user=user.name,
                stored_as=naming.snowflake_key_secret(environment, user.name, user.tenant),
                rotate_days=user.rotate_days,
            )
            for user in section.users
        ],
    ).model_dump_json(indent=2)


class KeyRotation(Component):
    """Secrets of key pairs, and the Jobs that fill them: one at once, one every day.

    The Job of the day does for each user what is due: a new key in the slot that is free, the old one out of the
    other slot a day later. Whatever it is killed in the middle of, a key that works is in the secret.
    """

    role_arn: pulumi.Output[str]
    """IAM role of the Jobs: the workload identity of the user that rotates."""

    def __init__(
        self,
        name: str,
        section: Snowflake,
        *,
        environment: Environment,
        platform: SnowflakePlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("KeyRotation", name, {"users": section.users}, environment=environment, opts=opts)
        self._prefix, self._section, self._platform = name, section, platform
        self._labels = pods.labels(APP, APP)
        self.secret_arns = {user.name: self._secret(user.name, user.tenant) for user in section.users}
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=platform.cluster_name,
            namespace=platform.namespace,
            service_account=APP,
            policies={"keys": pulumi.Output.json_dumps(self._policy())},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.role_arn = identity.role_arn
        self.register_outputs({"role_arn": self.role_arn, "secret_arns": self.secret_arns})

    def _secret(self, user: str, tenant: str | None) -> pulumi.Output[str]:
        """A secret without a value: the first Job writes one."""
        return aws.secretsmanager.Secret(
            f"{self._prefix}-{user.lower().replace('_', '-')}",
            name=naming.snowflake_key_secret(self._environment, user, tenant),
            description=f"Key pair of the Snowflake service user {user}",
            kms_key_id=self._platform.secrets_key_arn,
            recovery_window_in_days=30 if self._environment.protects_data else 0,
            opts=self.options(aws.secretsmanager.Secret),
        ).arn

    def _policy(self) -> documents.Document:
        via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{self._environment.region}.amazonaws.com"}}
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"]
        key = [self._platform.secrets_key_arn]
        return documents.document(
            documents.allow(actions, list(self.secret_arns.values()), sid="Keys"),
            documents.allow(["kms:Decrypt", "kms:GenerateDataKey"], key, condition=via, sid="Encrypt"),
        )

    def start(self, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """Make the Jobs, which need the users that they are about; gives the first one, done when keys are there."""
        text = config(self._section, self._environment)
        settings = core.v1.ConfigMap(
            f"{self._prefix}-config",
            metadata=self._metadata(APP),
            data={CONFIG_FILE: text},
            opts=self.options(core.v1.ConfigMap),
        )
        account = core.v1.ServiceAccount(
            f"{self._prefix}-account",
            metadata=self._metadata(APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        pod = self._pod({"checksum/config": hashlib.sha256(text.encode()).hexdigest()})
        needed = [settings, account, *after]
        batch.v1.CronJob(
            f"{self._prefix}-daily",
            metadata=self._metadata(APP),
            spec=batch.v1.CronJobSpecArgs(
                schedule=SCHEDULE,
                concurrency_policy="Forbid",
                starting_deadline_seconds=3600,
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=3,
                job_template=batch.v1.JobTemplateSpecArgs(spec=self._job(pod)),
            ),
            opts=self.options(batch.v1.CronJob, depends_on=needed),
        )
        digest = hashlib.sha256(f"{text}{self._platform.runtime_image}".encode()).hexdigest()[:10]
        return batch.v1.Job(
            f"{self._prefix}-first",
            metadata=self._metadata(f"{APP}-{digest}"),
            spec=self._job(pod, ttl_seconds=24 * 3600),
            opts=self.options(batch.v1.Job, depends_on=needed),
        )

    def _job(self, pod: core.v1.PodTemplateSpecArgs, ttl_seconds: int | None = None) -> batch.v1.JobSpecArgs:
        return batch.v1.JobSpecArgs(
            backoff_limit=6,
            active_deadline_seconds=900,
            ttl_seconds_after_finished=ttl_seconds,
            template=pod,
        )

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._platform.namespace, labels=self._labels)

    def _pod(self, annotations: Mapping[str, str]) -> core.v1.PodTemplateSpecArgs:
        container = core.v1.ContainerArgs(
            name=APP,
            image=self._platform.runtime_image,
            command=["plinth-runtime", APP, "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
            security_context=pods.container_security(),
            resources=pods.resources(cpu="50m", memory="256Mi", cpu_limit="1"),
            env=[
                core.v1.EnvVarArgs(name="AWS_REGION", value=self._environment.region),
                # The connector keeps a cache below its home, and no part of the image can be written.
                core.v1.EnvVarArgs(name="HOME", value=pods.TEMPORARY),
            ],
            volume_mounts=[
                core.v1.VolumeMountArgs(name="config", mount_path=CONFIG_DIR, read_only=True),
                core.v1.VolumeMountArgs(name="temporary", mount_path=pods.TEMPORARY),
            ],
        )
        return core.v1.PodTemplateSpecArgs(
            metadata=meta.v1.ObjectMetaArgs(labels=self._labels, annotations=dict(annotations)),
            spec=core.v1.PodSpecArgs(
                restart_policy="OnFailure",
                service_account_name=APP,
                automount_service_account_token=False,
                priority_class_name=naming.SYSTEM_PRIORITY,
                security_context=pods.pod_security(),
                containers=[container],
                volumes=[
                    core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=APP)),
                    pods.scratch("temporary", "64Mi"),
                ],
            ),
        )
