"""Where pods get their addresses: the settings of the VPC network plugin (EKS add-on `vpc-cni`).

Sources: Amazon EKS user guide, "Customize the secondary network interface in Amazon EKS nodes" and "Assign more IP
addresses to Amazon EKS nodes with prefixes"; the values of the chart aws-vpc-cni.
"""

from collections.abc import Mapping
from typing import Any

from plinth.security.documents import Text

ADDON = "vpc-cni"
"""Name of the add-on."""

RESERVED_INTERFACES = 1
"""Network interfaces of a node that hold no pods where pods have subnets of their own: the first is the node's."""


def plugin_settings(region: str, pod_subnets: Mapping[str, Text], security_group_id: Text) -> dict[str, Any]:
    """The add-on's configuration.

    Args:
        region: AWS region.
        pod_subnets: subnet of pods by the zone's letter; empty where pods share the nodes' subnets.
        security_group_id: security group of the pods' network interfaces, where they are not the node's.
    """
    # /28 prefixes: a node holds as many pods as its size allows, not as its network cards do.
    env = {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"}
    # Without it network policies are objects that nobody obeys.
    settings: dict[str, Any] = {"enableNetworkPolicy": "true", "env": env}
    if pod_subnets:
        env |= {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true", "ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone"}
        # The add-on makes an ENIConfig a zone, named like the zone, which is the node label's value.
        settings["eniConfig"] = {
            "create": True,
            "region": region,
            "subnets": {
                f"{region}{zone}": {"id": subnet, "securityGroups": [security_group_id]}
                for zone, subnet in pod_subnets.items()
            },
        }
    return settings
