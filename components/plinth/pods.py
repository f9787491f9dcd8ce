"""What every pod of the platform has in common: the restricted security profile, labels, probes and walls."""

from collections.abc import Mapping, Sequence

from pulumi_kubernetes import core, meta, networking

from plinth import naming

PART_OF = "plinth"

USER_ID = 10001
"""User and group that the platform's containers run as; no image needs an entry for it."""

TEMPORARY = "/tmp"  # noqa: S108 - the path inside a container, backed by an emptyDir of its own

SYSTEM_TOLERATIONS = ({"key": naming.SYSTEM_TAINT, "operator": "Exists", "effect": "NoSchedule"},)
"""What add-ons, controllers and the gateway say to get onto the system nodes. Nothing else may."""

Port = int | str
"""A port's number, or its name in the pod."""


def labels(component: str, name: str) -> dict[str, str]:
    """The recommended Kubernetes labels; `component` groups what dashboards and policies treat alike."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/managed-by": "pulumi",
    }


def selector(component: str, name: str | None = None) -> dict[str, str]:
    """Labels that choose the pods of a component, or one of them by name."""
    chosen = labels(component, name or "")
    keys = ["app.kubernetes.io/component", "app.kubernetes.io/part-of"]
    return {key: chosen[key] for key in (["app.kubernetes.io/name", *keys] if name else keys)}


def pod_security() -> core.v1.PodSecurityContextArgs:
    """The pod's half of the restricted Pod Security Standard."""
    return core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER_ID,
        run_as_group=USER_ID,
        fs_group=USER_ID,
        seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> core.v1.SecurityContextArgs:
    """The container's half, and a root file system that cannot be written."""
    return core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
        read_only_root_filesystem=True,
        run_as_non_root=True,
    )


def resources(
    *,
    cpu: str,
    memory: str,
    extended: Mapping[str, str] | None = None,
    cpu_limit: str | None = None,
    claims: Sequence[str] = (),
) -> core.v1.ResourceRequirementsArgs:
    """Requests and limits. Memory is not overcommitted; processors are up to `cpu_limit`.

    `extended` are resources of devices, such as GPUs (`plinth.cluster.gpu_request`), `claims` the pod's own names of
    those that it claims.
    """
    extended = extended or {}
    return core.v1.ResourceRequirementsArgs(
        requests={"cpu": cpu, "memory": memory, **extended},
        limits={"cpu": cpu_limit or cpu, "memory": memory, **extended},
        claims=[core.v1.ResourceClaimArgs(name=name) for name in claims] or None,
    )


def toleration(wanted: Mapping[str, str]) -> core.v1.TolerationArgs:
    """A toleration, from plain data."""
    return core.v1.TolerationArgs(
        key=wanted["key"], operator=wanted.get("operator"), value=wanted.get("value"), effect=wanted.get("effect")
    )


def http_probe(path: str, port: Port, *, period: int, failures: int, timeout: int = 2) -> core.v1.ProbeArgs:
    """A probe by HTTP; `period` and `timeout` in seconds."""
    return core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path=path, port=port),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=timeout,
    )


def scratch(name: str, size: str, *, memory: bool = False) -> core.v1.VolumeArgs:
    """An emptyDir volume of bounded size, on disk or in memory."""
    return core.v1.VolumeArgs(
        name=name,
        empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=size, medium="Memory" if memory else None),
    )


def spread(
    matching: Mapping[str, str], *, zone: bool, required: bool = False, places: int | None = None
) -> core.v1.TopologySpreadConstraintArgs:
    """Spread pods over zones or hosts; `required` leaves a pod pending where preferring would place it anyway.

    `places` goes with `required`: fewer zones or hosts than that do not do. Without it all pods fit on one host as
    long as there is only one.
    """
    return core.v1.TopologySpreadConstraintArgs(
        max_skew=1,
        min_domains=places,
        topology_key="topology.kubernetes.io/zone" if zone else "kubernetes.io/hostname",
        when_unsatisfiable="DoNotSchedule" if required else "ScheduleAnyway",
        label_selector=meta.v1.LabelSelectorArgs(match_labels=dict(matching)),
    )


# Walls


def peer(namespace: str, matching: Mapping[str, str] | None = None) -> networking.v1.NetworkPolicyPeerArgs:
    """Pods of a namespace: all of them, or those with these labels."""
    return networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": namespace}),
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=dict(matching)) if matching else None,
    )


def ports(*numbers: Port, protocol: str = "TCP") -> list[networking.v1.NetworkPolicyPortArgs]:
    """Ports of a network policy."""
    return [networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol) for number in numbers]


def allow_from(
    peers: Sequence[networking.v1.NetworkPolicyPeerArgs], *numbers: Port
) -> networking.v1.NetworkPolicyIngressRuleArgs:
    """Let these peers in on these ports."""
    return networking.v1.NetworkPolicyIngressRuleArgs(from_=list(peers), ports=ports(*numbers))


def allow_to(
    peers: Sequence[networking.v1.NetworkPolicyPeerArgs], *numbers: Port
) -> networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods reach these peers on these ports."""
    return networking.v1.NetworkPolicyEgressRuleArgs(to=list(peers), ports=ports(*numbers))


def allow_addresses(cidr: str, *numbers: Port, but: Sequence[str] = ()) -> networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods reach a range of addresses on these ports, except the ranges `but`."""
    block = networking.v1.IPBlockArgs(cidr=cidr, except_=list(but) or None)
    return networking.v1.NetworkPolicyEgressRuleArgs(
        to=[networking.v1.NetworkPolicyPeerArgs(ip_block=block)], ports=ports(*numbers)
    )


def allow_dns() -> networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods resolve names through the cluster's DNS."""
    return networking.v1.NetworkPolicyEgressRuleArgs(
        to=[peer("kube-system", {"k8s-app": "kube-dns"})],
        ports=[*ports(53, protocol="UDP"), *ports(53)],
    )


def allow_pod_identity() -> networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods reach the EKS Pod Identity agent on their node, for AWS credentials (Amazon EKS user guide)."""
    return allow_addresses("169.254.170.23/32", 80)
