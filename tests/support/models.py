"""Self-hosted models for tests of the arithmetic, and the published figures that it is compared with."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from plinth.spec.models import SelfHostedModel

IMAGE = "registry.example.com/vllm@sha256:" + "0" * 64

LLAMA_8B = {
    "parameters_billion": 8.03,
    "layers": 32,
    "attention_heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "hidden_size": 4096,
    "vocabulary": 128256,
}

PUBLISHED = Path(__file__).parents[1] / "components/spec/published_models.json"


def self_hosted(**changes: Any) -> SelfHostedModel:
    """A model of 8 billion weights on pool `pool`, with changes."""
    facts: dict[str, Any] = {
        "kind": "self_hosted",
        "name": "m1",
        "source": {"kind": "s3", "path": "acme/m"},
        "engine": {"kind": "vllm", "image": IMAGE},
        "pool": "pool",
        "architecture": LLAMA_8B,
        **changes,
    }
    return SelfHostedModel.model_validate(facts)


@cache
def published() -> dict[str, Any]:
    """What others measured with public models. Do not change it."""
    return json.loads(PUBLISHED.read_text())


def as_run(run: dict[str, Any]) -> SelfHostedModel:
    """The model as somebody ran it, with the limits that vLLM has on an H100 unless told otherwise."""
    return self_hosted(
        architecture=published()["models"][run["model"]],
        precision=run["precision"],
        kv_cache_precision=run["kv_cache_precision"],
        parallelism={"tensor": run["tensor"], "pipeline": run["pipeline"]},
        max_context_tokens=run["context"],
        concurrent_requests=1,
        max_requests=1024,
        max_batched_tokens=8192,
    )


def run_name(run: dict[str, Any]) -> str:
    """What tells one run from the others."""
    words = [run["model"], run["precision"], f"tensor {run['tensor']}"]
    words += [f"pipeline {run['pipeline']}"] if run["pipeline"] > 1 else []
    words += [f"KV cache {run['kv_cache_precision']}"] if run["kv_cache_precision"] != "auto" else []
    return ", ".join([*words, f"context {run['context']}"])
