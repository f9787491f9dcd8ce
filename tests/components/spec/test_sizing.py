"""GPU arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from plinth import catalogue
from plinth.spec.models import SelfHostedModel
from plinth.spec.sizing import fitting_tensor_parallel, memory_per_gpu

DIGEST = "registry.example.com/vllm@sha256:" + "0" * 64


def model(**changes) -> SelfHostedModel:
    facts = {
        "kind": "self_hosted",
        "name": "m1",
        "source": {"kind": "s3", "path": "acme/m"},
        "engine": {"kind": "vllm", "image": DIGEST},
        "pool": "pool",
        "architecture": {"parameters_billion": 8.03, "layers": 32, "kv_heads": 8, "head_dim": 128},
        **changes,
    }
    return SelfHostedModel.model_validate(facts)


def test_a_model_of_8_billion_in_16_bits():
    memory = memory_per_gpu(model(max_context_tokens=8192, concurrent_requests=1), catalogue.instance("g6.xlarge"))
    assert round(memory.weights, 1) == 15.0  # 8.03e9 * 2 bytes
    assert round(memory.kv_cache, 2) == 1.0  # 128 KiB a token
    assert memory.fits


def test_kv_heads_are_repeated_beyond_their_number():
    big = catalogue.instance("p5.48xlarge")
    shape = {"parameters_billion": 8, "layers": 32, "kv_heads": 2, "head_dim": 128}
    two = memory_per_gpu(model(architecture=shape, parallelism={"tensor": 2}), big)
    eight = memory_per_gpu(model(architecture=shape, parallelism={"tensor": 8}), big)
    assert two.kv_cache == eight.kv_cache
    assert two.weights == 4 * eight.weights


@given(
    st.floats(0.1, 500),
    st.integers(1, 120),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(sorted(catalogue.instances())),
)
def test_the_advice_fits_and_nothing_smaller_does(billion, layers, heads, name):
    instance = catalogue.instance(name)
    shape = {"parameters_billion": billion, "layers": layers, "kv_heads": heads, "head_dim": 128}
    asked = model(architecture=shape)
    advice = fitting_tensor_parallel(asked, instance)
    smaller = [size for size in (1, 2, 4, 8) if size <= instance.gpus and size < (advice or 99)]
    assert not any(memory_per_gpu(asked, instance, size).fits for size in smaller)
    if advice:
        assert advice <= instance.gpus
        assert memory_per_gpu(asked, instance, advice).fits
