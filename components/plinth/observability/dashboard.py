"""The platform's Grafana dashboard. Pure.

Source: Grafana's dashboard JSON model, schema version 39.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plinth.observability import gpu_metrics
from plinth.serving.scaling import KV_CACHE
from plinth.spec import PlatformSpec
from plinth_runtime import names

_WIDTH, _HEIGHT = 12, 8
_DATASOURCE = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph over time."""

    title: str
    unit: str
    """Grafana's id of a unit, for example `reqps`."""
    queries: tuple[tuple[str, str], ...]
    """PromQL and the legend of its series."""
    limit: float | None = None
    """A red line at this value: where the alert fires."""


def panels(spec: PlatformSpec) -> list[Panel]:
    """The panels, from what users notice to what causes it."""
    tenant, route, backend = names.TENANT_LABEL, names.ROUTE_LABEL, names.BACKEND_LABEL
    model, direction, status = names.VLLM_MODEL_LABEL, names.DIRECTION_LABEL, names.STATUS_LABEL
    requests, seconds, first = names.REQUESTS_TOTAL, names.REQUEST_SECONDS, names.FIRST_BYTE_SECONDS
    rate = "$__rate_interval"
    return [
        Panel(
            "Requests by route",
            "reqps",
            ((f"sum by ({route}) (rate({requests}[{rate}]))", f"{{{{{route}}}}}"),),
        ),
        Panel(
            "Failed requests",
            "percent",
            ((f'100 * sum(rate({requests}{{{status}=~"5.."}}[{rate}])) / sum(rate({requests}[{rate}]))', "failed"),),
            spec.monitoring.gateway_error_percent,
        ),
        Panel(
            "Latency",
            "s",
            tuple(
                (f"histogram_quantile({q}, sum by (le) (rate({seconds}_bucket[{rate}])))", f"p{q * 100:g}")
                for q in (0.5, 0.95, 0.99)
            ),
            spec.monitoring.gateway_p95_seconds,
        ),
        Panel(
            "Time to first byte, p95 by route",
            "s",
            ((f"histogram_quantile(0.95, sum by (le, {route}) (rate({first}_bucket[{rate}])))", f"{{{{{route}}}}}"),),
        ),
        Panel(
            "Tokens by tenant",
            "short",
            (
                (
                    f"sum by ({tenant}, {direction}) (rate({names.TOKENS_TOTAL}[{rate}]))",
                    f"{{{{{tenant}}}}} {{{{{direction}}}}}",
                ),
            ),
        ),
        Panel(
            "Errors of backends",
            "reqps",
            (
                (
                    f"sum by ({backend}, {names.REASON_LABEL}) (rate({names.UPSTREAM_ERRORS_TOTAL}[{rate}]))",
                    f"{{{{{backend}}}}} {{{{{names.REASON_LABEL}}}}}",
                ),
            ),
        ),
        Panel(
            "Requests at models",
            "short",
            (
                (f"sum by ({model}) ({names.VLLM_RUNNING})", f"{{{{{model}}}}} running"),
                (f"sum by ({model}) ({names.VLLM_WAITING})", f"{{{{{model}}}}} waiting"),
            ),
        ),
        Panel(
            "KV cache in use",
            "percentunit",
            ((f"avg by ({model}) ({KV_CACHE})", f"{{{{{model}}}}}"),),
        ),
        *(_gpus() if gpu_metrics.exported(spec.gpu_pools) else []),
    ]


def _gpus() -> list[Panel]:
    """Whether GPUs work, not whether a process has them: that is always so with a model loaded."""
    rate, node = "$__rate_interval", gpu_metrics.NODE_LABEL
    return [
        Panel(
            "GPUs at work",
            "percentunit",
            (
                (f"avg(avg_over_time({gpu_metrics.BUSY}[{rate}]))", "multiprocessors"),
                (f"avg(avg_over_time({gpu_metrics.TENSOR_BUSY}[{rate}]))", "tensor cores"),
                (f"avg(avg_over_time({gpu_metrics.MEMORY_BUSY}[{rate}]))", "memory"),
            ),
        ),
        Panel("GPU power by node", "watt", ((f"sum by ({node}) ({gpu_metrics.POWER})", f"{{{{{node}}}}}"),)),
    ]


def dashboard(spec: PlatformSpec) -> str:
    """The dashboard as JSON text."""
    title = f"Plinth {spec.environment.name}"
    document = {
        "uid": f"plinth-{spec.environment.name}",
        "title": title,
        "tags": ["plinth"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "panels": [_graph(index, panel) for index, panel in enumerate(panels(spec))],
    }
    return json.dumps(document, indent=1)


def _graph(index: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {"x": index % 2 * _WIDTH, "y": index // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, **_limit(panel.limit)}, "overrides": []},
        "targets": _targets(panel.queries),
    }


def _limit(value: float | None) -> dict[str, Any]:
    if value is None:
        return {}
    steps = [{"color": "green", "value": None}, {"color": "red", "value": value}]
    return {
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": {"thresholdsStyle": {"mode": "line"}},
    }


def _targets(queries: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"refId": chr(ord("A") + index), "expr": expression, "legendFormat": legend, "datasource": _DATASOURCE}
        for index, (expression, legend) in enumerate(queries)
    ]
