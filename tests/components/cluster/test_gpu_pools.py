import json
from pathlib import Path

import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth import versions
from plinth.cluster import auto_mode
from plinth.cluster.auto_nodes import AutoNodes
from plinth.cluster.cluster import Cluster
from plinth.cluster.crds import CrdBundle
from plinth.cluster.gpu_node_pool import GpuNodePool
from plinth.cluster.karpenter import Karpenter
from plinth.network.vpc import Network
from plinth.spec.cluster import Cluster as ClusterSection
from plinth.spec.gpu import GpuPool
from plinth.spec.network import Network as NetworkSection

POOL = GpuPool(
    name="h100",
    instance_types=["p5.48xlarge"],
    capacity=["reserved", "on_demand"],
    reservation_ids=["cr-0a1b2c3d4e5f60718"],
    max_gpus=16,
    zones=["b"],
    disk_gib=1000,
    idle_minutes=45,
)
NODE_CLASS, NODE_POOL = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "kubernetes:karpenter.sh/v1:NodePool"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
RELEASE = "kubernetes:helm.sh/v3:Release"


def build(pool=POOL, world=None):
    world = world or environment()
    network = Network("network", NetworkSection(zones=["a", "b"]), environment=world, log_key_arn="arn:logs")
    cluster = Cluster(
        "cluster",
        ClusterSection(deployer_role="arn:aws:iam::123456789012:role/deployer"),
        environment=world,
        network=network,
        cluster_key_arn="arn:cluster",
        log_key_arn="arn:logs",
        auto_mode_nodes=auto_mode.wanted([pool]),
    )
    crds = CrdBundle("crds", environment=world, projects=["karpenter"])
    karpenter = Karpenter(
        "karpenter",
        environment=world,
        cluster=cluster,
        namespace="plinth-system",
        crds=crds.of("karpenter"),
        pools=[pool],
    )
    auto = AutoNodes("auto", environment=world, cluster=cluster) if pool.plane == "auto" else None
    return GpuNodePool(
        "pool-h100", pool, environment=world, cluster=cluster, karpenter=karpenter, auto=auto, network=network
    )


def pool_of(**changes):
    return GpuPool.model_validate({"name": "h100", "instance_types": ["p5.48xlarge"], "max_gpus": 16, **changes})


def of_karpenter(recording):
    recording.resources = [r for r in recording.resources if r.name.startswith(("karpenter", "pool"))]
    return recording


@pytest.fixture(scope="module")
def recorded():
    return of_karpenter(record(build))


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("karpenter.json"))
    assert of_karpenter(record(build, preview=True)).identities == recorded.identities


