"""KServe: an LLMInferenceService, with llm-d's router in front of its pods."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import apiextensions

from plinth import naming, pods
from plinth.kinds import kserve
from plinth.serving import scaling
from plinth.serving.containers import PORT_NAME
from plinth.serving.deployment import patience_seconds
from plinth.serving.engine import Disruption, Doors, ScaleTarget, Scrape, Signals, Site
from plinth.serving.engines import router_pods
from plinth.serving.engines.vllm import claim_templates, vllm_pod
from plinth.spec.engines import KServeEngine
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel
from plinth.spec.weights import OciSource


class KServe:
    """vLLM in pods that KServe makes; each request goes to the pod that knows most of its prefix."""

    port = 8000

    def __init__(self, spec: KServeEngine) -> None:
        self._images = router_pods.Images(router=spec.router_image, proxy=spec.proxy_image)

    def service_name(self, model: SelfHostedModel) -> str:
        """The router's Service is named like the model."""
        return model.name

    def served_name(self, model: SelfHostedModel) -> str:
        """The platform's own name."""
        return model.name

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """KServe's own labels; other labels of the same names would part the pods from their Deployment."""
        return {
            "app.kubernetes.io/name": model.name,
            "app.kubernetes.io/part-of": "llminferenceservice",
            "kserve.io/component": "workload",
        }

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """All of them: a replica is one pod."""
        return self.pod_selector(model)

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """The router calls the pods and reads their metrics; the gateway calls the router."""
        router = pods.peer(naming.SERVING_NAMESPACE, router_pods.selector(model.name))
        return Doors(ingress=[pods.allow_from([router, pods.peer(naming.MONITORING_NAMESPACE)], self.port)])

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """One replica at a time."""
        return Disruption(max_unavailable=1)

    def signals(self, model: SelfHostedModel) -> Signals:
        """VLLM's own metrics."""
        return scaling.vllm_signals(model.name)

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """The servers, under KServe's labels; and the router."""
        return (
            Scrape("", self.pod_selector(model), PORT_NAME),
            Scrape("router", router_pods.selector(model.name), router_pods.METRICS_NAME),
        )

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget:
        """KServe's Deployment.

        Its own way of scaling needs one more controller. An autoscaler of the platform's does not fight with KServe
        as long as the service says nothing of `replicas`: KServe keeps what the Deployment has then.
        """
        return ScaleTarget("apps/v1", "Deployment", f"{model.name}-kserve")

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The LLMInferenceService and its router; gives the former."""
        selector = self.pod_selector(model)
        pod = vllm_pod(model, site, selector=selector, container="main")
        timeout = f"{patience_seconds(model.start_minutes * 60) * model.replicas.max}s"
        served = kserve.LLMInferenceService(
            model=kserve.ModelSource(uri=_address(model, site), name=model.name),
            replicas=None if scaling.is_scaled(model) else model.replicas.min,
            template=pod,
        ).register(
            f"{site.name}-llm",
            name=model.name,
            namespace=site.platform.namespace,
            labels=site.labels,
            annotations={"pulumi.com/waitFor": "condition=Ready"},
            opts=site.component.options(
                apiextensions.CustomResource,
                depends_on=[*site.after, *claim_templates(model, site)],
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
            ),
        )
        router_pods.Router(
            model=model.name,
            port=self.port,
            servers=selector,
            images=self._images,
            prefix_caching=model.prefix_caching,
        ).render(site)
        return served


def _address(model: SelfHostedModel, site: Site) -> pulumi.Output[str]:
    """Where the weights are, as KServe writes it; the pod says itself how it gets them."""
    source = model.source
    return pulumi.Output.from_input(f"oci://{source.image}" if isinstance(source, OciSource) else site.weights)
