from hypothesis import given
from hypothesis import strategies as st
from support.worlds import environment

from plinth import catalogue
from plinth.cluster.gpu_request import pod_gpus
from plinth.cluster.node_pool import node_pool
from plinth.spec.gpu import GpuPool


@given(st.sampled_from(sorted(catalogue.instances())), st.integers(1, 8))
def test_a_pod_lands_on_its_pool_only(instance, gpus):
    pool = GpuPool(name="pool", instance_types=[instance], max_gpus=8)
    asked = pod_gpus(pool, gpus)
    nodes = node_pool(pool, environment(), ["a"]).to_object()["template"]
    assert asked.node_selector.items() <= nodes["metadata"]["labels"].items()
    assert {t["key"] for t in nodes["spec"]["taints"]} == {t["key"] for t in asked.tolerations}
    assert asked.resources == {"nvidia.com/gpu": str(gpus)}
