import json
from pathlib import Path

import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth import versions
from plinth.cluster import plan
from plinth.cluster.cluster import Cluster
from plinth.network.vpc import Network
from plinth.spec.cluster import Cluster as Section
from plinth.spec.cluster import SystemNodes
from plinth.spec.network import Network as NetworkSection

DEPLOYER = "arn:aws:iam::123456789012:role/ci/platform-deployer"
ADMIN = "arn:aws:iam::123456789012:role/platform-oncall"
SECTION = Section(
    deployer_role=DEPLOYER,
    admin_roles=[ADMIN],
    system_nodes=SystemNodes(instance_types=["m7g.large"], min_size=2, max_size=5, disk_gib=80),
)
EKS = "aws:eks/cluster:Cluster"


def build(stage="development", section=SECTION):
    def program():
        world = environment(stage)
        network = Network("network", NetworkSection(zones=["a", "b"]), environment=world, log_key_arn="arn:logs")
        return Cluster(
            "cluster",
            section,
            environment=world,
            network=network,
            cluster_key_arn="arn:cluster",
            log_key_arn="arn:logs",
        )

    return program


@pytest.fixture(scope="module")
def recorded():
    return record(build())


@pytest.fixture(scope="module")
def eks(recorded):
    return recorded.one(EKS)


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    recorded.resources = [r for r in recorded.resources if r.name.startswith("cluster")]
    check_identities(recorded, Path(__file__).with_name("cluster.json"))
    preview = record(build(), preview=True)
    preview.resources = [r for r in preview.resources if r.name.startswith("cluster")]
    assert preview.identities == recorded.identities


def test_access_is_by_entries_only_and_the_creator_gets_none(recorded, eks):
    assert eks.inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    entries = {entry.inputs["principalArn"] for entry in recorded.of("aws:eks/accessEntry:AccessEntry")}
    assert entries == {DEPLOYER, ADMIN}
    for association in recorded.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation"):
        assert association.inputs["policyArn"].endswith("cluster-access-policy/AmazonEKSClusterAdminPolicy")
        assert association.inputs["accessScope"] == {"type": "cluster"}


def test_a_deployer_who_is_also_an_administrator_has_one_entry():
    section = SECTION.model_copy(update={"admin_roles": [DEPLOYER]})
    assert len(record(build(section=section)).of("aws:eks/accessEntry:AccessEntry")) == 1


@pytest.mark.parametrize(("cidrs", "public"), [([], False), (["203.0.113.0/24"], True)])
def test_the_api_is_private_unless_networks_are_named(cidrs, public):
    section = SECTION.model_copy(update={"public_access_cidrs": cidrs})
    config = record(build(section=section)).one(EKS).inputs["vpcConfig"]
    assert config["endpointPrivateAccess"] is True
    assert config["endpointPublicAccess"] is public
    assert config.get("publicAccessCidrs", []) == cidrs


def test_the_private_api_answers_the_whole_vpc_and_nobody_else(recorded):
    rule = recorded.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cluster-api-from-vpc").inputs
    assert rule["securityGroupId"] == "sg-cluster-eks"
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.0.0.0/16", 443, 443)


def test_the_network_is_whole_before_the_cluster_and_until_it_is_gone():
    recorded = record(build())
    network = {r.name for r in recorded.resources if r.custom and r.parent == "network"}
    assert {"network-private-a-nat", "network-endpoint-s3"} <= network <= recorded.one(EKS).depends_on


