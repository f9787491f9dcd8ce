import pytest
from pydantic import ValidationError
from support.recorder import record
from support.worlds import environment, spec

from plinth.cluster import general_pool
from plinth.cluster.cluster import Cluster
from plinth.cluster.general_node_pool import GeneralNodePool
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec import load_spec
from plinth.spec.cluster import Cluster as ClusterSection
from plinth.spec.general_pools import GeneralPool, family_architecture
from plinth.spec.network import Network as NetworkSection
from plinth.spec.problem import SpecError

ZONES = ["a", "b"]


def node_pool(**fields):
    return general_pool.node_pool(GeneralPool(**fields), environment(), ZONES).to_object()


def requirements(**fields):
    found = node_pool(**fields)["template"]["spec"]["requirements"]
    return {item["key"]: (item["operator"], item["values"]) for item in found}


def test_the_default_pool_is_open_bounded_and_not_on_spot():
    pool = node_pool()
    assert "taints" not in pool["template"]["spec"]
    assert pool["template"]["metadata"]["labels"] == {"plinth.dev/pool": "general"}
    assert pool["limits"] == {"cpu": "200", "memory": "1600Gi"}
    assert requirements() == {
        "kubernetes.io/os": ("In", ["linux"]),
        "kubernetes.io/arch": ("In", ["arm64"]),
        "karpenter.sh/capacity-type": ("In", ["on-demand"]),
        "topology.kubernetes.io/zone": ("In", ["us-east-1a", "us-east-1b"]),
        "karpenter.k8s.aws/instance-category": ("In", ["c", "m", "r"]),
        "karpenter.k8s.aws/instance-generation": ("Gt", ["5"]),
        "karpenter.k8s.aws/instance-cpu": ("Gt", ["1"]),
    }


def test_families_replace_categories():
    chosen = requirements(families=["m7g", "r7g"])
    assert chosen["karpenter.k8s.aws/instance-family"] == ("In", ["m7g", "r7g"])
    assert not {"karpenter.k8s.aws/instance-category", "karpenter.k8s.aws/instance-generation"} & set(chosen)


def test_a_dedicated_pool_keeps_others_away():
    (taint,) = node_pool(name="batch", dedicated=True)["template"]["spec"]["taints"]
    assert taint == {"key": "plinth.dev/pool", "value": "batch", "effect": "NoSchedule"}


def test_nodes_go_slowly_unless_they_are_empty():
    pool = node_pool(consolidate_minutes=15)["disruption"]
    assert (pool["consolidationPolicy"], pool["consolidateAfter"]) == ("WhenEmptyOrUnderutilized", "15m")
    assert {"nodes": "10%", "reasons": ["Drifted", "Underutilized"]} in pool["budgets"]
    assert node_pool(consolidate="empty")["disruption"]["consolidationPolicy"] == "WhenEmpty"


@pytest.mark.parametrize(
    ("family", "architecture"),
    [
        ("m7g", "arm64"),
        ("c7gn", "arm64"),
        ("t4g", "arm64"),
        ("m7i-flex", "x86_64"),
        ("r6a", "x86_64"),
        ("c5", "x86_64"),
    ],
)
def test_a_familys_name_says_its_architecture(family, architecture):
    assert family_architecture(family) == architecture


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"families": ["m7i"]}, "family m7i is x86_64, which architectures"),
        ({"families": ["m7g"], "architectures": ["arm64", "x86_64"]}, "no family is x86_64"),
        ({"families": ["m7g"], "categories": ["m"]}, "leave out categories"),
        ({"min_generation": 9}, "at most 8"),
    ],
)
def test_what_no_instance_could_meet_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        GeneralPool(**fields)


def load(**cluster):
    data = spec("dev").model_dump()
    data["cluster"] = {**data["cluster"], **cluster}
    return load_spec(data)


def problems(**cluster):
    with pytest.raises(SpecError) as refused:
        load(**cluster)
    return str(refused.value)


def test_a_pools_name_is_its_own_and_its_zones_are_the_networks():
    assert "cluster.general_pools[0].name" in problems(general_pools=[{"name": "system"}])
    assert "gpu_pools[0].name" in problems(general_pools=[{"name": "l4-spot"}])
    assert "cluster.general_pools[1].name" in problems(general_pools=[{}, {}])
    assert "cluster.general_pools[0].zones" in problems(general_pools=[{"zones": ["d"]}])
    assert "every pool is dedicated" in problems(general_pools=[{"dedicated": True}])


def test_pool_class_and_node_role_belong_together():
    world = environment()

    def program():
        network = Network("network", NetworkSection(zones=ZONES), environment=world, log_key_arn="arn:logs")
        section = ClusterSection(deployer_role="arn:aws:iam::123456789012:role/deployer")
        keys = {"cluster_key_arn": "arn:cluster", "log_key_arn": "arn:logs"}
        cluster = Cluster("cluster", section, environment=world, network=network, **keys)
        karpenter = Karpenter("karpenter", environment=world, cluster=cluster, namespace="plinth-system")
        pool = GeneralPool(zones=["b"], disk_gib=60)
        GeneralNodePool(
            "general-general", pool, environment=world, cluster=cluster, karpenter=karpenter, network=network
        )

    recorded = record(program)
    node_class = recorded.one("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
    assert node_class.inputs["spec"]["subnetSelectorTerms"] == [{"id": "network-private-b-id"}]
    assert node_class.inputs["spec"]["role"] == "karpenter-nodes-role"
    disks = [device["ebs"] for device in node_class.inputs["spec"]["blockDeviceMappings"]]
    assert [disk["volumeSize"] for disk in disks] == ["4Gi", "60Gi"]
    assert all(disk["kmsKeyID"] == "arn:cluster" and disk["encrypted"] for disk in disks)
    pool = recorded.one("kubernetes:karpenter.sh/v1:NodePool")
    assert node_class.name in pool.depends_on
    assert "karpenter-controller" in node_class.depends_on
