"""A platform whose models are served by every engine."""

from typing import Any

import yaml
from support.recorder import Recording, record
from support.worlds import ROOT

from plinth.program import build
from plinth.spec import PlatformSpec, load_spec


def digest(name: str) -> str:
    """An image of the example's registry."""
    return f"444455556666.dkr.ecr.us-east-1.amazonaws.com/{name}@sha256:{'ab' * 32}"


ENGINES: dict[str, dict[str, Any]] = {
    "vllm": {"kind": "vllm", "image": digest("vllm-openai")},
    "kserve": {
        "kind": "kserve",
        "image": digest("vllm-openai"),
        "router_image": digest("llm-d-router-endpoint-picker"),
        "proxy_image": digest("envoy"),
    },
    "ray": {"kind": "ray", "image": digest("ray-llm"), "ray_version": "2.54.0"},
    "triton": {"kind": "triton", "image": digest("tritonserver"), "model": "tensorrt_llm_bls"},
    "tgi": {"kind": "tgi", "image": digest("text-generation-inference")},
}
"""The fields of each engine."""

SHAPE = {"parameters_billion": 8.03, "layers": 32, "kv_heads": 8, "head_dim": 128}


def model(engine: str, **fields: Any) -> dict[str, Any]:
    """A model on the pool `gpus`, named like its engine."""
    return {
        "kind": "self_hosted",
        "name": f"chat-{engine}",
        "source": {"kind": "s3", "path": f"acme/chat-{engine}/2026-10-01"},
        "engine": ENGINES[engine],
        "pool": "gpus",
        "architecture": SHAPE,
        "concurrent_requests": 4,
        "replicas": {"min": 1, "max": 2},
        **fields,
    }


def spec_of(models: list[dict[str, Any]], *, max_gpus: int = 64, **pool: Any) -> PlatformSpec:
    """Staging, with these models on one pool and nothing else.

    Raises:
        SpecError: the models cannot be served so.
    """
    data = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]["plinth:platform"]
    data["gpu_pools"] = [
        {
            "name": "gpus",
            "instance_types": ["g6e.12xlarge"],
            "capacity": ["on_demand"],
            "max_gpus": max_gpus,
            "disk_gib": 300,
            **pool,
        }
    ]
    data["models"] = models
    data["gateway"]["routes"] = [{"name": "chat", "targets": [{"model": found["name"]} for found in models]}]
    data["tenants"] = [
        {key: value for key, value in tenant.items() if key not in ("batch", "quota")} | {"routes": ["chat"]}
        for tenant in data["tenants"][:1]
    ]
    data.pop("batch", None)
    return load_spec(data)


def recorded(spec: PlatformSpec) -> Recording:
    """What the program registers for a spec."""
    return record(lambda: build(spec, None) and None, stack="staging")
