"""The gateway's address for clients outside of the cluster."""

from functools import cache

import pytest
from support.recorder import record
from support.worlds import document

from plinth.gateway.entry import NODE_PORT
from plinth.program import build
from plinth.spec import SpecError, load_spec

ENTRY = {"host": "ai.acme.example.com", "zone_id": "Z0ACME00000", "allowed_cidrs": ["10.0.0.0/8", "192.168.7.0/24"]}
RECOVERY = {"region": "us-west-2", "cidr": "10.60.0.0/16", "zones": ["a", "b"], "answers_rto_minutes": 15}


def spec(*, entry=None, **sections):
    prod = document("prod")
    return load_spec({**prod, "gateway": {**prod["gateway"], "entry": {**ENTRY, **(entry or {})}}, **sections})


@cache
def alone():
    return record(lambda: build(spec()), stack="prod")


def names(recording):
    return [item.inputs for item in recording.of("aws:route53/record:Record") if item.name == "entry-name"]


def test_it_takes_tls_only_and_ends_it_with_a_proven_certificate():
    listener = alone().one("aws:lb/listener:Listener").inputs
    assert (listener["protocol"], listener["port"]) == ("TLS", 443) and "TLS13-1-2" in listener["sslPolicy"]
    assert alone().one("aws:lb/listener:Listener").depends_on >= {"entry-validated"}
    proof = alone().one("aws:route53/record:Record", "entry-proof").inputs
    assert proof["type"] == "CNAME" and proof["records"] == ["_proof.acm-validations.aws"]


def test_only_the_named_networks_reach_it_and_only_it_reaches_the_node_port():
    rules = alone().of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    outside = [item.inputs for item in rules if item.name.startswith("entry-from-")]
    assert sorted(rule["cidrIpv4"] for rule in outside) == sorted(ENTRY["allowed_cidrs"])
    assert {rule["fromPort"] for rule in outside} == {443}
    inside = next(item.inputs for item in rules if item.name == "entry-at-nodes")
    assert inside["fromPort"] == inside["toPort"] == NODE_PORT and "cidrIpv4" not in inside


def test_targets_are_the_nodes_that_have_a_ready_gateway():
    service = alone().one("kubernetes:core/v1:Service", "entry-service").inputs["spec"]
    assert service["externalTrafficPolicy"] == "Local" and service["ports"][0]["nodePort"] == NODE_PORT
    group = alone().one("aws:lb/targetGroup:TargetGroup").inputs
    assert (group["targetType"], group["port"], group["preserveClientIp"]) == ("instance", NODE_PORT, "false")
    assert alone().one("aws:autoscaling/attachment:Attachment").inputs["autoscalingGroupName"] == (
        "eks-cluster-system-nodes"
    )


def test_the_name_follows_the_only_region_the_healthy_one_or_the_nearest():
    (only,) = names(alone())
    assert "setIdentifier" not in only and only["aliases"][0]["evaluateTargetHealth"] is True
    pair = names(record(lambda: build(spec(recovery=RECOVERY)), stack="prod"))
    assert sorted((item["setIdentifier"], item["failoverRoutingPolicies"][0]["type"]) for item in pair) == [
        ("us-east-1", "PRIMARY"),
        ("us-west-2", "SECONDARY"),
    ]
    both = names(record(lambda: build(spec(recovery={**RECOVERY, "traffic": "nearest"})), stack="prod"))
    assert sorted(item["latencyRoutingPolicies"][0]["region"] for item in both) == ["us-east-1", "us-west-2"]
    assert all("failoverRoutingPolicies" not in item for item in both)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"allowed_cidrs": ["0.0.0.0/0"]}, "not 0.0.0.0/0"),
        ({"internal": False}, "block_public_ingress"),
        ({"host": "not a name"}, "a DNS name"),
    ],
)
def test_mistakes_are_clear(entry, says):
    with pytest.raises(SpecError, match=says):
        spec(entry=entry)
