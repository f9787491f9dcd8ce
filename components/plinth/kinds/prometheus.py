"""The Prometheus operator's monitors and rules.

Source: Prometheus Operator's API reference, `monitoring.coreos.com/v1`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class NamespaceSelector(Part):
    """Namespaces whose pods are looked at."""

    match_names: Sequence[str]


class LabelSelector(Part):
    """Pods by their labels."""

    match_labels: Mapping[str, str]


class SecretField(Part):
    """A field of a Secret beside the monitor."""

    name: str
    key: str


class Authorization(Part):
    """What Prometheus shows to be let in."""

    type: Literal["Bearer"] = "Bearer"
    credentials: SecretField


class TrustedFile(Part):
    """Certificates, from a Secret beside the monitor."""

    secret: SecretField


class TlsConfig(Part):
    """Whose certificate the server must have, and under which name."""

    ca: TrustedFile
    server_name: str


class PodMetricsEndpoint(Part):
    """Where a pod says its metrics: the name of a port, and a path."""

    port: str
    path: str
    scheme: Literal["https"] | None = None
    tls_config: TlsConfig | None = None
    authorization: Authorization | None = None


class PodMonitor(CustomKind):
    """Pods that Prometheus scrapes."""

    API_VERSION: ClassVar[str] = versions.API["PodMonitor"]
    KIND: ClassVar[str] = "PodMonitor"

    namespace_selector: NamespaceSelector
    selector: LabelSelector
    pod_target_labels: Sequence[str] | None = None
    """Labels of the pods that their metrics get."""
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
