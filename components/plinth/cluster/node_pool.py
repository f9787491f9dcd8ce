"""Karpenter's NodePool, node class and overlays of a GPU pool, from the spec. Pure.

Sources: Karpenter documentation, "NodePools", "NodeClasses" and "NodeOverlays", v1.14; Amazon EC2 User Guide,
"Maximize network bandwidth on Amazon EC2 instances with multiple network cards".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from plinth import catalogue, naming, versions
from plinth.cluster.user_data import user_data
from plinth.kinds import automode, karpenter
from plinth.kinds.base import Text
from plinth.spec.environment import Environment
from plinth.spec.gpu import Capacity, GpuPool
from plinth.spec.gpu_devices import GPU, NEURON, devices

CAPACITY_TYPES: dict[Capacity, str] = {"reserved": "reserved", "spot": "spot", "on_demand": "on-demand"}
"""Karpenter's word for each way of buying."""

NODE_LIFETIME = "720h"
"""Nodes are replaced after 30 days, so that no node runs unpatched for longer."""

AUTO_LIFETIME = "504h"
"""EKS Auto Mode ends its nodes after 21 days in any case."""

SYSTEM_VOLUME_GIB = 4
"""Bottlerocket's own volume; images and data are on the second one."""

PULL_IOPS, PULL_MIB_PER_SECOND = 16000, 1000
"""What a parallel pull makes use of (Amazon EKS AMI documentation), where images are not on local drives."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the nodes of a pool are."""

    role_name: Text
    """IAM role of the nodes."""
    subnet_ids: Sequence[Text]
    security_group_ids: Sequence[Text]
    volume_key_arn: Text
    """KMS key of their volumes."""
    pod_subnet_ids: Sequence[Text] = ()
    """Pods' own subnets, where they do not share the nodes'."""
    reservation_ids: Sequence[Text] = ()
    """Capacity reservations that the platform made for the pool."""


def taint_key(pool: GpuPool) -> str:
    """Key of the taint by the kind of device: daemons that serve it tolerate it everywhere."""
    return NEURON if pool.neuron else naming.GPU_TAINT


def node_class(pool: GpuPool, environment: Environment, place: Place) -> karpenter.EC2NodeClass:
    """The EC2NodeClass: image, disks, network and metadata of a pool's nodes."""
    # Pinned: a moving alias would replace every node on the day of an AMI release.
    version = versions.BOTTLEROCKET if pool.image == "bottlerocket" else versions.AL2023
    return karpenter.EC2NodeClass(
        ami_selector_terms=[karpenter.AmiTerm(alias=f"{pool.image}@{version}")],
        role=place.role_name,
        subnet_selector_terms=[karpenter.IdTerm(id=subnet_id) for subnet_id in place.subnet_ids],
        security_group_selector_terms=[karpenter.IdTerm(id=group_id) for group_id in place.security_group_ids],
        capacity_reservation_selector_terms=_reservations(pool, place),
        block_device_mappings=_volumes(pool, place.volume_key_arn),
        network_interfaces=network_interfaces(pool.instances[0]) if pool.efa else None,
        # Local NVMe drives hold images and pods' scratch space. On a pool where some instances have none, a pod
        # could not rely on them, and Karpenter would ask for a RAID of nothing.
        instance_store_policy="RAID0" if has_nvme(pool) else None,
        user_data=user_data(pool),
        tags=_tags(pool, environment),
    )


def auto_class(pool: GpuPool, environment: Environment, place: Place) -> automode.NodeClass:
    """The NodeClass of EKS Auto Mode: Amazon chooses image, drivers and local drives."""
    groups = [karpenter.IdTerm(id=group_id) for group_id in place.security_group_ids]
    pods = [karpenter.IdTerm(id=subnet_id) for subnet_id in place.pod_subnet_ids]
    return automode.NodeClass(
        role=place.role_name,
        subnet_selector_terms=[karpenter.IdTerm(id=subnet_id) for subnet_id in place.subnet_ids],
        security_group_selector_terms=groups,
        # Pods of other nodes get theirs through the network plugin, which does not run on these.
        pod_subnet_selector_terms=pods or None,
        pod_security_group_selector_terms=groups if pods else None,
        capacity_reservation_selector_terms=_reservations(pool, place),
        ephemeral_storage=automode.EphemeralStorage(size=f"{pool.disk_gib}Gi", kmsKeyID=place.volume_key_arn),
        tags=_tags(pool, environment),
    )


