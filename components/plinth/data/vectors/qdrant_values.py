"""Values of the Qdrant chart. Pure.

Sources: the chart's values.yaml and templates, 1.19.0; Qdrant's config/config.yaml.
"""

from typing import Any

import pulumi

from plinth import versions
from plinth.data.vectors import cluster_plan as plan
from plinth.spec.vectors import QdrantStore

TLS_DIR = "/qdrant/tls"
API_KEY, READ_KEY = "api-key", "read-only-api-key"
"""Fields of the Kubernetes Secret with the keys."""


def chart_values(
    section: QdrantStore, store: str, *, keys: str, certificate: str, storage_class: pulumi.Input[str]
) -> dict[str, Any]:
    """Replicas apart from each other, TLS to clients and between them, keys from a Secret, nothing told to anybody.

    Args:
        section: the store.
        store: its name.
        keys: Kubernetes Secret with the API keys.
        certificate: Kubernetes Secret with the certificate.
        storage_class: encrypted disks.
    """
    memory = f"{section.memory_gib}Gi"
    return {
        "fullnameOverride": plan.release(store),
        "replicaCount": section.replicas,
        # The unprivileged image needs no container that changes owners as root.
        "image": {"tag": versions.QDRANT_APP, "useUnprivilegedImage": True},
        "podLabels": plan.pod_labels(),
        "podAnnotations": {"plinth.dev/certificate-generation": str(section.certificate_generation)},
        "env": [
            {"name": "QDRANT__SERVICE__API_KEY", "valueFrom": _from(keys, API_KEY)},
            {"name": "QDRANT__SERVICE__READ_ONLY_API_KEY", "valueFrom": _from(keys, READ_KEY)},
        ],
        "config": {
            "telemetry_disabled": True,
            "service": {"enable_tls": True},
            "cluster": {"enabled": True, "p2p": {"port": 6335, "enable_tls": True}},
            "tls": {
                "cert": f"{TLS_DIR}/tls.crt",
                "key": f"{TLS_DIR}/tls.key",
                "ca_cert": f"{TLS_DIR}/ca.crt",
                "cert_ttl": 3600,
            },
            # A collection that is made without saying how many copies gets as many as the store promises.
            "storage": {"collection": {"replication_factor": section.copies, "write_consistency_factor": 1}},
        },
        "additionalVolumes": [{"name": "tls", "secret": {"secretName": certificate}}],
        "additionalVolumeMounts": [{"name": "tls", "mountPath": TLS_DIR, "readOnly": True}],
        "persistence": {"size": f"{section.disk_gib}Gi", "storageClassName": storage_class},
        "snapshotPersistence": {
            "enabled": True,
            "size": f"{section.disk_gib}Gi",
            "storageClassName": storage_class,
        },
        "resources": {"requests": {"cpu": str(section.cpus), "memory": memory}, "limits": {"memory": memory}},
        "livenessProbe": {"enabled": True, "failureThreshold": 12},
        "startupProbe": {"enabled": True, "failureThreshold": 120},
        "podDisruptionBudget": {"enabled": section.replicas > 1, "maxUnavailable": 1},
        "topologySpreadConstraints": [_spread(store, "topology.kubernetes.io/zone"), _spread(store, HOST)],
        "podSecurityContext": {
            "fsGroup": 3000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containerSecurityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 2000,
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


HOST = "kubernetes.io/hostname"


def _spread(store: str, key: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": plan.selector(store)},
    }


def _from(secret: str, field: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": secret, "key": field}}
