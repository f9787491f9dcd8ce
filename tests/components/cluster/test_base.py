from pathlib import Path

import pulumi_kubernetes as k8s
import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment, spec

from plinth.cluster import flows, walls
from plinth.cluster.base import ClusterBase

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def build():
    return ClusterBase("base", environment=environment(), flows=flows.flows(spec("dev")), cluster_key_arn="arn:cluster")


@pytest.fixture(scope="module")
def recorded():
    return record(build)


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("base.json"))
    assert record(build, preview=True).identities == recorded.identities


def test_pod_security_is_restricted_but_for_agents_on_nodes(recorded):
    levels = {
        n.inputs["metadata"]["name"]: n.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for n in recorded.of("kubernetes:core/v1:Namespace")
    }
    assert levels == {
        "plinth-system": "restricted",
        "plinth-serving": "restricted",
        "plinth-monitoring": "restricted",
        "plinth-nodes": "privileged",
    }


@pytest.mark.parametrize("namespace", [space.name for space in walls.NAMESPACES])
def test_every_namespace_denies_what_nobody_opened(recorded, namespace):
    policies = {
        p.inputs["metadata"]["name"]: p.inputs["spec"]
        for p in recorded.of(POLICY)
        if p.inputs["metadata"]["namespace"] == namespace
    }
    deny = policies["default-deny"]
    assert deny["podSelector"] == {}
    assert "ingress" not in deny
    assert "egress" not in deny
    assert deny["policyTypes"] == ["Ingress", "Egress"]


def test_only_webhook_ports_are_open_to_the_vpc(recorded):
    for policy in recorded.of(POLICY):
        for rule in policy.inputs["spec"].get("ingress", []):
            if any("ipBlock" in peer for peer in rule["from"]):
                assert [peer["ipBlock"]["cidr"] for peer in rule["from"]] == ["10.20.0.0/16"]
                ports = tuple(port["port"] for port in rule["ports"])
                assert ports in (flows.WEBHOOK_PORTS, (flows.QUEUE_VIEW_PORT,))


def test_charts_may_reach_aws_and_the_platforms_own_pods_open_their_own_doors(recorded):
    controllers = recorded.one(POLICY, "base-plinth-system-controllers").inputs["spec"]
    (expression,) = controllers["podSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("NotIn", ["plinth"])
    assert {"ports": [{"port": 443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]} in controllers[
        "egress"
    ]


def test_a_namespace_is_handed_out_once_its_walls_stand(recorded):
    assert recorded.value(recorded.result.namespaces["plinth-system"]) == "plinth-system"
    waits_for = recorded.depends_on(recorded.result.namespaces["plinth-system"])
    assert {"base-plinth-system", "base-plinth-system-default-deny"} <= waits_for


def test_volumes_are_encrypted_by_default(recorded):
    storage = recorded.one("kubernetes:storage.k8s.io/v1:StorageClass").inputs
    assert storage["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert storage["parameters"] == {"type": "gp3", "encrypted": "true", "kmsKeyId": "arn:cluster"}


def test_the_platform_goes_before_models_and_models_before_the_rest(recorded):
    values = {
        p.inputs["metadata"]["name"]: p.inputs["value"]
        for p in recorded.of("kubernetes:scheduling.k8s.io/v1:PriorityClass")
    }
    assert values["plinth-system"] > values["plinth-serving"] > 0


def test_a_namespace_is_handed_out_once_its_pods_may_have_their_priority():
    def program():
        base = build()
        for name, namespace in base.namespaces.items():
            k8s.core.v1.ConfigMap(f"in-{name}", metadata={"namespace": namespace})

    recorded = record(program)
    for inside in recorded.of("kubernetes:core/v1:ConfigMap"):
        assert {"base-priority-plinth-system", "base-priority-plinth-serving"} <= inside.depends_on
