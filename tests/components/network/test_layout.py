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
ALWAYS = ("public", "private", "data", "control-plane")


@st.composite
def pod_ranges(draw):
    prefix = draw(st.integers(16, 20))
    return str(draw(st.sampled_from(list(IPv4Network("100.64.0.0/10").subnets(new_prefix=prefix)))))


some_pod_ranges = st.none() | pod_ranges()


@given(vpcs(), zone_lists, some_pod_ranges)
def test_subnets_lie_in_their_range_and_overlap_nowhere(cidr, zones, pod_cidr):
    layout = plan(cidr, zones, pod_cidr)
    for subnet in layout.subnets:
        home = pod_cidr if subnet.tier == "pods" else cidr
        assert IPv4Network(subnet.cidr).subnet_of(IPv4Network(home))
    networks = [IPv4Network(item) for item in (*(subnet.cidr for subnet in layout.subnets), *layout.spare)]
    for position, network in enumerate(networks):
        assert not any(network.overlaps(other) for other in networks[position + 1 :])


@given(vpcs(), zone_lists, some_pod_ranges)
def test_each_tier_has_a_subnet_in_each_zone_in_order(cidr, zones, pod_cidr):
    layout = plan(cidr, zones, pod_cidr)
    for tier in ALWAYS:
        assert [subnet.zone for subnet in layout.of(tier)] == zones
    assert [subnet.zone for subnet in layout.of("pods")] == (zones if pod_cidr else [])


@given(vpcs(), zone_lists, some_pod_ranges)
def test_appending_a_zone_moves_nothing(cidr, zones, pod_cidr):
    for count in range(1, len(zones)):
        fewer, more = plan(cidr, zones[:count], pod_cidr), plan(cidr, zones[: count + 1], pod_cidr)
        assert set(fewer.subnets) < set(more.subnets)
        assert fewer.spare == more.spare


@given(vpcs(), zone_lists, pod_ranges())
def test_giving_pods_a_range_moves_nothing(cidr, zones, pod_cidr):
    without, with_range = plan(cidr, zones), plan(cidr, zones, pod_cidr)
    assert set(with_range.subnets) - set(without.subnets) == set(with_range.of("pods"))
    assert set(without.subnets) < set(with_range.subnets)
    assert with_range.spare == without.spare


@given(vpcs(), zone_lists, pod_ranges())
def test_there_is_room_and_aws_accepts_every_subnet(cidr, zones, pod_cidr):
    layout = plan(cidr, zones, pod_cidr)
    size = IPv4Network(cidr).num_addresses
    sizes = {tier: IPv4Network(layout.of(tier)[0].cidr).num_addresses for tier in (*ALWAYS, "pods")}
    assert sizes["private"] == size // 8
    assert sizes["pods"] == IPv4Network(pod_cidr).num_addresses // 4
    # EKS wants 16 free addresses in each of its subnets; AWS takes 5 of every one.
    assert min(sizes.values()) >= 32
    assert all(16 <= IPv4Network(subnet.cidr).prefixlen <= 28 for subnet in layout.subnets)
    assert sum(IPv4Network(network).num_addresses for network in layout.spare) == size // 4 + size // 16


def test_a_layout_people_can_check_by_hand():
    layout = plan("10.40.0.0/16", ["a", "b", "c"], "100.64.0.0/16")
    found = {tier: [subnet.cidr for subnet in layout.of(tier)] for tier in (*ALWAYS, "pods")}
    assert found == {
        "private": ["10.40.0.0/19", "10.40.32.0/19", "10.40.64.0/19"],
        "public": ["10.40.128.0/22", "10.40.132.0/22", "10.40.136.0/22"],
        "data": ["10.40.144.0/22", "10.40.148.0/22", "10.40.152.0/22"],
        "control-plane": ["10.40.160.0/22", "10.40.164.0/22", "10.40.168.0/22"],
        "pods": ["100.64.0.0/18", "100.64.64.0/18", "100.64.128.0/18"],
    }
    assert layout.spare == ("10.40.176.0/20", "10.40.192.0/18")


def test_more_zones_than_places_are_refused():
    with pytest.raises(ValueError, match="5 zones do not fit"):
        plan("10.0.0.0/16", list("abcde"))
