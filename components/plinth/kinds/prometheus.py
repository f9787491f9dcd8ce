"""The Prometheus operator's monitors and rules.

Source: Prometheus Operator's API reference, `monitoring.coreos.com/v1`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class NamespaceSelector(Part):
    """Namespaces whose pods are looked at."""

    match_names: Sequence[str]


class LabelSelector(Part):
    """Pods by their labels."""

    match_labels: Mapping[str, str]


class PodMetricsEndpoint(Part):
    """Where a pod says its metrics: the name of a port, and a path."""

    port: str
    path: str


class PodMonitor(CustomKind):
    """Pods that Prometheus scrapes."""

    API_VERSION: ClassVar[str] = versions.API["PodMonitor"]
    KIND: ClassVar[str] = "PodMonitor"

    namespace_selector: NamespaceSelector
    selector: LabelSelector
    pod_metrics_endpoints: Sequence[PodMetricsEndpoint]


class Rule(Part):
    """An alert rule."""

    alert: str
    expr: str
    for_: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class RuleGroup(Part):
    """Rules that are evaluated together."""

    name: str
    rules: Sequence[Rule]


class PrometheusRule(CustomKind):
    """Alert rules."""

    API_VERSION: ClassVar[str] = versions.API["PrometheusRule"]
    KIND: ClassVar[str] = "PrometheusRule"

    groups: Sequence[RuleGroup]
