"""One model, served by pods of the platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import apps, core, meta, networking, policy

from plinth import addresses, naming, pods, versions
from plinth.base import Component
from plinth.cluster.gpu_request import pod_gpus
from plinth.security.identity import WorkloadIdentity
from plinth.serving import containers, scaling, vllm
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool
from plinth.spec.models import DevelopmentModel, VllmModel
from plinth.storage.object_store import ObjectStore

WEIGHTS_BUCKET = "models"
"""Bucket with the weights of models."""


@dataclass(frozen=True)
class ServingPlatform:
    """What every model server stands on."""

    namespace: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    priority_class: pulumi.Input[str]
    runtime_image: str
    longest_request_seconds: int
    """Time that a running answer gets to finish when its pod has to go."""
    weights: ObjectStore
    """Its bucket `models` holds the weights."""
    data_key_arn: pulumi.Input[str]
    """Key that the weights are encrypted with."""
    pools: Mapping[str, GpuPool]
    nodes: Mapping[str, pulumi.Resource]
    """What starts the nodes of each pool: they go after the pods, which could not move anywhere else."""
    vllm_models: Sequence[VllmModel]
    """All models on GPU pools: they decide whether a pool has a spare GPU during a rollout."""
    autoscaler: pulumi.Resource | None
    """What makes a ScaledObject work; None where no model is scaled."""


def weights_policy(bucket_arn: pulumi.Input[str], prefix: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """IAM policy: read one model's weights, and nothing else."""
    arn = pulumi.Output.from_input(bucket_arn)
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ListWeights",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        },
        {
            "Sid": "ReadWeights",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": pulumi.Output.format("{0}/{1}/*", arn, prefix),
        },
        {"Sid": "DecryptWeights", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn},
    ]
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements})


class ModelDeployment(Component):
    """Pods, service and walls of one model; with vLLM also its GPUs, identity, disruption budget and scaling."""

    service_name: pulumi.Output[str]
    """Name of the Service; known once it exists."""

    def __init__(
        self,
        name: str,
        section: VllmModel | DevelopmentModel,
        *,
        environment: Environment,
        port: int,
        platform: ServingPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ModelDeployment", name, section, environment=environment, opts=opts)
        self._name, self._model, self._port, self._platform = name, section, port, platform
        self._labels = pods.labels(containers.COMPONENT, section.name)
        self._selector = pods.selector(containers.COMPONENT, section.name)

        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        if isinstance(section, VllmModel):
            self._serve_vllm(section, account)
        else:
            self._serve_development(section, account)
        self._wall()
        service = core.v1.Service(
            f"{name}-service",
            metadata=self._metadata(),
            spec=core.v1.ServiceSpecArgs(
                selector=self._selector,
                ports=[core.v1.ServicePortArgs(name=containers.PORT_NAME, port=port, target_port=containers.PORT_NAME)],
            ),
            opts=self.options(core.v1.Service),
        )
        self.service_name = service.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"serviceName": self.service_name})

    def _metadata(self, annotations: dict[str, str] | None = None) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=self._model.name,
            namespace=self._platform.namespace,
            labels=self._labels,
            annotations=annotations,
        )

    def _serve_vllm(self, model: VllmModel, account: core.v1.ServiceAccount) -> None:
        """Pods on a GPU pool, allowed to read their weights."""
        platform, name = self._platform, self._name
        pool = platform.pools[model.pool]
        needs = vllm.pod_resources(model, pool)
        gpus = pod_gpus(pool, model.tensor_parallel)
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=self._environment,
            cluster_name=platform.cluster_name,
            namespace=platform.namespace,
            service_account=model.name,
            policies={
                "weights": weights_policy(platform.weights.arns[WEIGHTS_BUCKET], model.weights, platform.data_key_arn),
            },
            opts=self.options(WorkloadIdentity),
        )
        rollout = vllm.rollout(model, pool, list(platform.vllm_models))
        pod = core.v1.PodSpecArgs(
            containers=[
                containers.vllm_container(
                    model,
                    port=self._port,
                    weights_bucket=platform.weights.names[WEIGHTS_BUCKET],
                    region=self._environment.region,
                    needs=needs,
                    gpus=gpus,
                    drain_seconds=platform.longest_request_seconds,
                )
            ],
            volumes=containers.vllm_volumes(needs),
            node_selector=gpus.node_selector,
            tolerations=[pods.toleration(wanted) for wanted in gpus.tolerations],
            topology_spread_constraints=[
                # The scheduler fills nodes, so without this the loss of one could take every replica along.
                pods.spread(self._selector, zone=False, required=True, places=min(model.replicas.min, 2)),
                pods.spread(self._selector, zone=True),
            ],
            termination_grace_period_seconds=platform.longest_request_seconds + 30,
            **self._pod_basics(),
        )
        replicas = None if scaling.is_scaled(model) else model.replicas.min
        deployment = self._deployment(
            pod,
            replicas,
            rollout,
            start_seconds=model.start_minutes * 60,
            most_replicas=model.replicas.max,
            pod_labels=self._labels,
            depends_on=[identity, account, platform.nodes[model.pool]],
        )
        self._keep_available()
        if scaling.is_scaled(model):
            k8s.apiextensions.CustomResource(
                f"{name}-scaling",
                api_version=versions.API["ScaledObject"],
                kind="ScaledObject",
                metadata=self._metadata(),
                spec=scaling.scaled_object(model, addresses.PROMETHEUS_URL),
                opts=self.options(
                    k8s.apiextensions.CustomResource,
                    depends_on=[deployment, *([platform.autoscaler] if platform.autoscaler else [])],
                ),
            )

    def _serve_development(self, model: DevelopmentModel, account: core.v1.ServiceAccount) -> None:
        """One pod of the runtime's deterministic model server."""
        pod = core.v1.PodSpecArgs(
            containers=[containers.development_container(model, port=self._port, image=self._platform.runtime_image)],
            termination_grace_period_seconds=30,
            **self._pod_basics(),
        )
        self._deployment(
            pod,
            replicas=1,
            rollout=vllm.Rollout(max_surge=1, max_unavailable=0),
            start_seconds=60,
            most_replicas=1,
            pod_labels={**self._labels, naming.RUNTIME_LABEL: "true"},
            depends_on=[account],
        )

    def _pod_basics(self) -> dict[str, Any]:
        return {
            "service_account_name": self._model.name,
            "automount_service_account_token": False,
            "enable_service_links": False,
            "priority_class_name": self._platform.priority_class,
            "security_context": pods.pod_security(),
        }

    def _deployment(
        self,
        pod: core.v1.PodSpecArgs,
        replicas: int | None,
        rollout: vllm.Rollout,
        *,
        start_seconds: int,
        most_replicas: int,
        pod_labels: dict[str, str],
        depends_on: list[pulumi.Resource],
    ) -> apps.v1.Deployment:
        """The Deployment. Without `replicas` the number is the autoscaler's alone.

        A rollout may have to go one replica at a time, through as many as there may be.
        """
        patience = start_seconds + 600  # a node may have to start first
        timeout = f"{patience * most_replicas}s"
        return apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=replicas,
                progress_deadline_seconds=patience,
                selector=meta.v1.LabelSelectorArgs(match_labels=self._selector),
                strategy=apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=apps.v1.RollingUpdateDeploymentArgs(
                        max_surge=rollout.max_surge, max_unavailable=rollout.max_unavailable
                    ),
                ),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=pod_labels),
                    spec=pod,
                ),
            ),
            opts=self.options(
                apps.v1.Deployment,
                depends_on=depends_on,
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )

    def _keep_available(self) -> None:
        """Let nodes be drained one replica at a time."""
        policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption",
            metadata=self._metadata(),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=meta.v1.LabelSelectorArgs(match_labels=self._selector)
            ),
            opts=self.options(policy.v1.PodDisruptionBudget),
        )

    def _wall(self) -> None:
        """Only the gateway and Prometheus get in; vLLM gets out to S3."""
        gateway = pods.peer(naming.SYSTEM_NAMESPACE, pods.selector(addresses.GATEWAY))
        egress = [pods.allow_dns()]
        if isinstance(self._model, VllmModel):
            egress += [pods.allow_addresses("0.0.0.0/0", 443), pods.allow_pod_identity()]
        networking.v1.NetworkPolicy(
            f"{self._name}-wall",
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=self._selector),
                policy_types=["Ingress", "Egress"],
                ingress=[pods.allow_from([gateway, pods.peer(naming.MONITORING_NAMESPACE)], self._port)],
                egress=egress,
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )
