"""When a model gets more replicas. Pure.

Sources: KEDA's ScaledObject specification and Prometheus scaler; vLLM's metrics (engine V1).
"""

from typing import Any

from plinth import naming
from plinth.serving.engine import ScaleTarget, Signals
from plinth.spec.models import SelfHostedModel
from plinth_runtime import names

KV_CACHE = "vllm:kv_cache_usage_perc"
"""vLLM's gauge of how full the KV cache is, from 0 to 1."""

WAITING_PER_REPLICA = 4
"""Queued requests a replica that are fine; more start another."""

KV_CACHE_PERCENT = 75
"""Use of the KV cache a replica, in percent, that is fine; above it requests begin to be preempted."""


def selector(model: str) -> str:
    """The PromQL selector of one model's servers."""
    return f'{{{names.VLLM_MODEL_LABEL}="{model}",namespace="{naming.SERVING_NAMESPACE}"}}'


def vllm_signals(model: str) -> Signals:
    """What vLLM's metrics say of a model."""
    where = selector(model)
    return Signals(waiting=f"sum({names.VLLM_WAITING}{where})", kv_cache=f"100 * sum({KV_CACHE}{where})")


def queries(signals: Signals) -> dict[str, tuple[str, int]]:
    """PromQL and threshold of each signal.

    All are totals: KEDA divides an `AverageValue` by the number of replicas, and only such triggers may fall
    back when Prometheus does not answer.
    """
    found = {"waiting": (signals.waiting, WAITING_PER_REPLICA)}
    if signals.kv_cache:
        found["kv-cache"] = (signals.kv_cache, KV_CACHE_PERCENT)
    return found


def is_scaled(model: SelfHostedModel) -> bool:
    """Whether the number of replicas follows load."""
    return model.replicas.max > model.replicas.min


def scaled_object(model: SelfHostedModel, target: ScaleTarget, signals: Signals, prometheus_url: str) -> dict[str, Any]:
    """Spec of the ScaledObject.

    A new replica takes minutes to load its weights, so that scaling up is one at a time and scaling down slow.
    """
    return {
        "scaleTargetRef": {"apiVersion": target.api_version, "kind": target.kind, "name": target.name},
        "minReplicaCount": model.replicas.min,
        "maxReplicaCount": model.replicas.max,
        "pollingInterval": 15,
        "cooldownPeriod": 900,
        "initialCooldownPeriod": model.start_minutes * 60,
        "fallback": {
            "failureThreshold": 3,
            "replicas": model.replicas.min,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            "horizontalPodAutoscalerConfig": {
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": 600,
                        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
                    },
                }
            }
        },
        "triggers": [
            {
                "type": "prometheus",
                "name": name,
                "metricType": "AverageValue",
                "metadata": {"serverAddress": prometheus_url, "query": query, "threshold": str(threshold)},
            }
            for name, (query, threshold) in queries(signals).items()
        ],
    }
