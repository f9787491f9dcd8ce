"""Controllers that model servers need: KEDA, and LeaderWorkerSet's."""

import pulumi
from pulumi_kubernetes import helm

from plinth import naming, pods, versions


def autoscaler(name: str, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> helm.v3.Release:
    """KEDA's Helm release, restricted and with two operators."""
    resources = {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "1", "memory": "512Mi"},
    }
    return helm.v3.Release(
        name,
        name="keda",
        namespace=namespace,
        chart=versions.KEDA.name,
        version=versions.KEDA.version,
        skip_crds=True,
        repository_opts=helm.v3.RepositoryOptsArgs(repo=versions.KEDA.repository),
        atomic=True,
        cleanup_on_fail=True,
        max_history=3,
        timeout=600,
        values={
            "crds": {"install": False},
            "priorityClassName": naming.SYSTEM_PRIORITY,
            "tolerations": list(pods.SYSTEM_TOLERATIONS),
            "operator": {"replicaCount": 2},
            "metricsServer": {"replicaCount": 2},
            "podSecurityContext": {
                part: {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                }
                for part in ("operator", "metricServer", "webhooks")
            },
            "podDisruptionBudget": {part: {"maxUnavailable": 1} for part in ("operator", "metricServer", "webhooks")},
            "resources": dict.fromkeys(("operator", "metricServer", "webhooks"), resources),
        },
        opts=opts,
    )


def group_controller(name: str, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> helm.v3.Release:
    """The Helm release of LeaderWorkerSet's controller: it makes the pods of replicas on several nodes."""
    return helm.v3.Release(
        name,
        name="lws",
        namespace=namespace,
        chart=versions.LWS.name,
        version=versions.LWS.version,
        skip_crds=True,
        atomic=True,
        cleanup_on_fail=True,
        max_history=5,
        timeout=600,
        values={
            "replicaCount": 2,
            "tolerations": list(pods.SYSTEM_TOLERATIONS),
            "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
        },
        opts=opts,
    )
