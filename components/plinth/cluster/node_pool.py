"""The specs of Karpenter's NodePool and EC2NodeClass, as plain data.

Sources: Karpenter documentation, "NodePools" and "NodeClasses", v1.
"""

from collections.abc import Sequence
from typing import Any

from plinth import naming, versions
from plinth.security.documents import Text
from plinth.spec.environment import Environment
from plinth.spec.gpu import Capacity, GpuPool

CAPACITY_TYPES: dict[Capacity, str] = {"reserved": "reserved", "spot": "spot", "on_demand": "on-demand"}
"""Karpenter's word for each way of buying."""

NODE_LIFETIME = "720h"
"""Nodes are replaced after 30 days, so that no node runs unpatched for longer."""

SYSTEM_VOLUME_GIB = 4
"""Bottlerocket's own volume; images and data are on the second one."""


def node_class_spec(
    pool: GpuPool,
    environment: Environment,
    *,
    node_role_name: Text,
    subnet_ids: Sequence[Text],
    security_group_id: Text,
    volume_key_arn: Text,
) -> dict[str, Any]:
    """Spec of the EC2NodeClass: image, disks, network and metadata of a pool's nodes."""
    spec: dict[str, Any] = {
        # Pinned: a moving alias would replace every node on the day of an AMI release.
        "amiSelectorTerms": [{"alias": f"bottlerocket@{versions.BOTTLEROCKET}"}],
        "role": node_role_name,
        "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
        "securityGroupSelectorTerms": [{"id": security_group_id}],
        "blockDeviceMappings": [
            _volume("/dev/xvda", SYSTEM_VOLUME_GIB, volume_key_arn),
            _volume("/dev/xvdb", pool.disk_gib, volume_key_arn),
        ],
        # Local NVMe drives, where the instance has them, hold images and pods' scratch space.
        "instanceStorePolicy": "RAID0",
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tags": {**environment.all_tags, "Name": f"{environment.name}-{pool.name}"},
    }
    if pool.reservation_ids:
        spec["capacityReservationSelectorTerms"] = [{"id": reservation} for reservation in pool.reservation_ids]
    return spec


def node_pool_spec(pool: GpuPool, environment: Environment, zones: Sequence[str]) -> dict[str, Any]:
    """Spec of the NodePool: which instances, how many GPUs at most, and when a node goes.

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
    return {
        "template": {
            "metadata": {"labels": {naming.POOL_LABEL: pool.name}},
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": pool.name},
                "taints": [{"key": naming.GPU_TAINT, "value": "true", "effect": "NoSchedule"}],
                "requirements": [
                    {"key": key, "operator": "In", "values": list(values)} for key, values in requirements.items()
                ],
                "expireAfter": NODE_LIFETIME,
            },
        },
        "limits": {naming.GPU_TAINT: str(pool.max_gpus)},
        "disruption": {
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": f"{pool.idle_minutes}m",
            "budgets": [{"nodes": "1", "reasons": ["Drifted"]}, {"nodes": "100%", "reasons": ["Empty"]}],
        },
    }


def _volume(device: str, size_gib: int, key_arn: Text) -> dict[str, Any]:
    return {
        "deviceName": device,
        "ebs": {
            "volumeSize": f"{size_gib}Gi",
            "volumeType": "gp3",
            "encrypted": True,
            "kmsKeyID": key_arn,
            "deleteOnTermination": True,
        },
    }
