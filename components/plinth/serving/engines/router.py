"""llm-d's router: what it is told. Pure.

The router (an "endpoint picker") knows how busy every server of a model is and which prompts it has seen, and picks
the one that has most of a request's prefix in its KV cache and the shortest queue.

Sources: llm-d router documentation, `EndpointPickerConfig` and command line, v0.9 and v0.10; KServe v0.20 pins v0.9.
"""

from typing import Any

from plinth.serving.engines import envoy

METRICS_PORT = 9090
"""Port of the router's own metrics."""

HEALTH_PORT = 9003
"""Port of its gRPC health service."""

PREFIX_WEIGHT, QUEUE_WEIGHT, CACHE_WEIGHT, FRESH_WEIGHT = 3, 2, 2, 2
"""How much counts: a known prefix, a short queue, free KV cache, and for a new prefix a server not used lately."""


def picker_config(*, prefix_caching: bool) -> dict[str, Any]:
    """The router's `EndpointPickerConfig`.

    Where servers do not keep prefixes, only queues and free memory count.
    """
    weights = {"queue-scorer": QUEUE_WEIGHT, "kv-cache-utilization-scorer": CACHE_WEIGHT}
    if prefix_caching:
        weights |= {"prefix-cache-scorer": PREFIX_WEIGHT, "no-hit-lru-scorer": FRESH_WEIGHT}
    return {
        "apiVersion": "llm-d.ai/v1alpha1",
        "kind": "EndpointPickerConfig",
        "plugins": [{"type": name} for name in ("single-profile-handler", *weights, "max-score-picker")],
        "schedulingProfiles": [
            {
                "name": "default",
                "plugins": [
                    *({"pluginRef": name, "weight": weight} for name, weight in weights.items()),
                    {"pluginRef": "max-score-picker"},
                ],
            }
        ],
    }


def arguments(pool: str, namespace: str, config_file: str) -> list[str]:
    """Options of the router's process.

    Only its proxy, on the same loopback, talks to it, so it needs no TLS; its metrics are behind the pod's wall.
    """
    return [
        f"--pool-name={pool}",
        f"--pool-namespace={namespace}",
        "--pool-group=inference.networking.k8s.io",
        f"--config-file={config_file}",
        f"--grpc-port={envoy.PICKER_PORT}",
        f"--grpc-health-port={HEALTH_PORT}",
        f"--metrics-port={METRICS_PORT}",
        "--metrics-endpoint-auth=false",
        "--secure-serving=false",
        "--tracing=false",
        "--zap-encoder=json",
    ]
