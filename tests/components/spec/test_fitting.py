"""Whoever follows the advice of an error gets a spec that loads."""

import copy
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.documents import POOLS, SHAPES
from support.models import IMAGE, LLAMA_8B
from support.worlds import document

from plinth.spec import SpecError, load_spec

OWN_IMAGE = document("prod")["gateway"]["image"].partition("/")[0] + "/" + IMAGE.partition("/")[2]
"""Production takes images from its own registry only."""

ADVICE = {
    "parallelism.tensor": r"parallelism\.tensor (\d+)(?: with max_gpus (\d+) of pool pool)?(?=;|\.$)",
    "kv_cache_precision": r"kv_cache_precision (fp8)",
    "concurrent_requests": r"concurrent_requests (\d+)",
    "max_context_tokens": r"max_context_tokens (\d+)",
    "pool": r"another pool with instance_types \[([\w.-]+)\], max_gpus (\d+) and parallelism \{([^}]*)\}",
}


def world(model, pool):
    """A valid environment, but for one model on one pool."""
    data = document("prod")
    data["gpu_pools"] = [{"max_gpus": 64, **pool, "name": "pool"}]
    facts = {"kind": "self_hosted", "name": "m1", "source": {"kind": "s3", "path": "acme/m"}, "pool": "pool"}
    data["models"] = [{**facts, "engine": {"kind": "vllm", "image": OWN_IMAGE}, **model}]
    data["gateway"]["routes"] = [{"name": "chat", "targets": [{"model": "m1"}]}]
    for tenant in data["tenants"]:
        tenant["routes"] = ["chat"]
    for tenant in data["tenants"]:
        tenant.pop("batch", None)
    for section in ("recovery", "batch"):
        data.pop(section, None)
    return data


def error(data):
    """The problem of the model's size, or None."""
    try:
        load_spec(data)
    except SpecError as refused:
        return next((str(p) for p in refused.problems if p.path == "models[0]" and "what would fit" in p.allowed), None)
    return None


def follow(data, kind, found):
    """The same document, as one of the remedies says."""
    data = copy.deepcopy(data)
    model, pool = data["models"][0], data["gpu_pools"][0]
    match kind:
        case "parallelism.tensor":
            model["parallelism"] = {**model.get("parallelism", {}), "tensor": int(found[1])}
            pool["max_gpus"] = int(found[2] or pool["max_gpus"])
        case "kv_cache_precision":
            model[kind] = found[1]
        case "pool":
            data["gpu_pools"].append({"name": "other", "instance_types": [found[1]], "max_gpus": int(found[2])})
            model["parallelism"] = {key: int(size) for key, size in re.findall(r"(\w+): (\d+)", found[3])}
            model["pool"] = "other"
        case _:
            model[kind] = int(found[1])
    return data


def remedies(data):
    """Kind, and the document after it, of each remedy that the error names."""
    message = error(data)
    return {
        kind: follow(data, kind, found)
        for kind, pattern in ADVICE.items()
        if message and (found := re.search(pattern, message))
    }


@pytest.mark.parametrize(
    ("model", "pool", "kinds"),
    [
        ({"architecture": LLAMA_8B}, {"instance_types": ["g6.12xlarge"]}, set(ADVICE)),
        (
            {"architecture": LLAMA_8B, "max_context_tokens": 2048, "concurrent_requests": 32, "replicas": {"max": 4}},
            {"instance_types": ["g6.12xlarge"], "max_gpus": 4},
            set(ADVICE),
        ),
        (
            {"architecture": LLAMA_8B, "precision": "fp8", "max_context_tokens": 131072, "concurrent_requests": 1},
            {"instance_types": ["g6e.12xlarge"], "sharing": {"kind": "time_slicing", "replicas": 2}},
            {"max_context_tokens", "pool", "kv_cache_precision"},
        ),
        ({"architecture": SHAPES[-1]}, {"instance_types": ["g6.12xlarge"]}, {"pool"}),
    ],
)
def test_each_remedy_is_one(model, pool, kinds):
    found = remedies(world(model, pool))
    assert set(found) >= kinds - {"kv_cache_precision"} or set(found) == kinds
    for changed in found.values():
        load_spec(changed)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SHAPES),
    st.sampled_from([pool for pool in POOLS if pool.get("sharing", {}).get("kind") != "dra"]),
    st.sampled_from(["bf16", "fp8", "int4"]),
    st.sampled_from([512, 3000, 8192, 40_000]),
    st.integers(1, 200),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 4),
)
def test_advice_can_be_followed(shape, pool, precision, context, requests, tensor, most):
    model = {
        "architecture": shape,
        "precision": precision,
        "max_context_tokens": context,
        "concurrent_requests": requests,
        "parallelism": {"tensor": tensor},
        "replicas": {"min": 1, "max": most},
    }
    data = world(model, pool | {"zones": []})
    before = _other_problems(data)
    for kind, changed in remedies(data).items():
        assert _other_problems(changed) <= before, kind
        assert error(changed) is None, kind


def _other_problems(data):
    try:
        load_spec(data)
    except SpecError as refused:
        return {problem.path for problem in refused.problems} - {"models[0]"}
    return set()