def test_nodes_are_pinned_encrypted_and_closed(recorded):
    node_class = recorded.one(NODE_CLASS).inputs["spec"]
    assert node_class["amiSelectorTerms"] == [{"alias": f"bottlerocket@{versions.BOTTLEROCKET}"}]
    assert all(
        d["ebs"]["encrypted"] and d["ebs"]["kmsKeyID"] == "arn:cluster" for d in node_class["blockDeviceMappings"]
    )
    assert node_class["blockDeviceMappings"][1]["ebs"]["volumeSize"] == "1000Gi"
    assert node_class["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert node_class["metadataOptions"]["httpTokens"] == "required"
    assert node_class["instanceStorePolicy"] == "RAID0"
    assert node_class["role"] == "karpenter-nodes-role"
    assert node_class["tags"]["owner"] == "ai-platform"


def test_a_pool_uses_its_zones_and_reservations(recorded):
    node_class = recorded.one(NODE_CLASS).inputs["spec"]
    assert node_class["subnetSelectorTerms"] == [{"id": "network-private-b-id"}]
    assert node_class["capacityReservationSelectorTerms"] == [{"id": "cr-0a1b2c3d4e5f60718"}]
    requirements = {
        r["key"]: r["values"] for r in recorded.one(NODE_POOL).inputs["spec"]["template"]["spec"]["requirements"]
    }
    assert requirements["topology.kubernetes.io/zone"] == ["us-east-1b"]
    assert requirements["karpenter.sh/capacity-type"] == ["reserved", "on-demand"]


def test_a_pool_without_zones_uses_all_of_the_network():
    recorded = record(lambda: build(POOL.model_copy(update={"zones": []})))
    subnets = recorded.one(NODE_CLASS).inputs["spec"]["subnetSelectorTerms"]
    assert [subnet["id"] for subnet in subnets] == ["network-private-a-id", "network-private-b-id"]


def test_a_pool_is_deleted_before_its_class_and_both_before_karpenter(recorded):
    assert "pool-h100-class" in recorded.one(NODE_POOL).depends_on
    assert "karpenter-controller" in recorded.one(NODE_CLASS).depends_on


def test_karpenter_starts_with_crds_identity_and_access(recorded):
    controller = recorded.one(RELEASE, "karpenter-controller")
    assert {"crds-karpenter", "karpenter-identity-association", "karpenter-nodes-access"} <= controller.depends_on
    assert controller.inputs["skipCrds"] is True
    settings = controller.inputs["values"]["settings"]
    assert settings["clusterName"] == "plinth-dev"
    assert settings["interruptionQueue"] == "karpenter-interruptions"
    # Pods cannot ask the instance which region they are in.
    assert {"name": "AWS_REGION", "value": "us-east-1"} in controller.inputs["values"]["controller"]["env"]


def test_every_notice_that_a_node_will_go_reaches_karpenter(recorded):
    rules = recorded.of("aws:cloudwatch/eventRule:EventRule")
    kinds = {kind for rule in rules for kind in json.loads(rule.inputs["eventPattern"])["detail-type"]}
    assert "EC2 Spot Instance Interruption Warning" in kinds
    assert "AWS Health Event" in kinds
    targets = recorded.of("aws:cloudwatch/eventTarget:EventTarget")
    assert {t.inputs["rule"] for t in targets} == {rule.name for rule in rules}
    policy = json.loads(recorded.one("aws:sqs/queuePolicy:QueuePolicy").inputs["policy"])
    allow, deny = policy["Statement"]
    assert len(allow["Condition"]["ArnEquals"]["aws:SourceArn"]) == len(rules)
    assert deny["Effect"] == "Deny"
    assert recorded.one("aws:sqs/queue:Queue").inputs["sqsManagedSseEnabled"] is True


def test_nodes_of_karpenter_may_join_the_cluster(recorded):
    assert recorded.one("aws:eks/accessEntry:AccessEntry").inputs["type"] == "EC2_LINUX"


def test_auto_mode_is_on_only_where_a_pool_wants_it():
    off = record(build).one("aws:eks/cluster:Cluster").inputs
    assert not {"computeConfig", "storageConfig"} & off.keys()
    recorded = record(lambda: build(pool_of(plane="auto")))
    cluster = recorded.one("aws:eks/cluster:Cluster")
    assert cluster.inputs["computeConfig"] == {"enabled": True}
    assert cluster.inputs["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert cluster.inputs["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    attached = {p.inputs["policyArn"].rpartition("/")[2] for p in recorded.of(ATTACHMENT) if "control-plane" in p.name}
    assert attached == {"AmazonEKSClusterPolicy", *auto_mode.CLUSTER_POLICIES}
    assert "cluster-control-plane-tags" in cluster.depends_on
    trust = json.loads(recorded.one("aws:iam/role:Role", "cluster-control-plane-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_a_pool_of_auto_mode_has_amazons_node_class_and_its_own_role():
    recorded = record(lambda: build(pool_of(plane="auto", zones=["b"])))
    node_class = recorded.one("kubernetes:eks.amazonaws.com/v1:NodeClass")
    assert node_class.inputs["spec"]["role"] == "auto-nodes-role"
    assert node_class.inputs["spec"]["ephemeralStorage"]["kmsKeyID"] == "arn:cluster"
    assert "auto-nodes-policy" in node_class.depends_on
    assert recorded.of(NODE_CLASS) == []
    reference = recorded.one(NODE_POOL).inputs["spec"]["template"]["spec"]["nodeClassRef"]
    assert reference == {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "h100"}
    entry = recorded.one("aws:eks/accessEntry:AccessEntry", "auto-nodes-access").inputs
    assert entry["type"] == "EC2"
    policy = recorded.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "auto-nodes-policy").inputs
    assert policy["policyArn"].endswith("cluster-access-policy/AmazonEKSAutoNodePolicy")


def test_efa_has_a_closed_group_of_its_own_both_ways():
    recorded = record(lambda: build(pool_of(efa=True)))
    node_class = recorded.one(NODE_CLASS).inputs["spec"]
    assert [term["id"] for term in node_class["securityGroupSelectorTerms"]] == ["sg-cluster-eks", "pool-h100-efa-id"]
    assert len(node_class["networkInterfaces"]) == 33
    for kind, name in (("Ingress", "pool-h100-efa-in"), ("Egress", "pool-h100-efa-out")):
        token = f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule"
        rule = recorded.one(token, name).inputs
        assert rule["securityGroupId"] == rule["referencedSecurityGroupId"] == "pool-h100-efa-id"
        assert rule["ipProtocol"] == "-1"


def test_what_the_platform_reserves_is_the_pools_alone():
    new = {"instance_type": "p5.48xlarge", "instances": 1, "zones": ["a", "b"]}
    recorded = record(lambda: build(pool_of(capacity=["reserved", "on_demand"], new_reservation=new)))
    made = recorded.of("aws:ec2/capacityReservation:CapacityReservation")
    assert {r.inputs["availabilityZone"] for r in made} == {"us-east-1a", "us-east-1b"}
    assert all(r.inputs["instanceMatchCriteria"] == "targeted" for r in made)
    terms = recorded.one(NODE_CLASS).inputs["spec"]["capacityReservationSelectorTerms"]
    assert [term["id"] for term in terms] == [f"{r.name}-id" for r in made]


@pytest.mark.parametrize("stage", ["development", "production"])
def test_a_purchase_is_protected_everywhere_and_outlives_the_program(stage):
    block = {"offering_id": "cbr-0a1b2c3d4e", "i_understand_this_is_a_purchase": True}
    bought = pool_of(capacity=["reserved"], zones=["a"], capacity_block=block)
    recorded = record(lambda: build(bought, environment(stage)))
    made = recorded.one("aws:ec2/capacityBlockReservation:CapacityBlockReservation")
    assert made.protect
    assert made.retain_on_delete
    assert made.inputs["capacityBlockOfferingId"] == "cbr-0a1b2c3d4e"


def test_overlays_come_before_the_pool_whose_gpus_are_shared():
    recorded = record(lambda: build(pool_of(sharing={"kind": "mig", "profile": "1g.10gb"})))
    overlay = recorded.one("kubernetes:karpenter.sh/v1alpha1:NodeOverlay")
    assert overlay.inputs["spec"]["capacity"] == {"nvidia.com/gpu": "56"}
    assert overlay.name in recorded.one(NODE_POOL).depends_on
    gates = recorded.one(RELEASE, "karpenter-controller").inputs["values"]["settings"]["featureGates"]
    assert gates == {"nodeRepair": True, "reservedCapacity": True, "staticCapacity": False, "nodeOverlay": True}


def test_a_fixed_pool_is_limited_in_nodes_alone():
    recorded = record(lambda: build(pool_of(fixed_nodes=2)))
    found = recorded.one(NODE_POOL).inputs["spec"]
    assert (found["replicas"], found["limits"]) == (2, {"nodes": "2"})
