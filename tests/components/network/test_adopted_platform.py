"""The whole platform in a VPC that somebody else made."""

import pytest
import yaml
from support.recorder import record
from support.worlds import ROOT

from plinth.program import build
from plinth.spec import load_spec

TIERS = ("private", "data", "control_plane", "pods")


def ids(tier):
    return {zone: f"subnet-0{TIERS.index(tier)}{zone * 6}" for zone in "abc"}


@pytest.fixture(scope="module")
def recorded():
    data = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]
    data["network"] = {
        "zones": ["a", "b", "c"],
        "existing": {
            "vpc_id": "vpc-0a1b2c3d4e5f60718",
            "cidr": "10.80.0.0/18",
            "pod_cidr": "100.64.0.0/16",
            "subnets": {tier: ids(tier) for tier in TIERS},
        },
    }
    # PrivateLink to Snowflake is no part of the network: it is asked for in its own section.
    data["snowflake"]["network"] = {"more_cidrs": ["203.0.113.7/32"]}
    return record(lambda: build(load_spec(data)), stack="prod")


def test_it_makes_nothing_of_the_network(recorded):
    made = {resource.type for resource in recorded.resources if resource.type.startswith(("aws:ec2/", "aws:vpc/"))}
    assert not made & {
        "aws:ec2/vpc:Vpc",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/route:Route",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/flowLog:FlowLog",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
    }
    groups = recorded.of("aws:ec2/securityGroup:SecurityGroup")
    assert groups
    assert {group.inputs["vpcId"] for group in groups} == {"vpc-0a1b2c3d4e5f60718"}


def test_every_tier_is_used_for_what_it_is(recorded):
    cluster = recorded.one("aws:eks/cluster:Cluster").inputs
    assert cluster["vpcConfig"]["subnetIds"] == list(ids("control_plane").values())
    assert recorded.one("aws:eks/nodeGroup:NodeGroup").inputs["subnetIds"] == list(ids("private").values())
    assert recorded.one("aws:rds/subnetGroup:SubnetGroup").inputs["subnetIds"] == list(ids("data").values())
    plugin = recorded.one("aws:eks/addon:Addon", "cluster-addon-vpc-cni").inputs["configurationValues"]
    assert all(subnet in plugin for subnet in ids("pods").values())
    for node_class in recorded.of("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"):
        chosen = {term["id"] for term in node_class.inputs["spec"]["subnetSelectorTerms"]}
        assert chosen <= set(ids("private").values())
