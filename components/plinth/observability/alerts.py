"""Alert rules. Pure.

Metric names of the gateway come from `plinth_runtime.names`, vLLM's from its documentation (engine V1), those of
kube-state-metrics from its own.
"""

from collections.abc import Iterator

from plinth import naming
from plinth.kinds.prometheus import PrometheusRule, RuleGroup
from plinth.observability import gpu_metrics, table_alerts
from plinth.observability.alert import Alert
from plinth.observability.vector_alerts import vector_alerts
from plinth.serving.scaling import KV_CACHE
from plinth.spec import PlatformSpec
from plinth.spec.hosted import HostedModel
from plinth.spec.models import ScaleToZero, SelfHostedModel
from plinth_runtime import names

LEAST_REQUESTS = 20
"""Requests within 10 minutes below which shares and percentiles say nothing."""


def alerts(spec: PlatformSpec) -> list[Alert]:
    """Every alert of an environment."""
    tables, stores = table_alerts.alerts(spec), vector_alerts(spec)
    return [*_gateway(spec), *_models(spec), *_gpus(spec), *_devices(spec), *tables, *stores]


def _gateway(spec: PlatformSpec) -> Iterator[Alert]:
    requests, seconds = names.REQUESTS_TOTAL, names.REQUEST_SECONDS
    monitoring = spec.monitoring
    enough = f"sum(increase({requests}[10m])) > {LEAST_REQUESTS}"
    yield Alert(
        "GatewayDown",
        f"absent({names.BUILD_INFO})",
        2,
        "critical",
        "No gateway answers Prometheus",
        "Look at the pods of the Deployment gateway in plinth-system.",
    )
    failed = f'{requests}{{{names.STATUS_LABEL}=~"5.."}}'
    yield Alert(
        "GatewayErrors",
        f"(100 * sum(rate({failed}[10m])) / sum(rate({requests}[10m])) > {monitoring.gateway_error_percent:g})"
        f" and {enough}",
        5,
        "critical",
        f"{{{{ $value | humanize }}}} % of gateway requests fail (limit {monitoring.gateway_error_percent:g} %)",
        f"See {names.UPSTREAM_ERRORS_TOTAL} by backend: it says which model fails and why.",
    )
    yield Alert(
        "GatewaySlow",
        f"(histogram_quantile(0.95, sum by (le) (rate({seconds}_bucket[10m])))"
        f" > {monitoring.gateway_p95_seconds:g}) and {enough}",
        10,
        "warning",
        f"One request in 20 takes longer than {{{{ $value | humanizeDuration }}}}"
        f" (limit {monitoring.gateway_p95_seconds:g} s)",
        "See the dashboard: waiting requests mean too few replicas, long answers mean larger requests.",
    )
    yield Alert(
        "BackendDown",
        f"max by ({names.BACKEND_LABEL}) ({names.BACKEND_UP}{_awake(names.BACKEND_LABEL, spec)}) == 0",
        5,
        "warning" if _has_alternatives(spec) else "critical",
        f"The gateway cannot reach {{{{ $labels.{names.BACKEND_LABEL} }}}}",
        "Self-hosted: look at its pods in plinth-serving. Hosted: see the provider's status page and the key.",
    )


def _has_alternatives(spec: PlatformSpec) -> bool:
    """Whether every route has a second model to go to."""
    return all(len(route.targets) > 1 for route in spec.gateway.routes)


def _asleep(spec: PlatformSpec) -> dict[str, ScaleToZero]:
    """The models that may have no replica, by name."""
    found = {model.name: model.scale_to_zero for model in spec.models if isinstance(model, SelfHostedModel)}
    return {name: zero for name, zero in found.items() if zero}


def _awake(label: str, spec: PlatformSpec, *more: str) -> str:
    """Selector of what must always be there: not the models that have no replica while nobody asks for them."""
    asleep = "|".join(_asleep(spec))
    matchers = [*more, *([f'{label}!~"{asleep}"'] if asleep else [])]
    return f"{{{','.join(matchers)}}}" if matchers else ""


