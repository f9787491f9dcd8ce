"""Jobs that copy public models' weights into the bucket `models`, and all that they may do."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, batch, core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.security.identity import WorkloadIdentity
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret
from plinth.serving.platform import WEIGHTS_BUCKET
from plinth.spec.environment import Environment
from plinth.spec.models import SelfHostedModel
from plinth.spec.weights import HuggingFaceSource
from plinth.storage.object_store import ObjectStore
from plinth_runtime.mirror.config import WeightsMirror as MirrorConfig

COMPONENT = "weights-mirror"
CONFIG_DIR, CONFIG_FILE = "/etc/plinth/mirror", "mirror.json"
TOKEN_DIR, TOKEN_FILE = "/etc/plinth/hub", "token"

HOURS = 12
"""Longest time of one Job: a terabyte at 25 MB a second."""

TRIES = 6


def mirrored(models: Sequence[SelfHostedModel]) -> list[HuggingFaceSource]:
    """What is copied, each once, by its place in the bucket. Pure."""
    found = {model.source.bucket_path: model.source for model in models if isinstance(model.source, HuggingFaceSource)}
    return [found[path] for path in sorted(found)]


def short_name(source: HuggingFaceSource) -> str:
    """Name of a source's objects: its repository, and what tells two revisions apart. Pure."""
    words = source.repository.partition("/")[2].lower().replace(".", "-").replace("_", "-").strip("-")[:30].strip("-")
    return f"mirror-{words}-{hashlib.sha256(source.bucket_path.encode()).hexdigest()[:8]}"


class WeightsMirror(Component):
    """One Job with an identity of its own, which writes to one prefix; it alone may reach the hub.

    A Job cannot be changed: another image of the runtime makes a new one, which finds everything there and ends.
    """

    done: pulumi.Resource
    """The Job: what depends on it comes when the weights are there."""

    def __init__(
        self,
        name: str,
        section: HuggingFaceSource,
        *,
        environment: Environment,
        namespace: pulumi.Input[str],
        cluster_name: pulumi.Input[str],
        image: str,
        weights: ObjectStore,
        data_key_arn: pulumi.Input[str],
        bridge: SecretsBridge,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("WeightsMirror", name, section, environment=environment, opts=opts)
        self._prefix, self._source, self._namespace = name, section, namespace
        self._object = short_name(section)
        self._labels = pods.labels(COMPONENT, self._object)
        bucket = weights.names[WEIGHTS_BUCKET]
        config = core.v1.ConfigMap(
            f"{name}-config",
            metadata=self._metadata(),
            data={CONFIG_FILE: bucket.apply(self._config)},
            opts=self.options(core.v1.ConfigMap),
        )
        access = write_policy(weights.arns[WEIGHTS_BUCKET], section.bucket_path, data_key_arn)
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=self._object,
            policies={"weights": access},
            opts=self.options(WorkloadIdentity),
        )
        self.done = self._job(image, [config, identity, self._account(), self._wall(), *self._token(bridge)])
        self.register_outputs({"path": section.bucket_path})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=self._object, namespace=self._namespace, labels=self._labels)

    def _account(self) -> pulumi.Resource:
        return core.v1.ServiceAccount(
            f"{self._prefix}-account",
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )

    def _config(self, bucket: str) -> str:
        source = self._source
        return MirrorConfig(
            repository=source.repository,
            revision=source.revision,
            bucket=bucket,
            path=source.bucket_path,
            token_file=f"{TOKEN_DIR}/{TOKEN_FILE}" if source.token_secret else None,
        ).model_dump_json(indent=2)

    def _token(self, bridge: SecretsBridge) -> list[pulumi.Resource]:
        if not self._source.token_secret:
            return []
        return [
            external_secret(
                f"{self._prefix}-token",
                namespace=self._namespace,
                target=self._object,
                entries={TOKEN_FILE: RemoteSecret(self._source.token_secret)},
                store_name=bridge.store_name,
                opts=self.options(apiextensions.CustomResource),
            )
        ]

    def _wall(self) -> pulumi.Resource:
        """The hub has no fixed addresses, and sends to those of its distributors: the port is what can be said."""
        return networking.v1.NetworkPolicy(
            f"{self._prefix}-wall",
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector(COMPONENT, self._object)),
                policy_types=["Ingress", "Egress"],
                egress=[pods.allow_dns(), pods.allow_addresses("0.0.0.0/0", 443), pods.allow_pod_identity()],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _job(self, image: str, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        seconds = HOURS * 3600
        timeout = f"{HOURS}h"
        return batch.v1.Job(
            f"{self._prefix}-job",
            metadata=self._metadata(),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=TRIES,
                active_deadline_seconds=seconds,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels), spec=self._pod(image)
                ),
            ),
            opts=self.options(
                batch.v1.Job,
                depends_on=list(after),
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )

    def _pod(self, image: str) -> core.v1.PodSpecArgs:
        token = bool(self._source.token_secret)
        container = core.v1.ContainerArgs(
            name="mirror",
            image=image,
            command=["plinth-runtime", "mirror-weights", "--config", f"{CONFIG_DIR}/{CONFIG_FILE}"],
            env=[core.v1.EnvVarArgs(name="AWS_REGION", value=self._environment.region)],
            security_context=pods.container_security(),
            # Four files at once, two parts of 64 MiB of each in memory, and as much on its way.
            resources=pods.resources(cpu="500m", cpu_limit="2", memory="1536Mi"),
            volume_mounts=[
                core.v1.VolumeMountArgs(name="config", mount_path=CONFIG_DIR, read_only=True),
                *([core.v1.VolumeMountArgs(name="token", mount_path=TOKEN_DIR, read_only=True)] if token else []),
            ],
        )
        secret = core.v1.SecretVolumeSourceArgs(secret_name=self._object)
        return core.v1.PodSpecArgs(
            restart_policy="OnFailure",
            service_account_name=self._object,
            automount_service_account_token=False,
            priority_class_name=naming.SYSTEM_PRIORITY,
            security_context=pods.pod_security(),
            containers=[container],
            volumes=[
                core.v1.VolumeArgs(name="config", config_map=core.v1.ConfigMapVolumeSourceArgs(name=self._object)),
                *([core.v1.VolumeArgs(name="token", secret=secret)] if token else []),
            ],
        )


def write_policy(bucket_arn: pulumi.Input[str], path: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """IAM policy: write below this path, and see what is there."""
    arn = pulumi.Output.from_input(bucket_arn)
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ListMirror",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": f"{path}/*"}},
        },
        {
            "Sid": "WriteMirror",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"],
            "Resource": pulumi.Output.format("{0}/{1}/*", arn, path),
        },
        {
            "Sid": "EncryptMirror",
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": key_arn,
        },
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})
