"""The arithmetic against what vLLM itself logged with public models; published_models.json has figures and sources."""

import os
from collections.abc import Iterator

import pytest
from support.models import as_run, published, run_name
from support.worlds import ROOT

from plinth.spec import sizing
from plinth.spec.kv_cache import kv_cache

RUNS = published()["runs"]

WEIGHTS, TOKENS, AVAILABLE = 0.03, 0.02, 0.10
"""Tolerances: of weights, of tokens in a given KV cache, and of the memory that is left for it after all else."""

OVERHEAD_BELOW, OVERHEAD_ABOVE = 0.1, 1.8
"""How much less, and how much more, overhead than was measured is estimated at most, in GiB."""


def _having(*fields):
    return pytest.mark.parametrize("run", [run for run in RUNS if all(f in run for f in fields)], ids=run_name)


@_having("weights_gib")
def test_weights(run):
    estimate = sizing.weights_per_gpu(as_run(run), run["tensor"])
    close = estimate == pytest.approx(run["weights_gib"], rel=WEIGHTS)
    # An explanation that nothing needs any more has to go.
    assert close != ("weights_differ" in run), estimate
    assert estimate == pytest.approx(run["weights_gib"], rel=0.08)


@_having("kv_tokens")
def test_tokens_in_the_memory_that_vllm_had(run):
    model = as_run(run)
    cache = kv_cache(model.architecture, model.kv_cache_precision, run["tensor"], run["pipeline"])
    tokens = cache.tokens(run["available_gib"] * sizing.GIB, run["context"], model.max_batched_tokens)
    assert tokens == pytest.approx(run["kv_tokens"], rel=TOKENS)


@_having("activations_gib")
def test_overhead_is_not_below_what_was_measured(run):
    measured = run["activations_gib"] + run["non_torch_gib"] + run["graphs_gib"]
    over = sizing.overhead_per_gpu(as_run(run), run["tensor"]) - measured
    assert -OVERHEAD_BELOW <= over <= OVERHEAD_ABOVE


@_having("activations_gib")
def test_what_is_left_for_the_kv_cache(run):
    """From the size of the GPU alone; newer releases of vLLM take CUDA graphs off as well, so the test does."""
    model = as_run(run)
    taken = sizing.weights_per_gpu(model, run["tensor"]) + sizing.overhead_per_gpu(model, run["tensor"])
    left = run["memory_gib"] * run["memory_share"] - taken
    measured = run["available_gib"] - run["graphs_gib"]
    # Where next to nothing is left, half a GiB is much of it.
    assert left == pytest.approx(measured, rel=AVAILABLE, abs=0.5)


def test_the_figures_are_of_many_kinds_of_models():
    models = published()["models"]
    assert {run["model"] for run in RUNS} == set(models)
    assert len(models) >= 20
    assert {run["source"] for run in RUNS} == set(published()["sources"])
    for kind in ("mixture_of_experts", "latent_attention", "sliding_window", "tied_embeddings", "unquantized_billion"):
        assert any(kind in facts for facts in models.values()), kind
    assert {run["precision"] for run in RUNS} >= {"bf16", "fp8", "int8", "int4", "mxfp4"}


PAGE = ROOT / "docs/reference/gpu-maths.md"


def _table() -> Iterator[str]:
    """What the page says of every run."""
    yield "| Model | Weights, GiB: logged | estimated | Tokens: logged | estimated | Source |"
    yield "|---|---|---|---|---|---|"
    for run in RUNS:
        model, cells = as_run(run), [run_name(run)]
        weights = f"{sizing.weights_per_gpu(model, run['tensor']):.2f}"
        cells += [f"{run['weights_gib']:.2f}", weights] if "weights_gib" in run else ["", ""]
        cache = kv_cache(model.architecture, model.kv_cache_precision, run["tensor"], run["pipeline"])
        if "kv_tokens" in run:
            memory = run["available_gib"] * sizing.GIB
            tokens = cache.tokens(memory, run["context"], model.max_batched_tokens)
            cells += [f"{run['kv_tokens']:,}", f"{tokens:,}"]
        else:
            cells += ["", ""]
        yield f"| {' | '.join([*cells, run['source']])} |"
    yield ""
    yield "Where weights differ by more than 3 %:"
    yield ""
    yield from (f"- {run_name(run)}: {run['weights_differ']}." for run in RUNS if "weights_differ" in run)
    yield ""
    yield "Sources:"
    yield ""
    for name, source in published()["sources"].items():
        yield f"- {name}: {source['where']}, {source['date']}: {source['what']}."


def test_the_page_has_the_figures():
    text = PAGE.read_text()
    before, _, _ = text.partition("| Model | Weights, GiB: logged")
    fresh = before + "\n".join(_table()) + "\n"
    if os.environ.get("PLINTH_UPDATE_SNAPSHOTS"):
        PAGE.write_text(fresh)
    assert PAGE.read_text() == fresh
