"""Values of the charts that queue and run jobs.

Sources: the values files of the charts kueue 0.19.2, kubeflow-trainer 2.2.1, jobset 0.11.0 and
kuberay-operator 1.6.2.
"""

import json
from typing import Any

from plinth import naming, pods, versions
from plinth.spec.batch import Batch, Framework
from plinth.spec.environment import Environment

FRAMEWORKS: dict[Framework, str] = {"train": "trainer.kubeflow.org/trainjob", "ray": "ray.io/rayjob"}
"""Kueue's name for what each operator runs."""

ALWAYS = ("batch/job", "pod")
"""What is queued besides, when it carries a queue's name: Jobs, and pods such as notebooks."""

FINISHED_FOR = "168h"
"""How long Kueue's record of a finished job is kept."""


def kueue_config(batch: Batch) -> dict[str, Any]:
    """Kueue's own configuration (`config.kueue.x-k8s.io/v1beta2`).

    Kueue leaves alone what is in no tenant's namespace, and what names no queue. A job that cannot have all of its
    pods in time, because models took the room or EC2 has none, goes back to its queue.
    """
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 300, "burst": 500},
        "manageJobsWithoutQueueName": False,
        "managedJobsNamespaceSelector": {"matchLabels": {naming.QUEUE_LABEL: "true"}},
        "waitForPodsReady": {
            "timeout": f"{batch.start_minutes}m",
            "recoveryTimeout": f"{batch.start_minutes}m",
            "blockAdmission": False,
            "requeuingStrategy": {"timestamp": "Eviction", "backoffBaseSeconds": 60, "backoffMaxSeconds": 3600},
        },
        "integrations": {"frameworks": [*ALWAYS, *(FRAMEWORKS[name] for name in batch.frameworks)]},
        "fairSharing": {"preemptionStrategies": ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]},
        "objectRetentionPolicies": {"workloads": {"afterFinished": FINISHED_FOR}},
    }


def kueue_values(batch: Batch, environment: Environment) -> dict[str, Any]:
    """Values of the Kueue chart."""
    replicas = 2 if environment.protects_data else 1
    return {
        "controllerManager": {
            "replicas": replicas,
            "podDisruptionBudget": {"enabled": replicas > 1, "minAvailable": 1},
            "tolerations": list(pods.SYSTEM_TOLERATIONS),
            "manager": {
                "priorityClassName": naming.SYSTEM_PRIORITY,
                "image": {
                    "repository": "registry.k8s.io/kueue/kueue",
                    "tag": f"v{versions.KUEUE.version}",
                    "pullPolicy": "IfNotPresent",
                },
                "resources": {
                    "requests": {"cpu": "200m", "memory": "512Mi"},
                    "limits": {"cpu": "2", "memory": "1Gi"},
                },
            },
        },
        "managerConfig": {"controllerManagerConfigYaml": json.dumps(kueue_config(batch), indent=2)},
    }


def trainer_values(environment: Environment) -> dict[str, Any]:
    """Values of the Kubeflow Trainer chart, which brings JobSet along. Runtimes are the teams' own."""
    replicas = 2 if environment.protects_data else 1
    return {
        "manager": {
            "replicas": replicas,
            "tolerations": list(pods.SYSTEM_TOLERATIONS),
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        },
        "jobset": {
            "install": True,
            "image": {
                "repository": "registry.k8s.io/jobset/jobset",
                "tag": f"v{versions.JOBSET}",
                "pullPolicy": "IfNotPresent",
            },
            "controller": {
                "replicas": replicas,
                "tolerations": list(pods.SYSTEM_TOLERATIONS),
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
            },
        },
    }


def ray_operator_values() -> dict[str, Any]:
    """Values of the KubeRay operator's chart; its pods meet the `restricted` level as they are."""
    return {
        "priorityClassName": naming.SYSTEM_PRIORITY,
        "tolerations": list(pods.SYSTEM_TOLERATIONS),
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    }
