"""vLLM in pods of the platform's own: a Deployment, or a LeaderWorkerSet where a replica needs several nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pulumi
from pulumi_kubernetes import core, meta, networking, resource

from plinth import naming, pods
from plinth.cluster.gpu_request import pod_gpus
from plinth.kinds import lws
from plinth.serving import containers, scaling, vllm
from plinth.serving.deployment import deployment, pod_basics, service
from plinth.serving.engine import Disruption, Doors, ScaleTarget, Scrape, Signals, Site, usual_doors
from plinth.serving.platform import WEIGHTS_BUCKET
from plinth.spec import layout
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel

DRAIN_MARGIN_SECONDS = 30
"""On top of the longest request: the pause before vLLM hears of its end, and its own shutdown."""

ROLE_LABEL = "plinth.dev/role"
"""Pod label, value `leader` or `worker`, where a replica has several pods."""


class DirectVllm:
    """vLLM without a controller between the platform and its pods."""

    port = 8000

    def service_name(self, model: SelfHostedModel) -> str:
        """The Service is named like the model."""
        return model.name

    def served_name(self, model: SelfHostedModel) -> str:
        """The platform's own name."""
        return model.name

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """The platform's own labels."""
        return pods.selector(containers.COMPONENT, model.name)

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """Of a replica's pods, the one with the API."""
        several = layout.nodes_per_replica(model, pool) > 1
        return self.pod_selector(model) | ({ROLE_LABEL: "leader"} if several else {})

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """The gateway and Prometheus, on the API's port; and the pods of a replica to each other."""
        usual = usual_doors(self.port)
        if layout.nodes_per_replica(model, pool) == 1:
            return usual
        # NCCL and vLLM choose ports of their own.
        each_other = [pods.peer(naming.SERVING_NAMESPACE, self.pod_selector(model))]
        return Doors(
            [*usual.ingress, networking.v1.NetworkPolicyIngressRuleArgs(from_=each_other)],
            [networking.v1.NetworkPolicyEgressRuleArgs(to=each_other)],
        )

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """One replica at a time."""
        return Disruption(max_unavailable=1)

    def signals(self, model: SelfHostedModel) -> Signals:
        """VLLM's own metrics."""
        return scaling.vllm_signals(model.name)

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """Nothing besides."""
        return ()

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget:
        """The Deployment or the LeaderWorkerSet."""
        if layout.nodes_per_replica(model, pool) > 1:
            return ScaleTarget(lws.LeaderWorkerSet.API_VERSION, lws.LeaderWorkerSet.KIND, model.name)
        return ScaleTarget("apps/v1", "Deployment", model.name)

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The workload and its Service; gives the workload."""
        nodes = layout.nodes_per_replica(model, site.pool)
        site = replace(site, after=[*site.after, *claim_templates(model, site)])
        workload = self._several(model, site, nodes) if nodes > 1 else self._one(model, site)
        service(
            f"{site.name}-service",
            site.component,
            metadata=site.metadata,
            selector=self.answering_selector(model, site.pool),
            port=self.port,
        )
        return workload

    def _one(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        return deployment(
            f"{site.name}-deployment",
            site.component,
            metadata=site.metadata,
            selector=self.pod_selector(model),
            labels=site.labels,
            pod=vllm_pod(model, site, selector=self.pod_selector(model)),
            replicas=None if scaling.is_scaled(model) else model.replicas.min,
            rollout=self._rollout(model, site),
            start_seconds=model.start_minutes * 60,
            most_replicas=model.replicas.max,
            after=site.after,
        )

    def _several(self, model: SelfHostedModel, site: Site, nodes: int) -> pulumi.Resource:
        """Every replica has a pod on each of its nodes, which start, fail and end together."""
        rollout = self._rollout(model, site)
        wanted = lws.LeaderWorkerSet(
            replicas=None if scaling.is_scaled(model) else model.replicas.min,
            startup_policy="LeaderCreated",
            rollout_strategy=lws.RolloutStrategy(
                rolling_update_configuration=lws.RollingUpdate(
                    max_surge=rollout.max_surge, max_unavailable=rollout.max_unavailable
                )
            ),
            leader_worker_template=lws.Group(
                size=nodes,
                restart_policy="RecreateGroupOnPodRestart",
                leader_template=self._template(model, site, vllm.Place(nodes, leads=True)),
                worker_template=self._template(model, site, vllm.Place(nodes, leads=False)),
            ),
        )
        groups = [site.platform.groups] if site.platform.groups else []
        return wanted.register(
            f"{site.name}-groups",
            name=model.name,
            namespace=site.platform.namespace,
            labels=site.labels,
            opts=pulumi.ResourceOptions(parent=site.component, depends_on=[*site.after, *groups]),
        )

    def _template(self, model: SelfHostedModel, site: Site, place: vllm.Place) -> lws.PodTemplate:
        labels = {**site.labels, ROLE_LABEL: "leader" if place.leads else "worker"}
        return lws.PodTemplate(
            metadata=lws.PodMetadata(labels=labels),
            spec=vllm_pod(model, site, place, selector=self.pod_selector(model)),
        )

    def _rollout(self, model: SelfHostedModel, site: Site) -> vllm.Rollout:
        return vllm.rollout(model, site.pool, list(site.platform.self_hosted))


def claim_templates(model: SelfHostedModel, site: Site) -> list[pulumi.Resource]:
    """Templates of the claims with which pods get their GPUs, where the pool gives them out that way."""
    gpus = pod_gpus(site.pool, layout.gpus_per_pod(model, site.pool))
    return [
        resource.v1.ResourceClaimTemplate(
            f"{site.name}-{claim.name}",
            metadata=meta.v1.ObjectMetaArgs(
                name=_template_name(model, claim.name), namespace=site.platform.namespace, labels=dict(site.labels)
            ),
            spec=cast(Any, claim.template_spec()),  # plain data, as Kubernetes reads it
            opts=site.component.options(resource.v1.ResourceClaimTemplate),
        )
        for claim in gpus.claims
    ]


def vllm_pod(
    model: SelfHostedModel,
    site: Site,
    place: vllm.Place = vllm.ALONE,
    *,
    selector: Mapping[str, str],
    container: str = "vllm",
) -> core.v1.PodSpecArgs:
    """A pod of a replica; `selector` are the labels by which replicas are kept apart."""
    needs = vllm.pod_resources(model, site.pool)
    gpus = pod_gpus(site.pool, needs.gpus, efa=site.pool.efa and place.nodes > 1)
    drain_seconds = site.platform.longest_request_seconds
    return core.v1.PodSpecArgs(
        init_containers=containers.fetch_containers(
            model, bucket=site.platform.weights.names[WEIGHTS_BUCKET], region=site.environment.region
        ),
        containers=[
            containers.vllm_container(
                model,
                name=container,
                port=DirectVllm.port,
                weights=site.weights,
                region=site.environment.region,
                needs=needs,
                gpus=gpus,
                drain_seconds=drain_seconds,
                place=place,
            )
        ],
        volumes=containers.vllm_volumes(model, needs),
        resource_claims=[
            core.v1.PodResourceClaimArgs(
                name=claim.name, resource_claim_template_name=_template_name(model, claim.name)
            )
            for claim in gpus.claims
        ]
        or None,
        node_selector=gpus.node_selector,
        tolerations=[pods.toleration(wanted) for wanted in gpus.tolerations],
        termination_grace_period_seconds=drain_seconds + DRAIN_MARGIN_SECONDS,
        **_places(model, place, selector),
        **pod_basics(model.name, site.platform.priority_class),
    )


def _places(model: SelfHostedModel, place: vllm.Place, selector: Mapping[str, str]) -> Mapping[str, Any]:
    """Where replicas are: apart from each other, and each of them in one zone."""
    if place.nodes > 1:
        return {"affinity": core.v1.AffinityArgs(pod_affinity=_together(selector))}
    return {
        "topology_spread_constraints": [
            # The scheduler fills nodes, so without this the loss of one could take every replica along.
            pods.spread(selector, zone=False, required=True, places=max(min(model.replicas.min, 2), 1)),
            pods.spread(selector, zone=True),
        ]
    }


def _template_name(model: SelfHostedModel, claim: str) -> str:
    return f"{model.name}-{claim}"


def _together(selector: Mapping[str, str]) -> core.v1.PodAffinityArgs:
    """All pods of a replica in one zone: between zones every layer's traffic would be slow, and paid for."""
    term = core.v1.PodAffinityTermArgs(
        topology_key="topology.kubernetes.io/zone",
        label_selector=meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
        match_label_keys=[lws.GROUP_KEY],
    )
    return core.v1.PodAffinityArgs(required_during_scheduling_ignored_during_execution=[term])
