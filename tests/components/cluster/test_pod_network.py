import json

from support.recorder import record
from support.worlds import environment

from plinth.cluster.cluster import Cluster
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec.cluster import Cluster as Section
from plinth.spec.network import Network as NetworkSection


def build(**network):
    def program():
        world = environment()
        made = Network(
            "network", NetworkSection(zones=["a", "b"], **network), environment=world, log_key_arn="arn:logs"
        )
        cluster = Cluster(
            "cluster",
            Section(deployer_role="arn:aws:iam::123456789012:role/deployer"),
            environment=world,
            network=made,
            cluster_key_arn="arn:cluster",
            log_key_arn="arn:logs",
        )
        Karpenter("karpenter", environment=world, cluster=cluster, namespace="plinth-system")

    return program


def plugin(recorded):
    return json.loads(recorded.one("aws:eks/addon:Addon", "cluster-addon-vpc-cni").inputs["configurationValues"])


def controller(recorded):
    return recorded.one("kubernetes:helm.sh/v3:Release", "karpenter-controller").inputs["values"]["settings"]


def test_pods_share_the_nodes_subnets_unless_they_have_a_range():
    recorded = record(build())
    assert plugin(recorded) == {
        "enableNetworkPolicy": "true",
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
    }
    assert "reservedENIs" not in controller(recorded)


def test_pods_with_a_range_get_their_interfaces_in_their_zones_subnet():
    recorded = record(build(pod_cidr="100.64.0.0/16"))
    settings = plugin(recorded)
    assert settings["env"]["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"] == "true"
    assert settings["env"]["ENI_CONFIG_LABEL_DEF"] == "topology.kubernetes.io/zone"
    # Named like the zone, and in the cluster's own group: what lets nodes in lets their pods in.
    assert settings["eniConfig"]["subnets"] == {
        "us-east-1a": {"id": "network-pods-a-id", "securityGroups": ["sg-cluster-eks"]},
        "us-east-1b": {"id": "network-pods-b-id", "securityGroups": ["sg-cluster-eks"]},
    }
    assert controller(recorded)["reservedENIs"] == "1"


def test_the_apis_interfaces_have_subnets_of_their_own():
    recorded = record(build())
    assert recorded.one("aws:eks/cluster:Cluster").inputs["vpcConfig"]["subnetIds"] == [
        "network-control-plane-a-id",
        "network-control-plane-b-id",
    ]
