import json
from pathlib import Path

import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.network.vpc import Network
from plinth.spec.network import Network as Section

SECTION = Section(cidr="10.40.0.0/16", zones=["a", "b"], nat="per_zone")
VPC, SUBNET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
HTTPS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def build(stage="development", section=SECTION):
    return lambda: Network(
        "network", section, environment=environment(stage), log_key_arn="arn:aws:kms:us-east-1:1:key/logs"
    )


@pytest.fixture(scope="module")
def recorded():
    return record(build())


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("identities.json"))
    assert record(build(), preview=True).identities == recorded.identities


def test_the_component_says_what_was_asked_for_and_completes(recorded):
    section = recorded.one("plinth:index:Network")
    assert section.inputs["cidr"] == "10.40.0.0/16"
    assert section.inputs["flowLogDays"] == 30
    assert section.inputs["environment"] == {"name": "dev", "stage": "development"}
    assert recorded.outputs_registered == ["network"]


def test_appending_a_zone_only_adds(recorded):
    more = record(build(section=SECTION.model_copy(update={"zones": ["a", "b", "c"]})))
    assert set(recorded.identities) < set(more.identities)
    before = {subnet.name: subnet.inputs["cidrBlock"] for subnet in recorded.of(SUBNET)}
    after = {subnet.name: subnet.inputs["cidrBlock"] for subnet in more.of(SUBNET)}
    assert before.items() <= after.items()


def test_nothing_gets_a_public_address_and_the_default_group_is_empty(recorded):
    assert all(subnet.inputs["mapPublicIpOnLaunch"] is False for subnet in recorded.of(SUBNET))
    default = recorded.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (default.inputs["ingress"], default.inputs["egress"]) == ([], [])


def test_subnets_say_what_load_balancers_and_karpenter_may_use(recorded):
    tags = {subnet.name: subnet.inputs["tags"] for subnet in recorded.of(SUBNET)}
    assert tags["network-public-a"]["kubernetes.io/role/elb"] == "1"
    assert tags["network-private-a"]["kubernetes.io/role/internal-elb"] == "1"
    assert tags["network-private-a"]["karpenter.sh/discovery"] == "plinth-dev"
    assert set(tags["network-data-a"]) == set(tags["network-control-plane-a"]) == {"Name"}


def test_databases_and_the_control_plane_have_no_way_to_the_internet(recorded):
    routes = {route.name: route.inputs for route in recorded.of("aws:ec2/route:Route")}
    assert set(routes) == {"network-public-internet", "network-private-a-nat", "network-private-b-nat"}
    closed = {"network-data-routes-id", "network-control-plane-routes-id"}
    assert closed.isdisjoint(route["routeTableId"] for route in routes.values())
    assert closed <= {table.inputs["routeTableId"] for table in recorded.of(ASSOCIATION)}


@pytest.mark.parametrize(
    ("nat", "gateways"), [("single", ["network-nat-a"]), ("per_zone", ["network-nat-a", "network-nat-b"])]
)
def test_nat_gateways(nat, gateways):
    recorded = record(build(section=SECTION.model_copy(update={"nat": nat})))
    # Registrations overtake one another on a busy machine.
    assert sorted(gateway.name for gateway in recorded.of("aws:ec2/natGateway:NatGateway")) == gateways
    used = {route.inputs.get("natGatewayId") for route in recorded.of("aws:ec2/route:Route")} - {None}
    assert used == {f"{gateway}-id" for gateway in gateways}


