"""GPU arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.models import LLAMA_8B, self_hosted

from plinth import catalogue
from plinth.spec import sizing
from plinth.spec.kv_cache import kv_cache
from plinth.spec.sizing import memory_per_gpu

H100 = catalogue.instance("p5.48xlarge")


def test_a_model_of_8_billion_in_16_bits():
    model = self_hosted(max_context_tokens=8192, concurrent_requests=1)
    memory = memory_per_gpu(model, catalogue.instance("g6.xlarge"))
    assert round(memory.weights, 1) == 15.0  # 8.03e9 * 2 bytes
    assert round(memory.kv_cache, 2) == 1.0  # 128 KiB a token
    assert memory.fits


def test_tables_of_tokens_stay_in_16_bits():
    tables = 2 * 128256 * 4096
    memory = memory_per_gpu(self_hosted(precision="fp8"), H100)
    assert memory.weights * 2**30 == pytest.approx(8.03e9 + tables)
    assert sizing.weights_gib(self_hosted(precision="fp8")) == memory.weights


def test_kv_heads_are_repeated_beyond_their_number():
    shape = {"parameters_billion": 8, "layers": 32, "kv_heads": 2, "head_dim": 128}
    two = memory_per_gpu(self_hosted(architecture=shape, parallelism={"tensor": 2}), H100)
    eight = memory_per_gpu(self_hosted(architecture=shape, parallelism={"tensor": 8}), H100)
    assert two.kv_cache == eight.kv_cache
    assert two.weights == 4 * eight.weights


def test_one_head_for_all_queries():
    shape = {"parameters_billion": 7, "layers": 32, "kv_heads": 1, "head_dim": 64}
    model = self_hosted(architecture=shape, max_context_tokens=1024, concurrent_requests=1)
    assert memory_per_gpu(model, H100).kv_cache * 2**30 == 2 * 32 * 64 * 2 * 1024


def test_latent_attention_keeps_one_vector_on_every_gpu():
    shape = LLAMA_8B | {"latent_attention": {"rank": 512, "rope": 64}}
    one, eight = (memory_per_gpu(self_hosted(architecture=shape), H100, size) for size in (1, 8))
    assert one.kv_cache == eight.kv_cache
    assert one.kv_cache * 2**30 == 8 * 8192 * 32 * 576 * 2


def test_windows_bound_the_cache_of_their_layers():
    window = {"tokens": 1024, "layers": 16}
    sizes = {}
    for context in (16384, 65536):
        model = self_hosted(architecture=LLAMA_8B | {"sliding_window": window}, max_context_tokens=context)
        plain = self_hosted(max_context_tokens=context)
        sizes[context] = sizing.request_gib(model, 1) / sizing.request_gib(plain, 1)
    assert 0.5 < sizes[65536] < sizes[16384] < 1


def test_a_pipeline_holds_a_table_at_either_end():
    whole, half = (sizing.weights_per_gpu(self_hosted(parallelism={"pipeline": size}), 1) for size in (1, 2))
    assert half == pytest.approx(whole / 2)  # without tied tables both ends are alike
    tied = self_hosted(architecture=LLAMA_8B | {"tied_embeddings": True}, parallelism={"pipeline": 2})
    assert sizing.weights_per_gpu(tied, 1) > half


def test_what_takes_memory_takes_more_of_it():
    plain = self_hosted()
    for changes in (
        {"max_batched_tokens": 32768},
        {"max_requests": 1024},
        {"architecture": LLAMA_8B | {"mixture_of_experts": True}},
        {"adapters": [{"name": "a1", "path": "acme/a1", "rank": 64}]},
        {"draft": {"path": "acme/draft", "architecture": LLAMA_8B}},
    ):
        assert memory_per_gpu(self_hosted(**changes), H100).needed > memory_per_gpu(plain, H100).needed, changes


def test_an_adapter_is_as_large_as_its_linear_layers():
    # Llama 3.1 8B: inputs and outputs of a layer's linear layers are 81,920 together.
    model = self_hosted(adapters=[{"name": "a1", "path": "acme/a1", "rank": 16}])
    adapter = sizing.weights_per_gpu(model, 1) - sizing.weights_per_gpu(self_hosted(), 1)
    assert adapter * 2**30 == pytest.approx(2 * 16 * 81920 * 32, rel=0.15)


@pytest.mark.parametrize(
    ("shape", "fine"),
    [
        ({"attention_heads": 28, "kv_heads": 4}, {1, 2, 4}),
        ({"attention_heads": 32, "kv_heads": 8}, {1, 2, 4, 8, 16}),
        ({"kv_heads": 6}, {1, 2, 3, 6, 12}),
        ({"attention_heads": 12, "kv_heads": 6, "latent_attention": {"rank": 512, "rope": 64}}, {1, 2, 3, 4, 6, 12}),
    ],
)
def test_gpus_share_heads_evenly(shape, fine):
    bare = {key: value for key, value in LLAMA_8B.items() if key != "attention_heads"}
    model = self_hosted(architecture=bare | shape)
    assert {size for size in range(1, 17) if sizing.divides(model, size)} == fine


@given(
    st.integers(1, 120),
    st.integers(0, 120),
    st.integers(16, 8192),
    st.integers(512, 200_000),
    st.integers(256, 32768),
)
def test_a_request_needs_what_its_layers_keep(layers, windowed, window, context, batched):
    shape = {"parameters_billion": 8, "layers": layers, "kv_heads": 8, "head_dim": 128}
    plain = self_hosted(architecture=shape)
    full = kv_cache(plain.architecture, "auto", 1).request_bytes(context, batched)
    assert full == 4096 * layers * -(-context // 16) * 16
    if 0 < windowed <= layers:
        model = self_hosted(architecture=shape | {"sliding_window": {"tokens": window, "layers": windowed}})
        cache = kv_cache(model.architecture, "auto", 1)
        held = min(window - 1 + batched, context)
        assert cache.request_bytes(context, batched) >= 4096 * ((layers - windowed) * context + windowed * held)
        assert cache.tokens(cache.request_bytes(context, batched) * 3, context, batched) == pytest.approx(
            3 * context, 1
        )
