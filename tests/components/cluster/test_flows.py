"""The table of flows and the network policies say the same."""

import dataclasses
from functools import cache

import pytest
from support.platforms import recorded_platform
from support.walls import POLICY, doors_of, explains, serves
from support.worlds import ROOT, spec

from plinth import naming
from plinth.cluster import flows, flows_page, walls

ENVIRONMENTS = ["local", "dev", "staging", "prod"]
OURS = [space.name for space in walls.NAMESPACES]


@cache
def doors(name):
    return [door for door in doors_of(recorded_platform(name)) if door.subject.namespace in OURS]


def closed(recording):
    """Namespaces in which what nobody opened is refused."""
    return {
        policy.inputs["metadata"]["namespace"]
        for policy in recording.of(POLICY)
        if policy.inputs["spec"]["podSelector"] == {}
        and set(policy.inputs["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not {"ingress", "egress"} & set(policy.inputs["spec"])
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_namespace_of_the_platform_and_of_tenants_is_closed_both_ways(name):
    tenants = {naming.tenant_namespace(tenant.name) for tenant in spec(name).tenants}
    assert closed(recorded_platform(name)) >= {*OURS, *tenants}


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])  # on a laptop, processes talk over loopback
def test_every_flow_has_a_policy_at_both_ends(name):
    everywhere = [*doors_of(recorded_platform(name))]
    shut = closed(recorded_platform(name))
    for flow in flows.flows(spec(name)):
        for inward, end in ((True, flow.destination), (False, flow.source)):
            if isinstance(end, flows.Pods) and (end.namespace is None or end.namespace in shut):
                for port in flow.ports or [None]:
                    found = [door for door in everywhere if serves(flow, port, door, inward=inward)]
                    assert found, (
                        f"no policy for port {port} at {end.what}, {'into' if inward else 'out of'} it: {flow}"
                    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_policy_opens_what_is_not_in_the_table(name):
    table = flows.flows(spec(name))
    for door in doors(name):
        assert any(explains(flow, door) for flow in table), (
            f"{door} has no row in components/plinth/cluster/flows.py: add one, with its reason"
        )


def test_a_flow_that_nobody_uses_is_not_in_the_table():
    alone = spec("dev").model_copy(update={"models": [], "tenants": []})
    ends = {(flow.source, flow.destination) for flow in flows.flows(alone)}
    assert not {(flows.GATEWAY, flows.INTERNET), (flows.GATEWAY, flows.MODELS), (flows.TENANTS, flows.GATEWAY)} & ends


def test_a_policy_without_its_row_and_a_row_without_its_policy_are_found():
    table = flows.flows(spec("prod"))
    to_models = [flow for flow in table if (flow.source, flow.destination) == (flows.GATEWAY, flows.MODELS)]
    rest = [flow for flow in table if flow not in to_models]
    assert not all(any(explains(flow, door) for flow in rest) for door in doors("prod"))
    other_port = dataclasses.replace(to_models[0], ports=(1,))
    assert not any(serves(other_port, 1, door, inward=True) for door in doors("prod"))


def test_the_policies_of_a_namespace_follow_from_the_table():
    table = flows.flows(spec("prod"))
    found = walls.policies(naming.SYSTEM_NAMESPACE, table)
    assert set(found) == {"default-deny", "allow-dns", "controllers", "warehouse-keys"}
    assert set(walls.policies(naming.SERVING_NAMESPACE, table)) == {"default-deny", "allow-dns"}
    assert walls.policies(naming.SYSTEM_NAMESPACE, [])["default-deny"].egress is None
    assert len(walls.policies(naming.SYSTEM_NAMESPACE, [])) == 1


def test_the_webhooks_answer_the_vpc_and_nobody_else():
    for door in doors("prod"):
        # The gateway answers its load balancer, which is in the VPC too.
        if door.inward and door.peer is not None and door.peer.cidr and door.policy != "gateway-wall":
            assert door.peer.cidr == spec("prod").network.node_cidr
            assert door.port in [("TCP", port) for port in (*flows.WEBHOOK_PORTS, flows.QUEUE_VIEW_PORT)]


def test_the_page_shows_the_table_of_production():
    page = (ROOT / flows_page.PATH).read_text()
    assert page == flows_page.render(spec("prod")), "run `plinth schema --write`"
