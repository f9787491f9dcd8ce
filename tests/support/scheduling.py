"""Whether pods find a node: taints and labels, by the rules of the Kubernetes scheduler.

Source: Kubernetes documentation, "Taints and Tolerations" and "Assigning Pods to Nodes". Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.recorder import Recorded, Recording

RELEASE = "kubernetes:helm.sh/v3:Release"
_NESTED = ("/kueue", "/kubeflow-trainer", "/kserve-llmisvc-resources")
"""Charts whose values place pods below the keys of each of them, and nowhere else."""
_ARCHITECTURES = {"BOTTLEROCKET_ARM_64": "arm64", "BOTTLEROCKET_x86_64": "amd64"}
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}


@dataclass(frozen=True)
class Nodes:
    """A node group or a node pool."""

    name: str
    labels: Mapping[str, frozenset[str]]
    """What each label may say."""
    taints: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Pod:
    """What a pod says about where it may run."""

    source: str
    """Resource that it comes from."""
    namespace: str
    tolerations: tuple[Mapping[str, Any], ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    terms: tuple[Mapping[str, Any], ...] = ()
    """Required node affinity: one of these must hold."""

    @property
    def tolerates(self) -> frozenset[str]:
        """Keys of the taints that it tolerates."""
        return frozenset(toleration.get("key", "*") for toleration in self.tolerations)


def fits(pod: Pod, nodes: Nodes) -> bool:
    """Whether the scheduler would take a node of these for the pod."""
    hard = [taint for taint in nodes.taints if taint["effect"] != "PreferNoSchedule"]
    if not all(any(_tolerated(taint, toleration) for toleration in pod.tolerations) for taint in hard):
        return False
    if not all(value in nodes.labels.get(key, frozenset()) for key, value in pod.selector.items()):
        return False
    return not pod.terms or any(
        all(_holds(expression, nodes) for expression in term.get("matchExpressions", [])) for term in pod.terms
    )


def _tolerated(taint: Mapping[str, str], toleration: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")


def _holds(expression: Mapping[str, Any], nodes: Nodes) -> bool:
    has = nodes.labels.get(expression["key"], frozenset())
    wanted = frozenset(expression.get("values", []))
    match expression["operator"]:
        case "In":
            return bool(has & wanted)
        case "NotIn":
            return not has or bool(has - wanted)
        case "Exists":
            return bool(has)
        case "DoesNotExist":
            return not has
        case _:
            return True  # numbers, which only Karpenter knows


def nodes_of(recording: Recording) -> list[Nodes]:
    """Every node group and node pool that a program makes."""
    return [
        *(_group(group) for group in recording.of("aws:eks/nodeGroup:NodeGroup")),
        *(_pool(pool) for pool in recording.of("kubernetes:karpenter.sh/v1:NodePool")),
    ]


def _group(group: Recorded) -> Nodes:
    labels = {**group.inputs.get("labels", {}), "kubernetes.io/os": "linux"}
    labels["kubernetes.io/arch"] = _ARCHITECTURES[group.inputs["amiType"]]
    taints = tuple({**taint, "effect": _EFFECTS[taint["effect"]]} for taint in group.inputs.get("taints", []))
    return Nodes(group.name, {key: frozenset([value]) for key, value in labels.items()}, taints)


def _pool(pool: Recorded) -> Nodes:
    template = pool.inputs["spec"]["template"]
    labels = {key: frozenset([value]) for key, value in template["metadata"]["labels"].items()}
    labels["karpenter.sh/nodepool"] = frozenset([pool.inputs["metadata"]["name"]])
    for requirement in template["spec"]["requirements"]:
        if requirement["operator"] == "In":
            labels[requirement["key"]] = frozenset(requirement["values"])
    return Nodes(pool.name, labels, tuple(template["spec"].get("taints", [])))


def pods_of(recording: Recording) -> list[Pod]:
    """Every pod that a program asks for: of workloads, of custom resources, and of charts as far as values say."""
    found: list[Pod] = []
    for resource in recording.resources:
        if resource.type == RELEASE:
            found += _chart_pods(resource)
        elif resource.type.startswith("kubernetes:"):
            namespace = resource.inputs.get("metadata", {}).get("namespace", "")
            found += [_pod(resource.name, namespace, spec) for spec in _pod_specs(resource.inputs)]
    return found


def _pod_specs(value: Any) -> Iterator[Mapping[str, Any]]:
    """Pod specs, wherever they are: they are what has containers."""
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        for item in value.values():
            yield from _pod_specs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _pod_specs(item)


def _chart_pods(release: Recorded) -> Iterator[Pod]:
    values, namespace = release.inputs.get("values", {}), release.inputs["namespace"]
    said = list(_placements(values))
    for place in said:
        yield _pod(release.name, namespace, place)
    everywhere = "tolerations" in values or "tolerations" in values.get("global", {})
    if not everywhere and not release.inputs["chart"].endswith(_NESTED):
        yield Pod(release.name, namespace)


def _placements(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if "tolerations" in value or "nodeSelector" in value:
            yield value
        for item in value.values():
            yield from _placements(item)
    elif isinstance(value, list):
        for item in value:
            yield from _placements(item)


def _pod(source: str, namespace: str, spec: Mapping[str, Any]) -> Pod:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    return Pod(
        source,
        namespace,
        tuple(spec.get("tolerations") or ()),
        spec.get("nodeSelector") or {},
        tuple(required.get("nodeSelectorTerms", ())),
    )