def _models(spec: PlatformSpec) -> Iterator[Alert]:
    model, namespace = names.VLLM_MODEL_LABEL, naming.SERVING_NAMESPACE
    served = [item for item in spec.models if not isinstance(item, HostedModel)]
    if not served:
        return
    ours = _awake("deployment", spec, f'namespace="{namespace}"')
    yield Alert(
        "ModelDown",
        f"kube_deployment_status_replicas_available{ours} == 0",
        10,
        "critical",
        "No replica of {{ $labels.deployment }} is ready",
        "Describe its pods: pending ones wait for GPUs (see Karpenter's logs), restarting ones say why in their logs.",
    )
    if patience := [zero.hold_seconds for zero in _asleep(spec).values()]:
        yield Alert(
            "ModelDoesNotWake",
            f"min_over_time(sum by ({names.BACKEND_LABEL}) ({names.HELD_REQUESTS})[{min(patience)}s:1m]) > 0",
            1,
            "critical",
            f"Requests wait for {{{{ $labels.{names.BACKEND_LABEL} }}}}, and no replica comes",
            "Describe its ScaledObject and its pods: KEDA must see the metric, and the pool must have a GPU.",
        )
    yield Alert(
        "ModelQueue",
        f"sum by ({model}) ({names.VLLM_WAITING}) > 10 * count by ({model}) ({names.VLLM_WAITING})",
        10,
        "warning",
        f"{{{{ $value }}}} requests wait for {{{{ $labels.{model} }}}}",
        "Raise replicas.max of the model, and max_gpus of its pool where that is the limit.",
    )
    if any(isinstance(item, SelfHostedModel) for item in served):
        yield Alert(
            "ModelCacheFull",
            f"avg by ({model}) ({KV_CACHE}) > 0.95",
            15,
            "warning",
            f"The KV cache of {{{{ $labels.{model} }}}} is full: requests are preempted and slow",
            "Raise replicas.max, or lower max_context_tokens.",
        )


def _gpus(spec: PlatformSpec) -> Iterator[Alert]:
    if not spec.gpu_pools:
        return
    yield Alert(
        "GpuFault",
        'kube_node_status_condition{condition="AcceleratedHardwareReady",status="false"} == 1',
        1,
        "critical",
        "A GPU of node {{ $labels.node }} reports a fatal error (XID)",
        "The EKS node monitoring agent found it. Drain the node; Karpenter replaces it.",
    )
    yield Alert(
        "GpuPodsPending",
        f'sum by (pod) (kube_pod_status_phase{{namespace="{naming.SERVING_NAMESPACE}",phase="Pending"}}) > 0',
        30,
        "warning",
        "Model pod {{ $labels.pod }} has waited for a GPU for half an hour",
        "EC2 may be out of the instance type: add instance types, zones or a capacity to the pool.",
    )


def _devices(spec: PlatformSpec) -> Iterator[Alert]:
    """What DCGM says about the GPUs."""
    if not gpu_metrics.exported(spec.gpu_pools):
        return
    node = gpu_metrics.NODE_LABEL
    where = f"GPU {{{{ $labels.gpu }}}} of node {{{{ $labels.{node} }}}}"
    yield Alert(
        "GpuXid",
        f"max by ({node}, gpu) ({gpu_metrics.XID}) > 0",
        1,
        "warning",
        f"{where} reported XID {{{{ $value }}}}",
        "NVIDIA's XID catalog says what it means. Fatal ones raise GpuFault, and Karpenter replaces the node.",
    )
    yield Alert(
        "GpuMemoryErrors",
        f"sum by ({node}, gpu) (increase({gpu_metrics.DOUBLE_BIT_ERRORS}[1h])) > 0",
        1,
        "critical",
        f"{where} has memory errors that it cannot correct",
        "Answers of models on it may be wrong. Drain the node.",
    )
    yield Alert(
        "GpuRowRemapFailed",
        f"max by ({node}, gpu) ({gpu_metrics.REMAP_FAILURE}) > 0",
        1,
        "critical",
        f"{where} has run out of spare memory rows",
        "Drain the node: AWS replaces such hardware.",
    )
    yield Alert(
        "GpuLinkErrors",
        f"sum by ({node}, gpu) (increase({gpu_metrics.NVLINK_ERRORS}[1h])) > 0",
        5,
        "warning",
        f"NVLink of {where} had to recover",
        "Models over several GPUs are slow there. Drain the node if it goes on.",
    )
    yield Alert(
        "GpuThrottled",
        f"max by ({node}, gpu) (rate({gpu_metrics.THERMAL_THROTTLING}[10m])) / 1e9 > 0.1",
        15,
        "warning",
        f"{where} is slowed down by heat for {{{{ $value | humanizePercentage }}}} of the time",
        "Drain the node: another host is cooler.",
    )
    yield Alert(
        "GpuMetricsMissing",
        'max by (node) (kube_node_status_allocatable{resource=~"nvidia_com_gpu.*"}) > 0 unless on (node) '
        f'label_replace({gpu_metrics.TEMPERATURE}, "node", "$1", "{node}", "(.*)")',
        20,
        "warning",
        "No GPU metrics of node {{ $labels.node }}",
        "Look at the pods dcgm-exporter (plinth-nodes) and dcgm-server (kube-system) of the node.",
    )


def prometheus_rule(spec: PlatformSpec) -> PrometheusRule:
    """Every alert as one PrometheusRule."""
    return PrometheusRule(groups=[RuleGroup(name="plinth", rules=[alert.rule() for alert in alerts(spec)])])
