"""Karpenter's NodePool and EC2NodeClass of a GPU pool, from the spec. Pure.

Sources: Karpenter documentation, "NodePools" and "NodeClasses", v1.
"""

from collections.abc import Sequence

from plinth import naming, versions
from plinth.kinds import karpenter
from plinth.kinds.base import Text
from plinth.spec.environment import Environment
from plinth.spec.gpu import Capacity, GpuPool

CAPACITY_TYPES: dict[Capacity, str] = {"reserved": "reserved", "spot": "spot", "on_demand": "on-demand"}
"""Karpenter's word for each way of buying."""

NODE_LIFETIME = "720h"
"""Nodes are replaced after 30 days, so that no node runs unpatched for longer."""

SYSTEM_VOLUME_GIB = 4
"""Bottlerocket's own volume; images and data are on the second one."""


def node_class(
    pool: GpuPool,
    environment: Environment,
    *,
    node_role_name: Text,
    subnet_ids: Sequence[Text],
    security_group_id: Text,
    volume_key_arn: Text,
) -> karpenter.EC2NodeClass:
    """The EC2NodeClass: image, disks, network and metadata of a pool's nodes."""
    return karpenter.EC2NodeClass(
        # Pinned: a moving alias would replace every node on the day of an AMI release.
        ami_selector_terms=[karpenter.AmiTerm(alias=f"bottlerocket@{versions.BOTTLEROCKET}")],
        role=node_role_name,
        subnet_selector_terms=[karpenter.IdTerm(id=subnet_id) for subnet_id in subnet_ids],
        security_group_selector_terms=[karpenter.IdTerm(id=security_group_id)],
        capacity_reservation_selector_terms=[karpenter.ReservationTerm(id=term) for term in pool.reservation_ids]
        or None,
        block_device_mappings=[
            _volume("/dev/xvda", SYSTEM_VOLUME_GIB, volume_key_arn),
            _volume("/dev/xvdb", pool.disk_gib, volume_key_arn),
        ],
        # Local NVMe drives, where the instance has them, hold images and pods' scratch space.
        instance_store_policy="RAID0",
        tags={**environment.all_tags, "Name": f"{environment.name}-{pool.name}"},
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
    return karpenter.NodePool(
        template=karpenter.NodeTemplate(
            metadata=karpenter.TemplateMetadata(labels={naming.POOL_LABEL: pool.name}),
            spec=karpenter.TemplateSpec(
                node_class_ref=karpenter.NodeClassRef(
                    group="karpenter.k8s.aws", kind=karpenter.EC2NodeClass.KIND, name=pool.name
                ),
                taints=[karpenter.Taint(key=naming.GPU_TAINT)],
                requirements=[karpenter.Requirement(key=key, values=values) for key, values in requirements.items()],
                expire_after=NODE_LIFETIME,
            ),
        ),
        limits={naming.GPU_TAINT: str(pool.max_gpus)},
        disruption=karpenter.Disruption(
            consolidation_policy="WhenEmpty",
            consolidate_after=f"{pool.idle_minutes}m",
            budgets=[
                karpenter.Budget(nodes="1", reasons=["Drifted"]),
                karpenter.Budget(nodes="100%", reasons=["Empty"]),
            ],
        ),
    )


def _volume(device: str, size_gib: int, key_arn: Text) -> karpenter.BlockDevice:
    return karpenter.BlockDevice(device_name=device, ebs=karpenter.Ebs(volume_size=f"{size_gib}Gi", kmsKeyID=key_arn))