def test_secrets_are_encrypted_and_everything_is_logged(recorded, eks):
    assert eks.inputs["encryptionConfig"] == {"provider": {"keyArn": "arn:cluster"}, "resources": ["secrets"]}
    assert set(eks.inputs["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }
    logs = recorded.one("aws:cloudwatch/logGroup:LogGroup", "cluster-logs")
    assert logs.inputs["name"] == f"/aws/eks/{eks.inputs['name']}/cluster"
    assert logs.inputs["kmsKeyId"] == "arn:logs"
    assert "cluster-logs" in eks.depends_on


def test_gpus_are_packed_and_a_zone_can_be_left(eks):
    strategy = eks.inputs["kubeSchedulerConfig"]["nodeResourcesFit"]["scoringStrategy"]
    assert strategy["type"] == "MostAllocated"
    assert max(strategy["resources"], key=lambda resource: resource["weight"])["name"] == "nvidia.com/gpu"
    assert eks.inputs["zonalShiftConfig"] == {"enabled": True}
    assert eks.inputs["upgradePolicy"] == {"supportType": "STANDARD"}


@pytest.mark.parametrize(
    ("stage", "protect", "deletion"), [("local", False, False), ("staging", True, False), ("production", True, True)]
)
def test_the_stage_decides_what_is_protected(stage, protect, deletion):
    cluster = record(build(stage)).one(EKS)
    assert (cluster.protect, cluster.inputs["deletionProtection"]) == (protect, deletion)


def test_nodes_have_encrypted_disks_and_no_way_to_metadata_from_pods(recorded):
    template = recorded.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    for device in template["blockDeviceMappings"]:
        assert device["ebs"]["encrypted"] == "true"
        assert device["ebs"]["kmsKeyId"] == "arn:cluster"
    assert template["blockDeviceMappings"][1]["ebs"]["volumeSize"] == 80
    assert {spec["resourceType"] for spec in template["tagSpecifications"]} == {"instance", "volume"}
    assert template["tagSpecifications"][0]["tags"]["cost-center"] == "CC-1"


@pytest.mark.parametrize(("architecture", "ami"), [("arm64", "BOTTLEROCKET_ARM_64"), ("x86_64", "BOTTLEROCKET_x86_64")])
def test_the_image_follows_the_architecture(architecture, ami):
    nodes = SECTION.system_nodes.model_copy(update={"architecture": architecture})
    group = record(build(section=SECTION.model_copy(update={"system_nodes": nodes}))).one("aws:eks/nodeGroup:NodeGroup")
    assert group.inputs["amiType"] == ami


def test_the_node_group_leaves_its_size_to_whoever_scales_it(recorded):
    group = recorded.one("aws:eks/nodeGroup:NodeGroup")
    assert group.inputs["scalingConfig"] == {"minSize": 2, "maxSize": 5, "desiredSize": 2}
    assert group.ignore_changes == ("scalingConfig.desiredSize",)


def test_nodes_follow_the_control_plane_to_a_new_version(recorded, eks):
    assert recorded.one("aws:eks/nodeGroup:NodeGroup").inputs["version"] == eks.inputs["version"]


def test_addons_come_in_the_order_that_nodes_need(recorded):
    group = recorded.one("aws:eks/nodeGroup:NodeGroup")
    for addon in plan.BEFORE_NODES:
        assert f"cluster-addon-{addon.name}" in group.depends_on
    for addon in plan.AFTER_NODES:
        made = recorded.one("aws:eks/addon:Addon", f"cluster-addon-{addon.name}")
        assert "cluster-system-nodes" in made.depends_on
    assert {addon.name for addon in (*plan.BEFORE_NODES, *plan.AFTER_NODES)} == set(versions.EKS_ADDONS)


def test_the_network_plugin_obeys_policies_and_nodes_have_no_right_to_the_network(recorded):
    cni = recorded.one("aws:eks/addon:Addon", "cluster-addon-vpc-cni").inputs
    assert json.loads(cni["configurationValues"])["enableNetworkPolicy"] == "true"
    assert [identity["serviceAccount"] for identity in cni["podIdentityAssociations"]] == ["aws-node"]
    attached = {r.name for r in recorded.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")}
    assert "cluster-system-nodes-AmazonEKS_CNI_Policy" not in attached


def test_the_kubeconfig_signs_in_each_time_and_holds_no_secret(recorded):
    config = json.loads(recorded.value(recorded.result.kubeconfig))
    user = config["users"][0]["user"]
    assert set(user) == {"exec"}
    assert user["exec"]["args"][:4] == ["eks", "get-token", "--cluster-name", "plinth-dev"]
    assert not recorded.is_secret(recorded.result.kubeconfig)


def test_ready_means_access_nodes_and_addons(recorded):
    names = {resource._name for resource in recorded.result.ready}
    assert "cluster-system-nodes" in names
    assert "cluster-addon-coredns" in names
    assert any(name.endswith("-admin") for name in names)
