"""Network policies as sets of connections, so that a table of flows can be held against them. Pure.

Source: Kubernetes documentation, "Network Policies".
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from support.recorder import Recording

from plinth.cluster.flows import Addresses, End, Flow, Pods
from plinth.naming import QUEUE_LABEL
from plinth.pods import PART_OF

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
PART = "app.kubernetes.io/part-of"
NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """One end of a door: pods, or addresses."""

    namespace: str = ""
    labels: frozenset[tuple[str, str]] = frozenset()
    charts: bool = False
    cidr: str = ""


@dataclass(frozen=True)
class Door:
    """What one rule of a policy opens."""

    policy: str
    inward: bool
    subject: Peer
    peer: Peer | None
    """None: anybody."""
    port: tuple[str, int | str] | None
    """Protocol and port. None: every port."""


def doors_of(recording: Recording) -> Iterator[Door]:
    """Every door that a program's policies open."""
    for policy in recording.of(POLICY):
        spec, namespace = policy.inputs["spec"], policy.inputs["metadata"]["namespace"]
        subject = _pods(namespace, spec["podSelector"])
        for inward, rules, side in ((True, "ingress", "from"), (False, "egress", "to")):
            for rule in spec.get(rules, []):
                ports = [(port.get("protocol", "TCP"), port["port"]) for port in rule.get("ports", [])] or [None]
                for peer, port in itertools.product(rule.get(side) or [None], ports):
                    yield Door(policy.name, inward, subject, peer and _peer(namespace, peer), port)


def _pods(namespace: str, selector: Mapping[str, Any]) -> Peer:
    charts = any(
        (expression["key"], expression["operator"], expression["values"]) == (PART, "NotIn", [PART_OF])
        for expression in selector.get("matchExpressions", [])
    )
    return Peer(namespace, frozenset(selector.get("matchLabels", {}).items()), charts)


def _peer(own: str, peer: Mapping[str, Any]) -> Peer:
    if "ipBlock" in peer:
        return Peer(cidr=peer["ipBlock"]["cidr"])
    chosen = peer.get("namespaceSelector", {}).get("matchLabels", {})
    namespace = "tenant-" if QUEUE_LABEL in chosen else chosen.get(NAMESPACE, own)
    return _pods(namespace, peer.get("podSelector", {}))


def _within(peer: Peer, end: End) -> bool:
    """Whether all of a peer is part of an end of the table."""
    if isinstance(end, Addresses):
        return bool(peer.cidr) and IPv4Network(peer.cidr).subnet_of(IPv4Network(end.cidr))
    if peer.cidr or not _in_namespace(peer, end) or not frozenset(end.labels) <= peer.labels:
        return False
    # Pods that are chosen by another label than the platform's own are a chart's.
    return not end.charts or peer.charts or (bool(peer.labels) and (PART, PART_OF) not in peer.labels)


def _meets(peer: Peer, end: End) -> bool:
    """Whether some of a peer is part of an end of the table."""
    if isinstance(end, Addresses):
        return bool(peer.cidr) and IPv4Network(peer.cidr).overlaps(IPv4Network(end.cidr))
    if peer.cidr or not _in_namespace(peer, end):
        return False
    labels = dict(end.labels)
    if any(labels.get(key, value) != value for key, value in peer.labels):
        return False
    ours = (PART, PART_OF)
    return not (end.charts and ours in peer.labels) and not (peer.charts and ours in end.labels)


def _in_namespace(peer: Peer, end: Pods) -> bool:
    return peer.namespace.startswith("tenant-") if end.namespace is None else peer.namespace == end.namespace


def explains(flow: Flow, door: Door) -> bool:
    """Whether a row of the table is the reason of a door."""
    subject, other = (flow.destination, flow.source) if door.inward else (flow.source, flow.destination)
    if door.peer is None or not _within(door.subject, subject) or not _within(door.peer, other):
        return False
    return not flow.ports or door.port in [(flow.protocol, port) for port in flow.ports]


def serves(flow: Flow, port: int | None, door: Door, *, inward: bool) -> bool:
    """Whether a door lets some of a flow to one of its ports through, at the destination (inward) or at the source."""
    subject, other = (flow.destination, flow.source) if inward else (flow.source, flow.destination)
    if door.inward != inward or not _meets(door.subject, subject):
        return False
    if door.peer is not None and not _meets(door.peer, other):
        return False
    return port is None or door.port in (None, (flow.protocol, port))
