"""Karpenter's NodePool and EC2NodeClass of a general pool, from the spec. Pure.

Sources: Karpenter documentation, "NodePools", "NodeClasses" and "Disruption", v1.
"""

from collections.abc import Sequence

from plinth import naming, versions
from plinth.cluster.node_pool import CAPACITY_TYPES, NODE_LIFETIME, SYSTEM_VOLUME_GIB
from plinth.kinds import karpenter
from plinth.kinds.base import Text
from plinth.spec.environment import Environment
from plinth.spec.general_pools import Architecture, GeneralPool

ARCHITECTURES: dict[Architecture, str] = {"arm64": "arm64", "x86_64": "amd64"}
"""Kubernetes' word for each processor architecture."""

SMALLEST_CPUS = 2
"""Virtual processors of the smallest node: smaller ones spend themselves on their own system pods."""


def node_class(
    pool: GeneralPool,
    environment: Environment,
    *,
    node_role_name: Text,
    subnet_ids: Sequence[Text],
    security_group_id: Text,
    volume_key_arn: Text,
) -> karpenter.EC2NodeClass:
    """The EC2NodeClass: image, disks, network and metadata of a pool's nodes."""
    disks = {"/dev/xvda": SYSTEM_VOLUME_GIB, "/dev/xvdb": pool.disk_gib}
    return karpenter.EC2NodeClass(
        # Pinned: a moving alias would replace every node on the day of an AMI release.
        ami_selector_terms=[karpenter.AmiTerm(alias=f"bottlerocket@{versions.BOTTLEROCKET}")],
        role=node_role_name,
        subnet_selector_terms=[karpenter.IdTerm(id=subnet_id) for subnet_id in subnet_ids],
        security_group_selector_terms=[karpenter.IdTerm(id=security_group_id)],
        block_device_mappings=[
            karpenter.BlockDevice(
                device_name=device, ebs=karpenter.Ebs(volume_size=f"{size}Gi", kmsKeyID=volume_key_arn)
            )
            for device, size in disks.items()
        ],
        tags={**environment.all_tags, "Name": f"{environment.name}-{pool.name}"},
    )


def node_pool(pool: GeneralPool, environment: Environment, zones: Sequence[str]) -> karpenter.NodePool:
    """The NodePool: which instances, how much at most, and when a node goes.

    At most a tenth of the nodes, and at least one, are replaced at a time.
    """
    return karpenter.NodePool(
        template=karpenter.NodeTemplate(
            metadata=karpenter.TemplateMetadata(labels={naming.POOL_LABEL: pool.name}),
            spec=karpenter.TemplateSpec(
                node_class_ref=karpenter.NodeClassRef(
                    group="karpenter.k8s.aws", kind=karpenter.EC2NodeClass.KIND, name=pool.name
                ),
                taints=[karpenter.Taint(key=naming.POOL_LABEL, value=pool.name)] if pool.dedicated else None,
                requirements=_requirements(pool, environment, zones),
                expire_after=NODE_LIFETIME,
            ),
        ),
        limits={"cpu": str(pool.max_cpus), "memory": f"{pool.max_memory_gib}Gi"},
        disruption=karpenter.Disruption(
            consolidation_policy="WhenEmpty" if pool.consolidate == "empty" else "WhenEmptyOrUnderutilized",
            consolidate_after=f"{pool.consolidate_minutes}m",
            budgets=[
                karpenter.Budget(nodes="10%", reasons=["Drifted", "Underutilized"]),
                karpenter.Budget(nodes="100%", reasons=["Empty"]),
            ],
        ),
    )


def _requirements(pool: GeneralPool, environment: Environment, zones: Sequence[str]) -> list[karpenter.Requirement]:
    chosen = {
        "kubernetes.io/os": ["linux"],
        "kubernetes.io/arch": [ARCHITECTURES[name] for name in pool.architectures],
        "karpenter.sh/capacity-type": [CAPACITY_TYPES[kind] for kind in pool.capacity],
        "topology.kubernetes.io/zone": [f"{environment.region}{zone}" for zone in zones],
    }
    instances = (
        [karpenter.Requirement(key="karpenter.k8s.aws/instance-family", values=pool.families)]
        if pool.families
        else [
            karpenter.Requirement(key="karpenter.k8s.aws/instance-category", values=pool.categories),
            _above("instance-generation", pool.min_generation - 1),
        ]
    )
    return [
        *(karpenter.Requirement(key=key, values=values) for key, values in chosen.items()),
        *instances,
        _above("instance-cpu", SMALLEST_CPUS - 1),
    ]


def _above(label: str, number: int) -> karpenter.Requirement:
    return karpenter.Requirement(key=f"karpenter.k8s.aws/{label}", operator="Gt", values=[str(number)])
