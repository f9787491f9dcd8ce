"""Values of the kube-prometheus-stack chart. Pure.

Source: the chart's values.yaml. Nothing secret is in here: Grafana's password is a Secret that External Secrets
keeps, and Alertmanager signs in to AWS as its own workload identity.
"""

from typing import Any

import pulumi

from plinth import addresses, naming, pods
from plinth.spec.environment import Environment
from plinth.spec.monitoring import Monitoring

ALERTMANAGER_ACCOUNT = "alertmanager"
"""Service account of Alertmanager."""

GRAFANA_SECRET = "grafana-admin"  # noqa: S105 - the name of a Secret
USER_FIELD, PASSWORD_FIELD = "admin-user", "admin-password"

DASHBOARD_LABEL = "grafana_dashboard"
"""Label of ConfigMaps that Grafana's sidecar loads."""

_RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


def chart_values(
    section: Monitoring,
    environment: Environment,
    *,
    nodes_namespace: pulumi.Input[str],
    storage_class: pulumi.Input[str],
    topic_arn: pulumi.Input[str],
) -> dict[str, Any]:
    """All values of the release."""
    return {
        "fullnameOverride": addresses.MONITORING,
        "cleanPrometheusOperatorObjectNames": True,
        "prometheus": _prometheus(section, environment, storage_class),
        "alertmanager": _alertmanager(environment, storage_class, topic_arn),
        "grafana": _grafana(),
        "prometheusOperator": {
            "resources": _resources("100m", "256Mi"),
            "priorityClassName": naming.SYSTEM_PRIORITY,
        },
        "kube-state-metrics": {
            "resources": _resources("50m", "256Mi"),
            "securityContext": _RESTRICTED_POD | {"runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 65534},
            "containerSecurityContext": _RESTRICTED,
        },
        # On every node, whatever its taints; it reads the node's /proc and /sys, so it has a namespace for that.
        "prometheus-node-exporter": {
            "namespaceOverride": nodes_namespace,
            "tolerations": [{"operator": "Exists"}],
            "resources": _resources("20m", "64Mi"),
        },
        # Amazon runs these where nobody can scrape them.
        "kubeControllerManager": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        "kubeProxy": {"enabled": False},
    }


def _prometheus(section: Monitoring, environment: Environment, storage_class: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "prometheusSpec": {
            "replicas": 2 if environment.stage == "production" else 1,
            "retention": f"{section.retention_days}d",
            # Leaves room for the write-ahead log and for compaction.
            "retentionSize": f"{max(section.storage_gib * 8 // 10, 1)}GiB",
            "scrapeInterval": f"{section.scrape_seconds}s",
            "evaluationInterval": f"{section.scrape_seconds}s",
            "externalLabels": {"environment": environment.name},
            "priorityClassName": naming.SYSTEM_PRIORITY,
            "resources": _resources("500m", "4Gi" if section.storage_gib >= 100 else "2Gi"),
            "containers": [{"name": "prometheus", "securityContext": _RESTRICTED}],
            "securityContext": {**_RESTRICTED_POD, "runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 2000},
            "storageSpec": _claim(storage_class, section.storage_gib),
            # Take every monitor and rule of the cluster, not only those of this release.
            **{
                f"{kind}SelectorNilUsesHelmValues": False
                for kind in ("podMonitor", "serviceMonitor", "rule", "probe", "scrapeConfig")
            },
        }
    }


def _alertmanager(
    environment: Environment, storage_class: pulumi.Input[str], topic_arn: pulumi.Input[str]
) -> dict[str, Any]:
    return {
        "serviceAccount": {"create": True, "name": ALERTMANAGER_ACCOUNT},
        "config": {
            "route": {
                "receiver": "on-call",
                "group_by": ["alertname", "namespace"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "4h",
                "routes": [{"receiver": "nobody", "matchers": ['alertname =~ "Watchdog|InfoInhibitor"']}],
            },
            "receivers": [
                {"name": "nobody"},
                {
                    "name": "on-call",
                    "sns_configs": [
                        {
                            "topic_arn": topic_arn,
                            "sigv4": {"region": environment.region},
                            "subject": f"[{environment.name}] {{{{ .CommonLabels.alertname }}}} {{{{ .Status }}}}",
                            "send_resolved": True,
                        }
                    ],
                },
            ],
        },
        "alertmanagerSpec": {
            "replicas": 2 if environment.stage == "production" else 1,
            "priorityClassName": naming.SYSTEM_PRIORITY,
            "resources": _resources("50m", "128Mi"),
            "containers": [{"name": "alertmanager", "securityContext": _RESTRICTED}],
            "securityContext": {**_RESTRICTED_POD, "runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 2000},
            "storage": _claim(storage_class, 5),
        },
    }


def _grafana() -> dict[str, Any]:
    return {
        "admin": {"existingSecret": GRAFANA_SECRET, "userKey": USER_FIELD, "passwordKey": PASSWORD_FIELD},
        "resources": _resources("100m", "512Mi"),
        "securityContext": {**_RESTRICTED_POD, "runAsUser": 472, "runAsGroup": 472, "fsGroup": 472},
        "containerSecurityContext": _RESTRICTED,
        # Where Grafana unpacks plugins, on a root file system that it cannot write.
        "extraEmptyDirMounts": [{"name": "tmp", "mountPath": pods.TEMPORARY}],
        "initChownData": {"enabled": False},
        "testFramework": {"enabled": False},
        "grafana.ini": {
            "analytics": {"reporting_enabled": False, "check_for_updates": False},
            "users": {"allow_sign_up": False},
        },
        "sidecar": {
            "securityContext": _RESTRICTED,
            "resources": _resources("20m", "128Mi"),
            # Of its own namespace only: tenants write ConfigMaps in theirs.
            "dashboards": {
                "enabled": True,
                "label": DASHBOARD_LABEL,
                "labelValue": "1",
                "searchNamespace": naming.MONITORING_NAMESPACE,
            },
            "datasources": {"uid": "prometheus"},
        },
    }


def _resources(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def _claim(storage_class: pulumi.Input[str], gib: int) -> dict[str, Any]:
    return {
        "volumeClaimTemplate": {
            "spec": {
                "storageClassName": storage_class,
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": f"{gib}Gi"}},
            }
        }
    }
