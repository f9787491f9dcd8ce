"""What pods ask of a pool is what its nodes give out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.pools import pool_data

from plinth import naming
from plinth.cluster.gpu_request import pod_gpus
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import claimed, devices, memory_gib


def pool(**changes):
    return GpuPool.model_validate({"name": "pool", "instance_types": ["p5.48xlarge"], "max_gpus": 32, **changes})


@given(pool_data(), st.integers(1, 8))
def test_a_pod_asks_for_what_the_pool_gives_out(data, count):
    try:
        one = GpuPool.model_validate(data)
    except ValidationError:
        return
    given = devices(one)
    if count > 1 and not given.splittable:
        with pytest.raises(ValueError, match="can have one"):
            pod_gpus(one, count)
        return
    asked = pod_gpus(one, count)
    assert asked.node_selector == {naming.POOL_LABEL: "pool"}
    if claimed(one):
        assert asked.resources == {}
        assert [(claim.device_class, claim.count) for claim in asked.claims] == [("gpu.nvidia.com", count)]
    else:
        assert asked.resources == {given.resource: str(count)}
        assert asked.claims == ()
    for instance in one.instances:
        assert memory_gib(one, instance) * given.per_gpu <= instance.gpu_memory_gib * 1.05


@pytest.mark.parametrize(("gpus", "interfaces"), [(8, "32"), (4, "16"), (1, "4")])
def test_a_pod_gets_its_share_of_the_nodes_efa(gpus, interfaces):
    assert pod_gpus(pool(efa=True), gpus, efa=True).resources["vpc.amazonaws.com/efa"] == interfaces


def test_efa_is_there_only_where_the_pool_has_it():
    with pytest.raises(ValueError, match="set efa to true"):
        pod_gpus(pool(), 8, efa=True)


def test_neuron_devices_have_their_own_name_and_taint():
    asked = pod_gpus(pool(instance_types=["inf2.48xlarge"]), 12)
    assert asked.resources == {"aws.amazon.com/neuron": "12"}
    assert asked.tolerations[0]["key"] == "aws.amazon.com/neuron"


def test_turns_on_a_gpu_share_its_memory():
    turns = pool(instance_types=["g6.xlarge"], sharing={"kind": "time_slicing", "replicas": 4})
    assert pod_gpus(turns, 1).memory_share == 0.25
    assert pod_gpus(pool(sharing={"kind": "mig", "profile": "1g.10gb"}), 1).memory_share == 1


def test_a_claim_is_made_for_exactly_that_many_devices():
    (claim,) = pod_gpus(pool(image="al2023", sharing={"kind": "dra"}, fixed_nodes=2), 4).claims
    (request,) = claim.template_spec()["spec"]["devices"]["requests"]
    assert request == {
        "name": "gpus",
        "exactly": {"deviceClassName": "gpu.nvidia.com", "allocationMode": "ExactCount", "count": 4},
    }