def node_pool(pool: GpuPool, environment: Environment, zones: Sequence[str]) -> karpenter.NodePool:
    """The NodePool: which instances, how many GPUs at most, and when a node goes.

    A node goes only when it is empty: moving a model means loading its weights again. Replacements for a new
    image happen one node at a time. Karpenter's budgets do not hold for age: there the models' disruption budgets
    decide how many pods move at once.
    """
    requirements = {
        "node.kubernetes.io/instance-type": pool.instance_types,
        "karpenter.sh/capacity-type": [CAPACITY_TYPES[kind] for kind in pool.capacity],
        "topology.kubernetes.io/zone": [f"{environment.region}{zone}" for zone in zones],
        "kubernetes.io/os": ["linux"],
    }
    if pool.capacity_block:
        requirements["karpenter.k8s.aws/capacity-reservation-type"] = ["capacity-block"]
    auto = pool.plane == "auto"
    reference = karpenter.NodeClassRef(
        group=_group(automode.NodeClass if auto else karpenter.EC2NodeClass),
        kind=automode.NodeClass.KIND if auto else karpenter.EC2NodeClass.KIND,
        name=pool.name,
    )
    return karpenter.NodePool(
        template=karpenter.NodeTemplate(
            metadata=karpenter.TemplateMetadata(labels={naming.POOL_LABEL: pool.name}),
            spec=karpenter.TemplateSpec(
                node_class_ref=reference,
                # The first names the devices, the second the pool: a pod lands on the pool that it asks for only.
                taints=[
                    karpenter.Taint(key=taint_key(pool)),
                    karpenter.Taint(key=naming.POOL_LABEL, value=pool.name),
                ],
                requirements=[karpenter.Requirement(key=key, values=values) for key, values in requirements.items()],
                expire_after=AUTO_LIFETIME if auto else NODE_LIFETIME,
            ),
        ),
        limits=limits(pool),
        disruption=karpenter.Disruption(
            consolidation_policy="WhenEmpty",
            consolidate_after=f"{pool.idle_minutes}m",
            budgets=[
                karpenter.Budget(nodes="1", reasons=["Drifted"]),
                karpenter.Budget(nodes="100%", reasons=["Empty"]),
            ],
        ),
        replicas=pool.fixed_nodes,
    )


def limits(pool: GpuPool) -> dict[str, str]:
    """The fuse. A pool of fixed size may be limited in nodes only; one more lets it replace a node without a gap."""
    if pool.fixed_nodes:
        largest = max(instance.gpus for instance in pool.instances)
        return {"nodes": str(min(pool.fixed_nodes + 1, pool.max_gpus // largest))}
    given = devices(pool)
    # Karpenter counts what EC2 says until the node is up, and what the device plugin says from then on.
    ours = {given.resource: str(pool.max_gpus * given.per_gpu)}
    return ours if pool.neuron else {GPU: str(pool.max_gpus), **ours}


def overlays(pool: GpuPool) -> dict[str, karpenter.NodeOverlay]:
    """Overlays by name: what the nodes of a pool will offer once their device plugin shares the GPUs."""
    given = devices(pool)
    if given.per_gpu == 1:
        return {}
    by_count = groupby(sorted(pool.instances, key=given.per_instance), key=given.per_instance)
    return {
        f"{pool.name}-{count}": karpenter.NodeOverlay(
            requirements=[
                karpenter.OverlayRequirement(key="karpenter.sh/nodepool", values=[pool.name]),
                karpenter.OverlayRequirement(
                    key="node.kubernetes.io/instance-type", values=[instance.name for instance in members]
                ),
            ],
            capacity={given.resource: str(count)},
        )
        for count, members in by_count
    }


def network_interfaces(instance: catalogue.GpuInstance) -> list[karpenter.NetworkInterface]:
    """One interface for IP, and on each card that has EFA one for EFA alone.

    The card of the IP interface takes part in EFA, unless there is a card more than EFA interfaces (P6-B300).
    """
    cards = instance.network_cards or 1
    first = karpenter.NetworkInterface(network_card_index=0, device_index=0, interface_type="interface")
    return [
        first,
        *(
            karpenter.NetworkInterface(
                network_card_index=card, device_index=1 if card == 0 else 0, interface_type="efa-only"
            )
            for card in range(cards - instance.efa, cards)
        ),
    ]


def has_nvme(pool: GpuPool) -> bool:
    """Whether every instance of a pool has local NVMe drives."""
    return all(instance.local_nvme_gb > 0 for instance in pool.instances)


def _reservations(pool: GpuPool, place: Place) -> list[karpenter.ReservationTerm] | None:
    terms = [karpenter.ReservationTerm(id=term) for term in (*pool.reservation_ids, *place.reservation_ids)]
    if pool.reservation_tags:
        terms.append(karpenter.ReservationTerm(tags=pool.reservation_tags))
    return terms or None


def _volumes(pool: GpuPool, key_arn: Text) -> list[karpenter.BlockDevice]:
    """Bottlerocket has its system on the first volume and all data on the second, Amazon Linux all on one."""
    if pool.image == "al2023":
        return [_data_volume("/dev/xvda", pool, key_arn)]
    system = karpenter.Ebs(volume_size=f"{SYSTEM_VOLUME_GIB}Gi", kmsKeyID=key_arn)
    return [
        karpenter.BlockDevice(device_name="/dev/xvda", ebs=system),
        _data_volume("/dev/xvdb", pool, key_arn),
    ]


def _data_volume(device: str, pool: GpuPool, key_arn: Text) -> karpenter.BlockDevice:
    fast = pool.parallel_pull and not has_nvme(pool)
    return karpenter.BlockDevice(
        device_name=device,
        ebs=karpenter.Ebs(
            volume_size=f"{pool.disk_gib}Gi",
            iops=PULL_IOPS if fast else None,
            throughput=PULL_MIB_PER_SECOND if fast else None,
            kmsKeyID=key_arn,
        ),
    )


def _tags(pool: GpuPool, environment: Environment) -> dict[str, str]:
    return {**environment.all_tags, "Name": f"{environment.name}-{pool.name}"}


def _group(kind: type[karpenter.EC2NodeClass | automode.NodeClass]) -> str:
    return kind.API_VERSION.partition("/")[0]
