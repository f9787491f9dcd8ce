"""One model, served by pods of the platform."""

import pulumi
from pulumi_kubernetes import apiextensions, core, meta, networking, policy

from plinth import addresses, naming, pods
from plinth.base import Component
from plinth.security.identity import WorkloadIdentity
from plinth.serving import containers, scaling, sources, vllm
from plinth.serving.deployment import deployment, pod_basics, service
from plinth.serving.engine import Disruption, Doors, ScaleTarget, Signals, Site, usual_doors
from plinth.serving.engines import engine_of
from plinth.serving.platform import WEIGHTS_BUCKET, ServingPlatform
from plinth.spec.environment import Environment
from plinth.spec.models import DevelopmentModel, SelfHostedModel


class ModelDeployment(Component):
    """Pods, service and walls of one model; on GPUs also its identity, disruption budget and scaling."""

    def __init__(
        self,
        name: str,
        section: SelfHostedModel | DevelopmentModel,
        *,
        environment: Environment,
        port: int,
        platform: ServingPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ModelDeployment", name, section, environment=environment, opts=opts)
        self._name, self._model, self._port, self._platform = name, section, port, platform
        self._labels = pods.labels(containers.COMPONENT, section.name)
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        if isinstance(section, SelfHostedModel):
            self._serve_on_gpus(section, account)
        else:
            self._serve_development(section, account)
        self.register_outputs({})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=self._model.name, namespace=self._platform.namespace, labels=self._labels)

    def _serve_on_gpus(self, model: SelfHostedModel, account: core.v1.ServiceAccount) -> None:
        """The engine's pods on a GPU pool, allowed to read their weights."""
        platform, name, engine = self._platform, self._name, engine_of(model)
        pool = platform.pools[model.pool]
        site = Site(
            name=name,
            component=self,
            environment=self._environment,
            platform=platform,
            pool=pool,
            metadata=self._metadata(),
            labels=self._labels,
            weights=sources.address(platform.weights.names[WEIGHTS_BUCKET], model),
            after=[
                account,
                platform.nodes[model.pool],
                *self._identity(model),
                *platform.controllers.get(model.engine.kind, []),
                *(platform.mirrors[path] for path in model.bucket_paths if path in platform.mirrors),
            ],
        )
        workload = engine.render(model, site)
        doors = engine.doors(model, pool)
        # Out to S3, where something is read from there.
        bucket = [pods.allow_addresses("0.0.0.0/0", 443), pods.allow_pod_identity()] if model.bucket_paths else []
        self._wall(engine.pod_selector(model), Doors(doors.ingress, [*bucket, *doors.egress]))
        self._keep_available(engine.answering_selector(model, pool), engine.disruption(model))
        target = engine.scale_target(model, pool)
        if target and scaling.is_scaled(model):
            self._scale(model, target, engine.signals(model), workload)

    def _identity(self, model: SelfHostedModel) -> list[pulumi.Resource]:
        """What may read the model's files; nothing where there are none in the bucket."""
        if not model.bucket_paths:
            return []
        platform = self._platform
        policy = sources.read_policy(platform.weights.arns[WEIGHTS_BUCKET], model.bucket_paths, platform.data_key_arn)
        return [
            WorkloadIdentity(
                f"{self._name}-identity",
                environment=self._environment,
                cluster_name=platform.cluster_name,
                namespace=platform.namespace,
                service_account=model.name,
                policies={"weights": policy},
                opts=self.options(WorkloadIdentity),
            )
        ]

    def _serve_development(self, model: DevelopmentModel, account: core.v1.ServiceAccount) -> None:
        """One pod of the runtime's deterministic model server."""
        selector = pods.selector(containers.COMPONENT, model.name)
        pod = core.v1.PodSpecArgs(
            containers=[containers.development_container(model, port=self._port, image=self._platform.runtime_image)],
            termination_grace_period_seconds=30,
            **pod_basics(model.name, self._platform.priority_class),
        )
        deployment(
            f"{self._name}-deployment",
            self,
            metadata=self._metadata(),
            selector=selector,
            labels={**self._labels, naming.RUNTIME_LABEL: "true"},
            pod=pod,
            replicas=1,
            rollout=vllm.Rollout(max_surge=1, max_unavailable=0),
            start_seconds=60,
            most_replicas=1,
            after=[account],
        )
        service(f"{self._name}-service", self, metadata=self._metadata(), selector=selector, port=self._port)
        self._wall(selector, usual_doors(self._port))

    def _scale(self, model: SelfHostedModel, target: ScaleTarget, signals: Signals, workload: pulumi.Resource) -> None:
        """Let the number of replicas follow load."""
        keda = [self._platform.autoscaler] if self._platform.autoscaler else []
        scaling.scaled_object(model, target, signals, addresses.PROMETHEUS_URL).register(
            f"{self._name}-scaling",
            name=model.name,
            namespace=self._platform.namespace,
            labels=self._labels,
            opts=self.options(apiextensions.CustomResource, depends_on=[workload, *keda]),
        )

    def _keep_available(self, selector: dict[str, str], disruption: Disruption) -> None:
        """Let nodes be drained without taking every replica along."""
        policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption",
            metadata=self._metadata(),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=disruption.max_unavailable,
                min_available=disruption.min_available,
                selector=meta.v1.LabelSelectorArgs(match_labels=selector),
            ),
            opts=self.options(policy.v1.PodDisruptionBudget),
        )

    def _wall(self, selector: dict[str, str], doors: Doors) -> None:
        """Nothing gets in or out but through these doors, and names."""
        networking.v1.NetworkPolicy(
            f"{self._name}-wall",
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=selector),
                policy_types=["Ingress", "Egress"],
                ingress=list(doors.ingress),
                egress=[pods.allow_dns(), *doors.egress],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )
