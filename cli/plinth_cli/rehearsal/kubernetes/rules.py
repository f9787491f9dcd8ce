"""What the API server refuses although the schema allows it: one table of small pure checks.

A check takes a kind and an object (see `plain`) and yields (path, reason) for each mistake. Missing and unknown parts
are passed over: what is required is for the schema to say.
"""

from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from plinth_cli.rehearsal.kubernetes import podrules, syntax
from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.kubernetes.plain import HiddenStr, Object, at, mapping, sequence, text
from plinth_cli.rehearsal.kubernetes.podrules import Found, Path
from plinth_cli.rehearsal.values import UNKNOWN

Network = IPv4Network | IPv6Network
Check = Callable[[Kind, Object], Iterator[Found]]

_RBAC = "rbac.authorization.k8s.io/v1"
_MEBIBYTE = 2**20


def check(kind: Kind, obj: Object) -> Iterator[Found]:
    """Yields what is wrong with the object beyond its schema."""
    yield from metadata(kind, obj)
    if kind.patch:
        return
    for applies, rule in _TABLE:
        if (kind.api_version, kind.name) in applies:
            yield from rule(kind, obj)


def metadata(kind: Kind, obj: Object) -> Iterator[Found]:
    """Name, namespace, labels and annotations."""
    name, namespace = text(at(obj, "metadata", "name")), text(at(obj, "metadata", "namespace"))
    if name is not None and (wrong := _name(kind, name)):
        yield ("metadata", "name"), wrong
    if namespace is not None and (wrong := syntax.dns_label(namespace)):
        yield ("metadata", "namespace"), wrong
    yield from _labels(("metadata", "labels"), at(obj, "metadata", "labels"))
    annotations = mapping(at(obj, "metadata", "annotations"))
    for key in annotations:
        if wrong := syntax.label_key(key.lower()):
            yield ("metadata", "annotations", key), wrong
    size = sum(len(key) + len(value) for key, value in annotations.items() if isinstance(value, str))
    if size > _MEBIBYTE // 4:
        yield ("metadata", "annotations"), f"must not exceed 256 KiB together, they have {size} bytes"


def _name(kind: Kind, name: str) -> str | None:
    if not name:
        return "must not be empty"
    if kind.group == "rbac.authorization.k8s.io":
        return syntax.path_segment(name)
    if kind.is_("v1", "Service"):
        return syntax.dns_label_1035(name)
    if kind.is_("v1", "Namespace"):
        return syntax.dns_label(name)
    # A CronJob appends 11 characters to name its Jobs.
    return syntax.dns_subdomain(name, 52 if kind.is_("batch/v1", "CronJob") else 253)


def _labels(path: Path, labels: Any) -> Iterator[Found]:
    for key, value in mapping(labels).items():
        wrong = syntax.label_key(key) or (syntax.label_value(value) if isinstance(value, str) else None)
        if wrong:
            yield (*path, key), wrong


def _selected(kind: Kind, obj: Object) -> Iterator[Found]:
    """The selector of a controller selects the Pods that its template makes."""
    selector = at(obj, "spec", "selector")
    wanted, labels = at(selector, "matchLabels"), at(obj, "spec", "template", "metadata", "labels")
    yield from _label_selector(("spec", "selector"), selector)
    yield from _labels(("spec", "template", "metadata", "labels"), labels)
    if isinstance(selector, Mapping) and not selector:
        yield ("spec", "selector"), "must not be empty: it would select every Pod"
    for key, value in mapping(wanted).items():
        if UNKNOWN in (value, labels) or (found := mapping(labels).get(key)) is UNKNOWN:
            continue
        if found != value:
            reason = f"must be '{value}', as spec.selector.matchLabels says"
            yield ("spec", "template", "metadata", "labels", key), reason


def _label_selector(path: Path, selector: Any) -> Iterator[Found]:
    yield from _labels((*path, "matchLabels"), at(selector, "matchLabels"))
    for index, item in enumerate(sequence(at(selector, "matchExpressions"))):
        operator, values = at(item, "operator"), at(item, "values")
        here = (*path, "matchExpressions", index)
        if operator in ("In", "NotIn") and values in (None, []):
            yield (*here, "values"), f"{operator} needs at least one value"
        elif operator in ("Exists", "DoesNotExist") and values not in (None, [], UNKNOWN):
            yield (*here, "values"), f"{operator} takes no values"
        elif text(operator) not in (None, "In", "NotIn", "Exists", "DoesNotExist"):
            yield (*here, "operator"), "must be one of In, NotIn, Exists, DoesNotExist"


def _service(kind: Kind, obj: Object) -> Iterator[Found]:
    spec = at(obj, "spec")
    ports = sequence(at(spec, "ports"))
    if at(spec, "type") == "ExternalName":
        if not at(spec, "externalName"):
            yield ("spec", "externalName"), "is required for a Service of type ExternalName"
    elif not ports and at(spec, "clusterIP") != "None" and at(spec, "ports") is not UNKNOWN:
        yield ("spec", "ports"), "needs at least one port"
    yield from _labels(("spec", "selector"), at(spec, "selector"))
    names: set[str] = set()
    for index, port in enumerate(ports):
        here: Path = ("spec", "ports", index)
        name, target = text(at(port, "name")), text(at(port, "targetPort"))
        node_port = at(port, "nodePort")
        yield from podrules.port_number((*here, "port"), at(port, "port"))
        if at(port, "name") is None and len(ports) > 1:
            yield (*here, "name"), "is required when a Service has several ports"
        if name is not None and (wrong := syntax.dns_label(name)):
            yield (*here, "name"), wrong
        if name is not None and name in names:
            yield (*here, "name"), f"must be unique, another port is named '{name}'"
        names.add(name or "")
        if target is not None and (wrong := syntax.port_name(target)):
            yield (*here, "targetPort"), wrong
        if isinstance(node_port, int) and node_port and not 30000 <= node_port <= 32767:
            yield (*here, "nodePort"), f"must be 30000 to 32767, not {node_port}"


def _config(kind: Kind, obj: Object) -> Iterator[Found]:
    fields = ("data", "binaryData") if kind.name == "ConfigMap" else ("data", "stringData")
    size = 0
    for field in fields:
        for key, value in mapping(at(obj, field)).items():
            size += len(value.encode()) if isinstance(value, str) else 0
            if wrong := syntax.config_key(key):
                yield (field, key), wrong
    if size > _MEBIBYTE:
        yield ("data",), f"must not exceed 1 MiB in a {kind.name}, it has {size} bytes"
    for key in mapping(at(obj, "data")).keys() & mapping(at(obj, "binaryData")).keys():
        yield ("binaryData", key), "is also in data"


def _disruption_budget(kind: Kind, obj: Object) -> Iterator[Found]:
    if {"minAvailable", "maxUnavailable"} <= mapping(obj.get("spec")).keys():
        yield ("spec", "maxUnavailable"), "cannot be set together with minAvailable"
    yield from _label_selector(("spec", "selector"), at(obj, "spec", "selector"))


def _autoscaler(kind: Kind, obj: Object) -> Iterator[Found]:
    low, high = at(obj, "spec", "minReplicas"), at(obj, "spec", "maxReplicas")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield ("spec", "maxReplicas"), f"must not be less than minReplicas ({low}), it is {high}"


def _network_policy(kind: Kind, obj: Object) -> Iterator[Found]:
    yield from _label_selector(("spec", "podSelector"), at(obj, "spec", "podSelector"))
    for direction, peers_field in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(sequence(at(obj, "spec", direction))):
            for position, peer in enumerate(sequence(at(rule, peers_field))):
                here: Path = ("spec", direction, index, peers_field, position)
                if isinstance(peer, Mapping):
                    yield from _peer(here, mapping(peer))


def _peer(path: Path, peer: Mapping[str, Any]) -> Iterator[Found]:
    for field in ("podSelector", "namespaceSelector"):
        yield from _label_selector((*path, field), peer.get(field))
    if peer.get("ipBlock") is None:
        if not peer:
            yield path, "needs podSelector, namespaceSelector or ipBlock"
        return
    if len(peer) > 1:
        yield (*path, "ipBlock"), "cannot be combined with podSelector or namespaceSelector"
    cidr = text(at(peer, "ipBlock", "cidr"))
    block = _network(cidr) if cidr is not None else None
    if cidr is not None and block is None:
        yield (*path, "ipBlock", "cidr"), f"must be an address range such as 10.0.0.0/16, not {cidr}"
    for index, excluded in enumerate(sequence(at(peer, "ipBlock", "except"))):
        if isinstance(excluded, str) and block is not None and not _inside(_network(excluded), block):
            yield (*path, "ipBlock", "except", index), f"must be a range inside {cidr}, not {excluded}"


def _network(cidr: str) -> Network | None:
    try:
        return ip_network(str.__str__(cidr), strict=False)  # the text itself, even of a hidden secret
    except ValueError:
        return None


def _inside(part: Network | None, whole: Network) -> bool:
    if part is None or part.version != whole.version:
        return False
    return part.network_address in whole and part.broadcast_address in whole


def _quota(kind: Kind, obj: Object) -> Iterator[Found]:
    for key, value in mapping(at(obj, "spec", "hard")).items():
        if value is not UNKNOWN and syntax.quantity(value) is None:
            yield ("spec", "hard", key), f"must be a quantity such as 10, 500m or 16Gi, not {value}"


def _cron_job(kind: Kind, obj: Object) -> Iterator[Found]:
    schedule = text(at(obj, "spec", "schedule"))
    if schedule is None or schedule.startswith("@") or isinstance(schedule, HiddenStr):
        return
    if len(schedule.split()) != 5:
        yield ("spec", "schedule"), f"must have five fields like '0 3 * * *', not '{schedule}'"


_CONTROLLERS = {("apps/v1", name) for name in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")}

_TABLE: list[tuple[set[tuple[str, str]], Check]] = [
    (_CONTROLLERS, _selected),
    (set(podrules.TEMPLATES), podrules.check),
    ({("v1", "Service")}, _service),
    ({("v1", "ConfigMap"), ("v1", "Secret")}, _config),
    ({("policy/v1", "PodDisruptionBudget")}, _disruption_budget),
    ({("autoscaling/v2", "HorizontalPodAutoscaler")}, _autoscaler),
    ({("networking.k8s.io/v1", "NetworkPolicy")}, _network_policy),
    ({("v1", "ResourceQuota")}, _quota),
    ({("batch/v1", "CronJob")}, _cron_job),
]
