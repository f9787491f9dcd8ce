"""When a model gets more replicas, and when none. Pure.

Sources: KEDA's ScaledObject specification and Prometheus scaler; vLLM's metrics (engine V1).
"""

from plinth import naming
from plinth.kinds import keda
from plinth.serving.engine import ScaleTarget, Signals
from plinth.spec.models import SelfHostedModel
from plinth_runtime import names

KV_CACHE = "vllm:kv_cache_usage_perc"
"""vLLM's gauge of how full the KV cache is, from 0 to 1."""

WAITING_PER_REPLICA = 4
"""Queued requests a replica that are fine; more start another."""

KV_CACHE_PERCENT = 75
"""Use of the KV cache a replica, in percent, that is fine; above it requests begin to be preempted."""

NEVER_MORE = 1_000_000
"""Threshold of a trigger that keeps the first replica and asks for no second."""

COOLDOWN_SECONDS = 900


def selector(model: str) -> str:
    """The PromQL selector of one model's servers."""
    return f'{{{names.VLLM_MODEL_LABEL}="{model}",namespace="{naming.SERVING_NAMESPACE}"}}'


def vllm_signals(model: str) -> Signals:
    """What vLLM's metrics say of a model."""
    where = selector(model)
    return Signals(
        waiting=f"sum({names.VLLM_WAITING}{where})",
        running=f"sum({names.VLLM_RUNNING}{where})",
        kv_cache=f"100 * sum({KV_CACHE}{where})",
    )


def held(model: SelfHostedModel) -> str:
    """PromQL of the requests that wait at the gateway for a model without a replica."""
    return f'sum({names.HELD_REQUESTS}{{{names.BACKEND_LABEL}="{model.name}"}})'


def asked(model: SelfHostedModel) -> str:
    """PromQL of the requests that the gateway got answered by a model in the last two minutes."""
    return f'sum(increase({names.REQUESTS_TOTAL}{{{names.BACKEND_LABEL}="{model.name}"}}[2m]))'


def queries(model: SelfHostedModel, signals: Signals) -> dict[str, tuple[str, int]]:
    """PromQL and threshold of each signal.

    All are totals: KEDA divides an `AverageValue` by the number of replicas, and only such triggers may fall
    back when Prometheus does not answer. A model that may have no replica has no metrics of its own then, so that
    each part may be absent.
    """
    if model.scale_to_zero is None:
        found = {"waiting": (signals.waiting, WAITING_PER_REPLICA)}
        return found if signals.kv_cache is None else found | {"kv-cache": (signals.kv_cache, KV_CACHE_PERCENT)}
    found = {
        "waiting": (_total(held(model), signals.waiting), WAITING_PER_REPLICA),
        "in-use": (_total(asked(model), signals.running), NEVER_MORE),
    }
    return found if signals.kv_cache is None else found | {"kv-cache": (_total(signals.kv_cache), KV_CACHE_PERCENT)}


def _total(*parts: str) -> str:
    return " + ".join(f"({part} or vector(0))" for part in parts)


def is_scaled(model: SelfHostedModel) -> bool:
    """Whether the number of replicas follows load."""
    return model.replicas.max > model.replicas.min


def scaled_object(
    model: SelfHostedModel, target: ScaleTarget, signals: Signals, prometheus_url: str
) -> keda.ScaledObject:
    """The ScaledObject of a model.

    A new replica takes minutes to load its weights, so that scaling up is one at a time and scaling down slow.
    """
    idle = model.scale_to_zero
    return keda.ScaledObject(
        scale_target_ref=keda.Target(api_version=target.api_version, kind=target.kind, name=target.name),
        min_replica_count=model.replicas.min,
        max_replica_count=model.replicas.max,
        polling_interval=15,
        cooldown_period=idle.idle_minutes * 60 if idle else COOLDOWN_SECONDS,
        initial_cooldown_period=model.start_minutes * 60,
        fallback=keda.Fallback(
            failure_threshold=3, replicas=max(model.replicas.min, 1), behavior="currentReplicasIfHigher"
        ),
        advanced=keda.Advanced(horizontal_pod_autoscaler_config=keda.Autoscaler(behavior=_BEHAVIOR)),
        triggers=[
            keda.Trigger(
                name=name,
                metadata=keda.PrometheusQuery(
                    server_address=prometheus_url,
                    query=query,
                    threshold=str(threshold),
                    activation_threshold="0" if idle else None,
                ),
            )
            for name, (query, threshold) in queries(model, signals).items()
        ],
    )


_BEHAVIOR = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
    },
}
