"""Every pool that the spec allows becomes objects that the cluster takes; every other one says what would fit."""

import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.pools import pool_data
from support.worlds import environment, spec

from plinth import catalogue, naming
from plinth.cluster import gates, node_pool
from plinth.cluster.gpu_request import pod_gpus
from plinth.cluster.node_pool import Place
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices
from plinth.spec.gpu_rules import MOST_DEVICES
from plinth_cli.rehearsal.kubernetes.validate import validate_object

PLACE = Place(
    role_name="nodes",
    subnet_ids=["subnet-0a1b2c3d"],
    security_group_ids=["sg-0a1b2c3d"],
    volume_key_arn="arn:aws:kms:us-east-1:123456789012:key/1",
)
OWN = [pool for name in ("dev", "staging", "prod") for pool in spec(name).gpu_pools]


def pool(**changes):
    return GpuPool.model_validate({"name": "pool", "instance_types": ["p5.48xlarge"], "max_gpus": 32, **changes})


def objects(one):
    world = environment()
    zones = one.zones or ["a", "b"]
    make = node_pool.auto_class if one.plane == "auto" else node_pool.node_class
    yield make(one, world, PLACE)
    yield node_pool.node_pool(one, world, zones)
    yield from node_pool.overlays(one).values()


def rendered(kind):
    return {
        "apiVersion": kind.API_VERSION,
        "kind": kind.KIND,
        "metadata": {"name": "pool"},
        "spec": kind.to_object(),
    }


@given(pool_data())
@settings(deadline=None)
def test_a_pool_is_refused_with_a_reason_or_becomes_valid_objects(data):
    try:
        one = GpuPool.model_validate(data)
    except ValidationError as error:
        (only,) = error.errors()
        assert only["type"] == "value_error"
        assert len(only["msg"]) > 20
        return
    for kind in objects(one):
        assert validate_object(rendered(kind)) == [], kind.KIND
    check_fuse(one)
    check_user_data(one)


@pytest.mark.parametrize("name", sorted(catalogue.instances()))
def test_every_instance_makes_a_plain_pool(name):
    facts = catalogue.instance(name)
    one = pool(instance_types=[name], max_gpus=facts.gpus)
    for kind in objects(one):
        assert validate_object(rendered(kind)) == []
    nodes = node_pool.node_class(one, environment(), PLACE).to_object()
    assert (nodes.get("instanceStorePolicy") == "RAID0") == (facts.local_nvme_gb > 0)


def check_fuse(one):
    limits = node_pool.limits(one)
    if one.fixed_nodes:
        (nodes,) = limits.values()
        assert one.fixed_nodes <= int(nodes)
        assert int(nodes) * max(i.gpus for i in one.instances) <= one.max_gpus
    else:
        given = devices(one)
        assert int(limits[given.resource]) == one.max_gpus * given.per_gpu
        assert all(1 <= int(count) <= MOST_DEVICES * 16 for count in limits.values())


def check_user_data(one):
    if one.plane == "auto":
        return
    text = node_pool.node_class(one, environment(), PLACE).user_data
    parsed = (yaml.safe_load if one.image == "al2023" else tomllib.loads)(text or "")
    if one.image == "bottlerocket" and one.sharing.kind == "mig":
        assert parsed["settings"]["kubelet-device-plugins"]["nvidia"]["mig"]["profile"] == {
            one.instances[0].bottlerocket_name: one.sharing.profile
        }