def test_endpoints_admit_this_account_only(recorded):
    endpoints = recorded.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert {e.inputs["serviceName"].rpartition("us-east-1.")[2] for e in endpoints} == {
        "s3",
        "dynamodb",
        *SECTION.endpoints,
    }
    for endpoint in endpoints:
        first, *others = json.loads(endpoint.inputs["policy"])["Statement"]
        assert first["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
        assert [s["Sid"] for s in others] == (["ImageLayers"] if endpoint.name.endswith("-s3") else [])
    images = json.loads(next(e for e in endpoints if e.name.endswith("-s3")).inputs["policy"])["Statement"][1]
    assert images["Action"] == "s3:GetObject"
    # The images of the monitoring charts come from these registries, which send callers in AWS to S3.
    for bucket in ("prod-us-east-1-starport-layer-bucket", "prod-registry-k8s-io-us-east-1", "quayio-production-s3"):
        assert f"arn:aws:s3:::{bucket}/*" in images["Resource"]
    interface = [e for e in endpoints if e.inputs["vpcEndpointType"] == "Interface"]
    assert all(e.inputs["privateDnsEnabled"] and e.inputs["securityGroupIds"] for e in interface)
    rule = recorded.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert (rule.inputs["cidrIpv4"], rule.inputs["fromPort"], rule.inputs["toPort"]) == ("10.40.0.0/16", 443, 443)


def test_every_connection_is_logged_to_an_encrypted_group(recorded):
    group = recorded.one("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["kmsKeyId"] == "arn:aws:kms:us-east-1:1:key/logs"
    assert recorded.one("aws:ec2/flowLog:FlowLog").inputs["trafficType"] == "ALL"
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert all(resource != "*" for statement in policy["Statement"] for resource in statement["Resource"])


@pytest.mark.parametrize(("stage", "protected"), [("development", False), ("staging", True), ("production", True)])
def test_the_stage_decides_what_is_protected(stage, protected):
    recorded = record(build(stage))
    assert recorded.one(VPC).protect is protected
    assert recorded.one("aws:cloudwatch/logGroup:LogGroup").protect is protected
    assert not any(subnet.protect for subnet in recorded.of(SUBNET))


def test_outputs_are_in_the_order_of_the_zones(recorded):
    network = recorded.result
    assert [recorded.value(i) for i in network.private_subnet_ids] == ["network-private-a-id", "network-private-b-id"]
    assert {zone: recorded.value(i) for zone, i in network.private_subnets_by_zone.items()} == {
        "a": "network-private-a-id",
        "b": "network-private-b-id",
    }
    assert [recorded.value(i) for i in network.control_plane_subnet_ids] == [
        "network-control-plane-a-id",
        "network-control-plane-b-id",
    ]
    assert network.pod_subnets_by_zone == {}
    assert network.private_zone_id is None


PODS = SECTION.model_copy(update={"pod_cidr": "100.64.0.0/16"})


def test_a_range_for_pods_only_adds(recorded):
    more = record(build(section=PODS))
    assert set(recorded.identities) < set(more.identities)
    for resource in recorded.of(SUBNET):
        assert more.one(SUBNET, resource.name).inputs == resource.inputs


def test_pods_have_subnets_on_the_second_range_and_leave_through_their_zones_nat():
    recorded = record(build(section=PODS))
    network = recorded.result
    assert network.cidrs == ["10.40.0.0/16", "100.64.0.0/16"]
    assert {zone: recorded.value(i) for zone, i in network.pod_subnets_by_zone.items()} == {
        "a": "network-pods-a-id",
        "b": "network-pods-b-id",
    }
    subnet = recorded.one(SUBNET, "network-pods-a")
    assert subnet.inputs["cidrBlock"] == "100.64.0.0/18"
    assert "network-pod-range" in subnet.depends_on
    tables = {table.inputs["subnetId"]: table.inputs["routeTableId"] for table in recorded.of(ASSOCIATION)}
    assert tables["network-pods-b-id"] == tables["network-private-b-id"]
    admitted = {rule.inputs["cidrIpv4"] for rule in recorded.of(HTTPS)}
    assert admitted == {"10.40.0.0/16", "100.64.0.0/16"}


def test_a_private_domain_is_a_zone_that_only_this_vpc_asks():
    recorded = record(build("staging", SECTION.model_copy(update={"private_domain": "ai.acme.internal"})))
    zone = recorded.one("aws:route53/zone:Zone")
    assert zone.inputs["vpcs"] == [{"vpcId": "network-vpc-id", "vpcRegion": "us-east-1"}]
    assert zone.inputs["name"] == "ai.acme.internal"
    assert zone.protect
    assert not zone.inputs["forceDestroy"]


def test_the_account_can_refuse_what_comes_from_the_internet(recorded):
    block = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
    assert recorded.of(block) == []
    refused = record(build(section=SECTION.model_copy(update={"block_public_ingress": True})))
    assert refused.one(block).inputs["internetGatewayBlockMode"] == "block-ingress"


def ids(digit):
    return {zone: f"subnet-0{digit}{zone * 6}" for zone in "ab"}


def existing(**more):
    given = {
        "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "cidr": "10.80.0.0/18",
        "subnets": {"private": ids(1), "data": ids(2)},
        **more,
    }
    return Section.model_validate({"zones": ["a", "b"], "existing": given})


def test_of_a_vpc_that_is_there_already_nothing_is_made():
    recorded = record(build("production", existing()))
    assert [resource.type for resource in recorded.resources] == ["plinth:index:Network"]
    network = recorded.result
    assert recorded.value(network.vpc_id) == "vpc-0a1b2c3d4e5f60718"
    assert (network.cidr, network.cidrs) == ("10.80.0.0/18", ["10.80.0.0/18"])
    assert [recorded.value(i) for i in network.private_subnet_ids] == list(ids(1).values())
    assert {zone: recorded.value(i) for zone, i in network.private_subnets_by_zone.items()} == ids(1)
    assert [recorded.value(i) for i in network.data_subnet_ids] == list(ids(2).values())
    assert [recorded.value(i) for i in network.control_plane_subnet_ids] == list(ids(1).values())
    assert (network.public_subnet_ids, network.pod_subnets_by_zone) == ([], {})
    assert network.endpoint_security_group_id is None
    assert recorded.outputs_registered == ["network"]


def test_an_adopted_vpc_can_have_its_own_control_plane_and_pods():
    subnets = {tier: ids(digit) for digit, tier in enumerate(("private", "data", "public", "pods", "control_plane"), 1)}
    recorded = record(build(section=existing(subnets=subnets, pod_cidr="100.64.0.0/16")))
    network = recorded.result
    assert [recorded.value(i) for i in network.control_plane_subnet_ids] == list(ids(5).values())
    assert {zone: recorded.value(i) for zone, i in network.pod_subnets_by_zone.items()} == ids(4)
    assert network.cidrs == ["10.80.0.0/18", "100.64.0.0/16"]


def test_endpoints_in_an_adopted_vpc_are_made_when_asked_for():
    tables = ["rtb-0a1b2c3d4e5f"]
    recorded = record(build(section=existing(make_endpoints=True, route_table_ids=tables)))
    services = {e.inputs["serviceName"].rpartition("us-east-1.")[2]: e.inputs for e in recorded.of(ENDPOINT)}
    assert set(services) == {"s3", "dynamodb", *SECTION.endpoints}
    assert services["s3"]["routeTableIds"] == tables
    assert services["sts"]["subnetIds"] == list(ids(1).values())
    assert all(inputs["vpcId"] == "vpc-0a1b2c3d4e5f60718" for inputs in services.values())
    assert recorded.one(HTTPS).inputs["cidrIpv4"] == "10.80.0.0/18"
