from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth.network.layout import MAX_ZONES, plan

LETTERS = "abcdef"


@st.composite
def vpcs(draw):
    prefix = draw(st.integers(16, 20))
    base = draw(st.sampled_from(["10.0.0.0", "10.240.0.0", "172.16.0.0", "192.168.0.0"]))
    return str(IPv4Network(f"{base}/{prefix}"))


zone_lists = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=MAX_ZONES, unique=True)


@given(vpcs(), zone_lists)
def test_subnets_lie_in_the_vpc_and_overlap_nowhere(cidr, zones):
    layout = plan(cidr, zones)
    networks = [IPv4Network(subnet.cidr) for subnet in layout.subnets] + [IPv4Network(layout.spare)]
    vpc = IPv4Network(cidr)
    assert all(network.subnet_of(vpc) for network in networks)
    for position, network in enumerate(networks):
        assert not any(network.overlaps(other) for other in networks[position + 1 :])


@given(vpcs(), zone_lists)
def test_each_tier_has_a_subnet_in_each_zone_in_order(cidr, zones):
    layout = plan(cidr, zones)
    for tier in ("public", "private", "data"):
        assert [subnet.zone for subnet in layout.of(tier)] == zones


@given(vpcs(), zone_lists)
def test_appending_a_zone_moves_nothing(cidr, zones):
    for count in range(1, len(zones)):
        fewer, more = plan(cidr, zones[:count]), plan(cidr, zones[: count + 1])
        assert set(fewer.subnets) <= set(more.subnets)
        assert fewer.spare == more.spare


@given(vpcs(), zone_lists)
def test_pods_have_room_and_aws_accepts_every_subnet(cidr, zones):
    layout = plan(cidr, zones)
    sizes = {tier: IPv4Network(layout.of(tier)[0].cidr).num_addresses for tier in ("public", "private", "data")}
    assert sizes["private"] == IPv4Network(cidr).num_addresses // 8
    assert all(IPv4Network(subnet.cidr).prefixlen <= 28 for subnet in layout.subnets)
    assert IPv4Network(layout.spare).num_addresses == IPv4Network(cidr).num_addresses // 4


def test_a_layout_people_can_check_by_hand():
    layout = plan("10.40.0.0/16", ["a", "b", "c"])
    assert [subnet.cidr for subnet in layout.of("private")] == ["10.40.0.0/19", "10.40.32.0/19", "10.40.64.0/19"]
    assert [subnet.cidr for subnet in layout.of("public")] == ["10.40.128.0/22", "10.40.132.0/22", "10.40.136.0/22"]
    assert [subnet.cidr for subnet in layout.of("data")] == ["10.40.144.0/22", "10.40.148.0/22", "10.40.152.0/22"]
    assert layout.spare == "10.40.192.0/18"


def test_more_zones_than_places_are_refused():
    with pytest.raises(ValueError, match="5 zones do not fit"):
        plan("10.0.0.0/16", list("abcde"))