@given(st.sampled_from(OWN), st.lists(st.sampled_from("abc"), min_size=1, unique=True))
def test_our_own_pools_empty_slowly_and_stay_in_their_zones(one, zones):
    found = node_pool.node_pool(one, environment(), zones).to_object()
    assert found["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert found["disruption"]["consolidateAfter"] == f"{one.idle_minutes}m"
    requirements = {r["key"]: r["values"] for r in found["template"]["spec"]["requirements"]}
    assert requirements["topology.kubernetes.io/zone"] == [f"us-east-1{zone}" for zone in zones]
    assert requirements["node.kubernetes.io/instance-type"] == one.instance_types


@given(st.sampled_from(OWN), st.sampled_from(OWN))
def test_no_pod_fits_two_pools(first, second):
    asked = pod_gpus(first, 1)
    taints = node_pool.node_pool(second, environment(), ["a"]).to_object()["template"]["spec"]["taints"]
    tolerated = all(
        any(t["key"] == taint["key"] and t.get("value", taint["value"]) == taint["value"] for t in asked.tolerations)
        for taint in taints
    )
    assert tolerated == (first.name == second.name)
    assert (asked.node_selector == {naming.POOL_LABEL: second.name}) == (first.name == second.name)


def test_shared_gpus_are_told_to_karpenter():
    mig = pool(sharing={"kind": "mig", "profile": "1g.20gb"})
    (name, overlay), *_ = node_pool.overlays(mig).items()
    assert name == "pool-32"
    assert overlay.capacity == {"nvidia.com/gpu": "32"}
    turns = pool(
        instance_types=["g6.xlarge", "g6.12xlarge", "g6.2xlarge"], sharing={"kind": "time_slicing", "replicas": 4}
    )
    found = {name: overlay.to_object() for name, overlay in node_pool.overlays(turns).items()}
    assert {name: o["capacity"] for name, o in found.items()} == {
        "pool-4": {"nvidia.com/gpu.shared": "4"},
        "pool-16": {"nvidia.com/gpu.shared": "16"},
    }
    assert found["pool-4"]["requirements"][1]["values"] == ["g6.xlarge", "g6.2xlarge"]
    assert node_pool.overlays(pool()) == {}


@pytest.mark.parametrize(
    ("name", "first", "count"),
    [
        ("p5.48xlarge", (0, 1), 32),
        ("p4d.24xlarge", (0, 1), 4),
        ("p6-b300.48xlarge", (1, 0), 16),
        ("g6e.8xlarge", (0, 1), 1),
    ],
)
def test_each_card_with_efa_has_one_interface_for_it(name, first, count):
    primary, *rest = node_pool.network_interfaces(catalogue.instance(name))
    assert (primary.network_card_index, primary.device_index, primary.interface_type) == (0, 0, "interface")
    assert [r.interface_type for r in rest] == ["efa-only"] * count
    assert (rest[0].network_card_index, rest[0].device_index) == first
    assert len({(r.network_card_index) for r in rest}) == count


def test_images_are_pulled_from_fast_volumes_only_where_there_is_no_nvme():
    slow = node_pool.node_class(pool(instance_types=["inf2.xlarge"]), environment(), PLACE)
    assert slow.block_device_mappings[1].ebs.throughput == node_pool.PULL_MIB_PER_SECOND
    assert node_pool.node_class(pool(), environment(), PLACE).block_device_mappings[1].ebs.throughput is None


def test_a_capacity_block_is_never_replaced_by_other_capacity():
    block = pool(
        capacity=["reserved"],
        zones=["b"],
        capacity_block={"offering_id": "cbr-0a1b2c3d4e", "i_understand_this_is_a_purchase": True},
    )
    found = node_pool.node_pool(block, environment(), ["b"]).to_object()["template"]["spec"]["requirements"]
    requirements = {r["key"]: r["values"] for r in found}
    assert requirements["karpenter.sh/capacity-type"] == ["reserved"]
    assert requirements["karpenter.k8s.aws/capacity-reservation-type"] == ["capacity-block"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plane": "auto", "sharing": {"kind": "mig", "profile": "1g.10gb"}}, "sharing mig needs plane karpenter"),
        ({"plane": "auto", "sharing": {"kind": "time_slicing", "replicas": 2}}, "needs plane karpenter"),
        ({"plane": "auto", "image": "al2023"}, "image al2023 needs plane karpenter"),
        ({"plane": "auto", "efa": True}, "efa needs plane karpenter"),
        ({"sharing": {"kind": "mig", "profile": "1g.5gb"}}, "none of h100's: 1g.10gb, 1g.20gb"),
        ({"instance_types": ["g6.xlarge"], "sharing": {"kind": "mig", "profile": "1g.5gb"}}, "a100-40, a100-80, b200"),
        ({"sharing": {"kind": "dra"}}, "needs fixed_nodes"),
        ({"sharing": {"kind": "dra"}, "fixed_nodes": 1}, "image al2023"),
        ({"fixed_nodes": 5}, "at most 4 nodes"),
        ({"instance_types": ["g6.xlarge"], "efa": True}, "g6.xlarge has none"),
        ({"instance_types": ["trn2.48xlarge"], "efa": True}, "unknown to the catalogue"),
        ({"capacity": ["reserved", "reserved"], "reservation_tags": {"a": "b"}}, "twice"),
        ({"max_gpus": 4}, "at least 8"),
        ({"instance_types": ["inf2.xlarge"], "sharing": {"kind": "time_slicing", "replicas": 2}}, "given out whole"),
    ],
)
def test_a_mistake_says_what_would_fit(changes, words):
    with pytest.raises(ValidationError, match=words):
        pool(**changes)


def test_a_purchase_needs_its_sentence():
    with pytest.raises(ValidationError, match="i_understand_this_is_a_purchase"):
        pool(capacity=["reserved"], zones=["a"], capacity_block={"offering_id": "cbr-0a1b2c3d4e"})


def test_gates_are_open_for_what_pools_use_and_the_train_has_them():
    assert gates.feature_gates([pool()]) == {
        "nodeRepair": True,
        "reservedCapacity": True,
        "staticCapacity": False,
        "nodeOverlay": False,
    }
    shared = pool(sharing={"kind": "mig", "profile": "1g.10gb"})
    fixed = pool(fixed_nodes=2, efa=True)
    assert gates.feature_gates([shared, fixed])["nodeOverlay"]
    assert gates.feature_gates([shared, fixed])["staticCapacity"]
    assert gates.unmet(fixed) == []
    assert [feature.name for feature in gates.unmet(fixed, "1.7.3")] == ["staticCapacity", "networkInterfaces"]
