"""What Prometheus reads of engines whose metrics, or whose pods, do not say which model they are of."""

from collections.abc import Mapping, Sequence

from pulumi_kubernetes import apiextensions

from plinth import naming
from plinth.kinds.prometheus import LabelSelector, NamespaceSelector, PodMetricsEndpoint, PodMonitor
from plinth.serving.engine import Site
from plinth_runtime import names

NAME_LABEL = "app.kubernetes.io/name"
"""Label of pods with the model's name; Prometheus puts it on what it reads from model servers."""


def of_model(model: str) -> str:
    """Label matchers, in PromQL, of what the pods of a model say."""
    label = NAME_LABEL.translate(str.maketrans("./", "__"))
    return f'namespace="{naming.SERVING_NAMESPACE}",{label}="{model}"'


def scrape(
    logical_name: str, site: Site, selector: Mapping[str, str], ports: Sequence[str], *, name: str
) -> apiextensions.CustomResource:
    """Let Prometheus read the metrics of these pods on these named ports."""
    monitor = PodMonitor(
        namespace_selector=NamespaceSelector(match_names=[naming.SERVING_NAMESPACE]),
        selector=LabelSelector(match_labels=dict(selector)),
        pod_target_labels=[NAME_LABEL],
        pod_metrics_endpoints=[PodMetricsEndpoint(port=port, path=names.METRICS_PATH) for port in ports],
    )
    return monitor.register(
        logical_name,
        name=name,
        namespace=site.platform.namespace,
        opts=site.component.options(apiextensions.CustomResource, depends_on=list(site.after)),
    )
