"""Custom kinds: their schemas (`plinth.definitions`), and what makes them exist in a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from plinth import definitions
from plinth.definitions import Definition


@dataclass(frozen=True)
class Chart:
    """A Helm chart that brings custom kinds."""

    groups: frozenset[str]
    """API groups whose kinds exist once it is installed."""
    in_crds_folder: bool = False
    """Helm installs them from `crds/`: once, never upgraded, and not at all with `skipCrds`."""
    switch: str | None = None
    """Dotted path of the chart value that says whether they are installed (`installCRDs: false`)."""
    on: bool = True
    """What the switch is when nothing is given."""


# Read in the charts' own repositories at the releases of tables/crds/index.json.
CHARTS: Mapping[str, Chart] = {
    "karpenter-crd": Chart(frozenset({"karpenter.sh", "karpenter.k8s.aws", "autoscaling.x-k8s.io"})),
    "karpenter": Chart(frozenset({"karpenter.sh", "karpenter.k8s.aws"}), in_crds_folder=True),
    "external-secrets": Chart(frozenset({"external-secrets.io"}), switch="installCRDs"),
    "kube-prometheus-stack": Chart(frozenset({"monitoring.coreos.com"}), in_crds_folder=True, switch="crds.enabled"),
    "prometheus-operator-crds": Chart(frozenset({"monitoring.coreos.com"})),
    "keda": Chart(frozenset({"keda.sh", "eventing.keda.sh"}), switch="crds.install"),
    "kueue": Chart(frozenset({"kueue.x-k8s.io"})),
    "lws": Chart(frozenset({"leaderworkerset.x-k8s.io", "disaggregatedset.x-k8s.io"}), in_crds_folder=True),
    "kuberay-operator": Chart(frozenset({"ray.io"}), in_crds_folder=True),
    "kubeflow-trainer": Chart(frozenset({"trainer.kubeflow.org"}), in_crds_folder=True),
    "jobset": Chart(frozenset({"jobset.x-k8s.io"}), in_crds_folder=True),
    "kserve-crd": Chart(frozenset({"serving.kserve.io"})),
    "kserve-llmisvc-crd": Chart(frozenset({"serving.kserve.io"})),
    "gateway-helm": Chart(frozenset({"gateway.networking.k8s.io", "gateway.envoyproxy.io"}), in_crds_folder=True),
    "kyverno": Chart(
        frozenset({"kyverno.io", "policies.kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"}), switch="crds.install"
    ),
    "cert-manager": Chart(frozenset({"cert-manager.io", "acme.cert-manager.io"}), switch="crds.enabled", on=False),
}
"""By chart name, the last part of its reference."""

BY_EKS = frozenset({"eks.amazonaws.com", "crd.k8s.amazonaws.com"})
"""API groups whose kinds EKS brings: Auto Mode its node classes, the add-on vpc-cni ENIConfig."""

_ON_EVERY_OBJECT = ("apiVersion", "kind", "metadata")


@cache
def index() -> Mapping[tuple[str, str], Definition]:
    """The definition of every custom kind, by (apiVersion, kind)."""
    return {
        (f"{definition.group}/{version}", definition.kind): definition
        for definition in definitions.index().values()
        for version in definition.versions
    }


def find(api_version: str, kind: str) -> Definition | None:
    """The definition of a custom kind; None when there is none."""
    return index().get((api_version, kind))


def open_api_schema(definition: Definition, version: str) -> Mapping[str, Any]:
    """What decides whether an object of the kind is valid: without what every object has, and without `status`.

    A field that the API server fills with a default is not required.

    Args:
        definition: the row of the kind.
        version: one of its API versions, for example `v1`.
    """
    versions = cast("list[Mapping[str, Any]]", definitions.read(definition)["spec"]["versions"])
    served = next(each for each in versions if each["name"] == version)
    schema = trim(served["schema"]["openAPIV3Schema"])
    for name in (*_ON_EVERY_OBJECT, "status"):
        schema["properties"].pop(name, None)
    _require(schema, [name for name in schema.get("required", ()) if name not in _ON_EVERY_OBJECT])
    return schema


def trim(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an OpenAPI schema that JSON schema can check."""
    trimmed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("default", "x-kubernetes-validations"):
            continue
        if key in ("properties", "patternProperties"):
            trimmed[key] = {name: trim(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties", "not") and isinstance(value, Mapping):
            trimmed[key] = trim(cast("Mapping[str, Any]", value))
        elif key in ("allOf", "anyOf", "oneOf"):
            trimmed[key] = [trim(item) for item in value]
        else:
            trimmed[key] = value
    properties = schema.get("properties", {})
    _require(trimmed, [name for name in schema.get("required", ()) if "default" not in properties.get(name, {})])
    return trimmed


def _require(schema: dict[str, Any], names: list[str]) -> None:
    schema.pop("required", None)
    if names:
        schema["required"] = names


def charts_for(group: str) -> list[str]:
    """Names of the charts that bring the kinds of an API group, sorted."""
    return sorted(name for name, chart in CHARTS.items() if group in chart.groups)


def brings(chart: str, group: str, skip_crds: bool, values: Mapping[str, Any]) -> bool:
    """Whether a release of the chart with these values makes the kinds of the API group exist."""
    known = CHARTS.get(chart)
    if known is None or group not in known.groups or (known.in_crds_folder and skip_crds):
        return False
    if known.switch is None:
        return True
    setting: Any = values
    for part in known.switch.split("."):
        setting = cast("Mapping[str, Any]", setting).get(part) if isinstance(setting, Mapping) else None
    return known.on if setting is None else setting is not False
