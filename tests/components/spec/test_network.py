import pytest
from pydantic import ValidationError
from support.worlds import ROOT

from plinth.spec import SpecError, load_spec
from plinth.spec.network import Network


def ids(digit, zones="abc"):
    return {zone: f"subnet-0{digit}{zone * 6}" for zone in zones}


def adopted(**more):
    return {
        "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "cidr": "10.80.0.0/18",
        "subnets": {"private": ids(1), "data": ids(2), **more.pop("subnets", {})},
        **more,
    }


def load(**network):
    import yaml

    data = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]
    data["network"] = network
    return load_spec(data)


def problems(**network):
    with pytest.raises(SpecError) as refused:
        load(**network)
    return {problem.path: str(problem) for problem in refused.value.problems}


def test_an_existing_network_is_taken_as_it_is():
    network = load(existing=adopted(pod_cidr="100.64.0.0/16", subnets={"pods": ids(3)})).network
    assert (network.node_cidr, network.secondary_cidr) == ("10.80.0.0/18", "100.64.0.0/16")
    assert network.has_pod_subnets


def test_a_network_of_our_own_says_its_ranges():
    network = load(cidr="10.40.0.0/16", pod_cidr="100.100.0.0/18").network
    assert (network.node_cidr, network.secondary_cidr) == ("10.40.0.0/16", "100.100.0.0/18")
    assert network.has_pod_subnets
    assert not Network().has_pod_subnets


def test_every_mistake_in_an_existing_network_is_listed_with_what_would_fit():
    subnets = {"data": ids(1, "abd"), "public": ids(4, "ab"), "control_plane": ids(1)}
    found = problems(
        cidr="10.0.0.0/16",
        nat="single",
        existing=adopted(subnets=subnets, pod_cidr="10.80.32.0/20", make_endpoints=True),
    )
    assert set(found) == {
        "network.cidr",
        "network.nat",
        "network.existing.subnets.data",
        "network.existing.subnets.data.a",
        "network.existing.subnets.data.b",
        "network.existing.subnets.public",
        "network.existing.pod_cidr",
        "network.existing.route_table_ids",
    }
    assert "left out where network.existing names a VPC" in found["network.nat"]
    assert "(a, b, c): c missing and d not among them" in found["network.existing.subnets.data"]
    assert "network.existing.subnets.private.a does not have" in found["network.existing.subnets.data.a"]
    assert "c missing" in found["network.existing.subnets.public"]
    assert "outside of cidr 10.80.0.0/18" in found["network.existing.pod_cidr"]
    assert "the private subnets at least" in found["network.existing.route_table_ids"]


def test_pods_without_subnets_have_no_range_and_tables_no_use_without_endpoints():
    found = problems(existing=adopted(pod_cidr="100.64.0.0/16", route_table_ids=["rtb-0a1b2c3d4e5f"]))
    assert "subnets.pods beside it" in found["network.existing.pod_cidr"]
    assert "make_endpoints: true" in found["network.existing.route_table_ids"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pod_cidr", "10.64.0.0/16", "within 100.64.0.0/10"),
        ("pod_cidr", "100.64.0.0/21", "from /16 to /20"),
        ("pod_cidr", "100.64.0.1/16", "host bits"),
        ("private_domain", "Acme", "a domain name in lower case"),
        ("existing", {**adopted(), "vpc_id": "vpc-xyz"}, "the id of a VPC"),
        ("existing", {**adopted(), "cidr": "10.80.0.1/18"}, "host bits"),
        ("existing", {**adopted(), "subnets": {"private": ids(1)}}, "Subnets of databases"),
    ],
)
def test_what_is_no_network_is_refused(field, value, message):
    (text,) = problems(**{field: value}).values()
    assert message in text


def test_the_section_alone_refuses_them_too():
    with pytest.raises(ValidationError, match=r"within 100\.64\.0\.0/10"):
        Network(pod_cidr="192.168.0.0/16")
