"""What Ray Serve is told about a model. Pure.

Sources: Ray Serve LLM's documentation ("Configuration reference", "Model loading") and Ray Serve's configuration file,
for Ray 2.52 and newer.
"""

import json
from collections.abc import Sequence
from typing import Any

from plinth.spec.models import SelfHostedModel

SERVER_OPTIONS = ("host", "port", "served-model-name", "shutdown-timeout")
"""Options of `vllm serve` that are about its HTTP server; Ray Serve has its own."""

UPSCALE_SECONDS, DOWNSCALE_SECONDS = 30, 600
"""How long load must last before replicas come or go: a replica takes minutes to load its weights."""


def engine_arguments(options: Sequence[str]) -> dict[str, Any]:
    """Options of `vllm serve` as the engine's own arguments: `--max-model-len=8192` is `max_model_len: 8192`.

    Raises:
        ValueError: a word that is no option.
    """
    found: dict[str, Any] = {}
    for option in options:
        if not option.startswith("--"):
            raise ValueError(f"{option} is no option of vllm serve")
        name, given, text = option.removeprefix("--").partition("=")
        if name in SERVER_OPTIONS:
            continue
        if given:
            found[name.replace("-", "_")] = _value(text)
        else:
            found[name.removeprefix("no-").replace("-", "_")] = not name.startswith("no-")
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def deployment_config(model: SelfHostedModel, drain_seconds: int) -> dict[str, Any]:
    """How many replicas run, and how much one takes on before others get more."""
    replicas, concurrent = model.replicas, model.concurrent_requests
    common: dict[str, Any] = {
        "max_ongoing_requests": 2 * concurrent,
        "graceful_shutdown_timeout_s": drain_seconds,
    }
    if replicas.max == replicas.min:
        return {**common, "num_replicas": replicas.min}
    scaling = {
        "min_replicas": replicas.min,
        "max_replicas": replicas.max,
        "target_ongoing_requests": concurrent,
        "upscale_delay_s": UPSCALE_SECONDS,
        "downscale_delay_s": DOWNSCALE_SECONDS,
    }
    return {**common, "autoscaling_config": scaling}


def serve_config(
    model: SelfHostedModel, weights: Any, options: Sequence[str], *, port: int, drain_seconds: int
) -> dict[str, Any]:
    """Ray Serve's configuration file: one application that answers OpenAI's API for one model.

    Args:
        model: what is served.
        weights: address of the weights; may be an Output.
        options: those of `vllm serve`.
        port: of the HTTP proxy on every node.
        drain_seconds: time for answers under way when a replica has to go.
    """
    config = {
        "model_loading_config": {"model_id": model.name, "model_source": weights},
        "engine_kwargs": engine_arguments(options),
        "deployment_config": deployment_config(model, drain_seconds),
    }
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": port, "request_timeout_s": drain_seconds},  # noqa: S104 - the pod's
        "applications": [
            {
                "name": model.name,
                "route_prefix": "/",
                "import_path": "ray.serve.llm:build_openai_app",
                "args": {"llm_configs": [config]},
            }
        ],
    }
