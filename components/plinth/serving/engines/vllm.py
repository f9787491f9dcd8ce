"""vLLM in pods of the platform's own: a Deployment and a Service."""

import pulumi
from pulumi_kubernetes import core

from plinth import pods
from plinth.cluster.gpu_request import pod_gpus
from plinth.serving import containers, scaling, vllm
from plinth.serving.deployment import deployment, pod_basics, service
from plinth.serving.engine import ScaleTarget, Signals, Site
from plinth.spec.models import SelfHostedModel

DRAIN_MARGIN_SECONDS = 30
"""On top of the longest request: the pause before vLLM hears of its end, and its own shutdown."""


class DirectVllm:
    """vLLM without a controller between the platform and its pods."""

    port = 8000

    def service_name(self, model: SelfHostedModel) -> str:
        """The Service is named like the model."""
        return model.name

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """The platform's own labels."""
        return pods.selector(containers.COMPONENT, model.name)

    def signals(self, model: SelfHostedModel) -> Signals:
        """VLLM's own metrics."""
        return scaling.vllm_signals(model.name)

    def scale_target(self, model: SelfHostedModel) -> ScaleTarget:
        """The Deployment."""
        return ScaleTarget("apps/v1", "Deployment", model.name)

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The Deployment and its Service; gives the Deployment."""
        workload = deployment(
            f"{site.name}-deployment",
            site.component,
            metadata=site.metadata,
            selector=self.pod_selector(model),
            labels=site.labels,
            pod=self._pod(model, site),
            replicas=None if scaling.is_scaled(model) else model.replicas.min,
            rollout=vllm.rollout(model, site.pool, list(site.platform.self_hosted)),
            start_seconds=model.start_minutes * 60,
            most_replicas=model.replicas.max,
            after=site.after,
        )
        service(
            f"{site.name}-service",
            site.component,
            metadata=site.metadata,
            selector=self.pod_selector(model),
            port=self.port,
        )
        return workload

    def _pod(self, model: SelfHostedModel, site: Site) -> core.v1.PodSpecArgs:
        selector = self.pod_selector(model)
        needs = vllm.pod_resources(model, site.pool)
        gpus = pod_gpus(site.pool, model.gpus)
        drain_seconds = site.platform.longest_request_seconds
        return core.v1.PodSpecArgs(
            containers=[
                containers.vllm_container(
                    model,
                    port=self.port,
                    weights=site.weights,
                    region=site.environment.region,
                    needs=needs,
                    gpus=gpus,
                    drain_seconds=drain_seconds,
                )
            ],
            volumes=containers.vllm_volumes(needs),
            node_selector=gpus.node_selector,
            tolerations=[pods.toleration(wanted) for wanted in gpus.tolerations],
            topology_spread_constraints=[
                # The scheduler fills nodes, so without this the loss of one could take every replica along.
                pods.spread(selector, zone=False, required=True, places=min(model.replicas.min, 2)),
                pods.spread(selector, zone=True),
            ],
            termination_grace_period_seconds=drain_seconds + DRAIN_MARGIN_SECONDS,
            **pod_basics(model.name, site.platform.priority_class),
        )
