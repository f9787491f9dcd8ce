import json

import pytest
import yaml
from support.recorder import record
from support.worlds import ROOT, environment

from plinth.cluster.cluster import Cluster
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec import load_spec
from plinth.spec.cluster import Cluster as Section
from plinth.spec.existing_cluster import ExistingCluster
from plinth.spec.network import Network as NetworkSection
from plinth.spec.problem import SpecError

DEPLOYER = "arn:aws:iam::123456789012:role/platform-deployer"
GIVEN = ExistingCluster(
    name="shared",
    node_role="arn:aws:iam::123456789012:role/eks/shared-nodes",
    endpoint="https://ABC.gr7.us-east-1.eks.amazonaws.com",
    certificate_authority="Q0E=",
    security_group_id="sg-0a1b2c3d4e5f60718",
    addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"],
)
SEEN = {
    "aws:eks/getCluster:getCluster": {
        "endpoint": "https://seen.eks.amazonaws.com",
        "certificateAuthorities": [{"data": "U0VFTg=="}],
        "vpcConfig": {"clusterSecurityGroupId": "sg-seen"},
    }
}


def build(existing=GIVEN, *, calls=None, preview=False):
    def program():
        world = environment()
        network = Network("network", NetworkSection(zones=["a", "b"]), environment=world, log_key_arn="arn:logs")
        section = Section(deployer_role=DEPLOYER, existing=existing)
        keys = {"cluster_key_arn": "arn:cluster", "log_key_arn": "arn:logs"}
        cluster = Cluster("cluster", section, environment=world, network=network, **keys)
        Karpenter("karpenter", environment=world, cluster=cluster, namespace="plinth-system")
        return cluster

    return record(program, calls=calls, preview=preview)


def test_what_is_there_is_not_made_again():
    recorded = build()
    made = {r.type for r in recorded.resources if r.custom and r.name.startswith("cluster")}
    assert made == {"aws:eks/addon:Addon", "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"}
    addons = {addon.inputs["addonName"] for addon in recorded.of("aws:eks/addon:Addon")}
    assert addons == {"eks-pod-identity-agent", "aws-ebs-csi-driver"}


@pytest.mark.parametrize("preview", [False, True])
def test_it_gives_what_a_new_one_gives(preview):
    recorded = build(preview=preview)
    cluster = recorded.result
    assert recorded.value(cluster.name) == cluster.physical_name == "shared"
    assert recorded.value(cluster.arn) == "arn:aws:eks:us-east-1:123456789012:cluster/shared"
    assert recorded.value(cluster.endpoint) == GIVEN.endpoint
    assert recorded.value(cluster.security_group_id) == GIVEN.security_group_id
    assert recorded.value(cluster.version) == "1.36"
    assert recorded.value(cluster.node_role_name) == "shared-nodes"
    kubeconfig = json.loads(recorded.value(cluster.kubeconfig))
    assert kubeconfig["clusters"][0]["cluster"] == {"server": GIVEN.endpoint, "certificate-authority-data": "Q0E="}
    assert "shared" in kubeconfig["users"][0]["user"]["exec"]["args"]


def test_what_the_spec_does_not_say_is_looked_up():
    existing = ExistingCluster(name="shared", node_role=GIVEN.node_role, security_group_id="sg-0a1b2c3d4e5f60718")
    recorded = build(existing, calls=SEEN)
    cluster = recorded.result
    assert recorded.value(cluster.endpoint) == "https://seen.eks.amazonaws.com"
    assert recorded.value(cluster.certificate_authority) == "U0VFTg=="
    assert recorded.value(cluster.security_group_id) == "sg-0a1b2c3d4e5f60718"


def test_karpenter_looks_after_its_own_nodes_of_that_cluster():
    recorded = build()
    policies = [r.inputs["policy"] for r in recorded.of("aws:iam/rolePolicy:RolePolicy")]
    assert any("kubernetes.io/cluster/shared" in str(policy) for policy in policies)
    assert not any("kubernetes.io/cluster/plinth-dev" in str(policy) for policy in policies)


def document():
    data = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]["plinth:platform"]
    for field in ("system_nodes", "public_access_cidrs", "admin_roles", "log_days"):
        data["cluster"].pop(field, None)
    data["cluster"]["existing"] = GIVEN.model_dump()
    for pool in data["gpu_pools"]:
        pool.pop("plane", None)
    private, more = ({zone: f"subnet-{digit * 8}{zone}" for zone in data["network"]["zones"]} for digit in "12")
    data["network"]["existing"] = {
        "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "cidr": "10.20.0.0/16",
        "subnets": {"private": private, "data": more},
    }
    for field in set(data["network"]) - {"zones", "existing"}:
        data["network"].pop(field)
    return data


def problems(change):
    data = document()
    change(data)
    with pytest.raises(SpecError) as refused:
        load_spec(data)
    return str(refused.value)


def test_a_cluster_and_its_network_that_are_there_make_a_platform():
    assert load_spec(document()).cluster.existing == GIVEN


def test_what_would_make_a_cluster_is_refused():
    assert "cluster.log_days" in problems(lambda data: data["cluster"].update(log_days=7))
    assert "cluster.system_nodes" in problems(lambda data: data["cluster"].update(system_nodes={"min_size": 2}))
    assert "network.existing" in problems(lambda data: data["network"].pop("existing"))
    assert "gpu_pools[0].plane" in problems(lambda data: data["gpu_pools"][0].update(plane="auto"))


@pytest.mark.parametrize(
    ("field", "value"), [("endpoint", "http://x"), ("security_group_id", "sg"), ("name", "a b"), ("addons", ["x"])]
)
def test_mistakes_are_said_with_their_place(field, value):
    assert f"cluster.existing.{field}" in problems(lambda data: data["cluster"]["existing"].update({field: value}))
