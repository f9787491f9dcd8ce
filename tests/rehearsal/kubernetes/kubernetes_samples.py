"""Valid objects that the tests of the Kubernetes stand-in break in one place each."""

from copy import deepcopy
from typing import Any

Object = dict[str, Any]

DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "gateway", "namespace": "plinth-system", "labels": {"app.kubernetes.io/name": "gateway"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "gateway"}},
        "template": {
            "metadata": {"labels": {"app": "gateway"}},
            "spec": {
                "containers": [
                    {
                        "name": "gateway",
                        "image": "registry.acme.example/plinth-runtime@sha256:" + "0" * 64,
                        "env": [
                            {"name": "PLINTH_LOG", "value": "json"},
                            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        ],
                        "ports": [
                            {"name": "http", "containerPort": 8080},
                            {"name": "metrics", "containerPort": 9090},
                        ],
                        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "256Mi"},
                            "limits": {"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": 1},
                        },
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/plinth"}],
                    }
                ],
                "volumes": [{"name": "config", "configMap": {"name": "gateway-config"}}],
            },
        },
    },
}

SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "gateway"},
    "spec": {
        "selector": {"app": "gateway"},
        "ports": [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "metrics", "port": 9090, "targetPort": 9090},
        ],
    },
}

CONFIG_MAP: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "gateway-config", "namespace": "plinth-system"},
    "data": {"runtime.json": "{}"},
}

NETWORK_POLICY: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]}}],
                "ports": [{"port": 443, "protocol": "TCP"}],
            },
            {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]},
        ],
    },
}

CRON_JOB: Object = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "report"},
    "spec": {
        "schedule": "0 3 * * *",
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {"restartPolicy": "OnFailure", "containers": [{"name": "report", "image": "acme/report:1"}]}
                }
            }
        },
    },
}

NODE_POOL: Object = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "gpu"},
    "spec": {
        "weight": 10,
        "limits": {"nvidia.com/gpu": 8},
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "15m", "budgets": [{"nodes": "10%"}]},
        "template": {
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                "requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}],
                "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
                "expireAfter": "720h",
            }
        },
    },
}

NODE_CLASS: Object = {
    "apiVersion": "karpenter.k8s.aws/v1",
    "kind": "EC2NodeClass",
    "metadata": {"name": "gpu"},
    "spec": {
        "role": "plinth-node",
        "amiSelectorTerms": [{"alias": "bottlerocket@v1.50.0"}],
        "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "plinth"}}],
        "securityGroupSelectorTerms": [{"tags": {"karpenter.sh/discovery": "plinth"}}],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "200Gi", "encrypted": True}}],
        "instanceStorePolicy": "RAID0",
    },
}

EXTERNAL_SECRET: Object = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "gateway-keys", "namespace": "plinth-system"},
    "spec": {
        "refreshInterval": "1m",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
        "target": {"name": "gateway-keys", "creationPolicy": "Owner"},
        "data": [{"secretKey": "keys.json", "remoteRef": {"key": "plinth/dev/gateway/keys"}}],
    },
}

SECRET_STORE: Object = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ClusterSecretStore",
    "metadata": {"name": "aws"},
    "spec": {"provider": {"aws": {"service": "SecretsManager", "region": "eu-central-1"}}},
}

SERVICE_MONITOR: Object = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "gateway"},
    "spec": {"selector": {"matchLabels": {"app": "gateway"}}, "endpoints": [{"port": "metrics", "interval": "30s"}]},
}

PROMETHEUS_RULE: Object = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "gateway"},
    "spec": {
        "groups": [
            {
                "name": "gateway",
                "rules": [{"alert": "Down", "expr": "up == 0", "for": "5m", "labels": {"severity": "page"}}],
            }
        ]
    },
}

SCALED_OBJECT: Object = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "model"},
    "spec": {
        "scaleTargetRef": {"name": "model"},
        "minReplicaCount": 1,
        "maxReplicaCount": 4,
        "triggers": [
            {"type": "prometheus", "metadata": {"serverAddress": "http://prometheus", "query": "up", "threshold": "4"}}
        ],
    },
}

VALID: list[Object] = [
    DEPLOYMENT,
    SERVICE,
    CONFIG_MAP,
    NETWORK_POLICY,
    CRON_JOB,
    NODE_POOL,
    NODE_CLASS,
    EXTERNAL_SECRET,
    SECRET_STORE,
    SERVICE_MONITOR,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant-search"}},
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "gateway"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "gateway"}}},
    },
    {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota"},
        "spec": {"hard": {"requests.nvidia.com/gpu": "4", "requests.memory": "64Gi", "pods": 10}},
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "system:plinth:view"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "acme:search", "apiGroup": "rbac.authorization.k8s.io"}],
    },
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "gp3"},
        "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3"},
        "volumeBindingMode": "WaitForFirstConsumer",
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "gateway"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    },
]


def changed(obj: Object, *path: str | int, to: Any = None, drop: bool = False) -> Object:
    """A copy of the object with one value replaced, added or dropped."""
    copy = deepcopy(obj)
    inside: Any = copy
    for key in path[:-1]:
        inside = inside[key]
    if drop:
        del inside[path[-1]]
    else:
        inside[path[-1]] = to
    return copy
