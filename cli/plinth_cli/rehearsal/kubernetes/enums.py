"""Fields with a closed set of values, which the OpenAPI document of Kubernetes types as plain strings.

Source: the Go constants in k8s.io/api (`core/v1`, `apps/v1`, `batch/v1`, ...) at 1.36, one row per type and field.
"""

from collections.abc import Mapping
from typing import Any

_CORE = "io.k8s.api.core.v1."
_APPS = "io.k8s.api.apps.v1."
_BATCH = "io.k8s.api.batch.v1."
_NETWORK = "io.k8s.api.networking.v1."

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_SCHEMES = ("HTTP", "HTTPS")
_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_TRAFFIC = ("Cluster", "Local")

ENUMS: Mapping[tuple[str, str], tuple[str, ...]] = {
    (_CORE + "Container", "imagePullPolicy"): ("Always", "IfNotPresent", "Never"),
    (_CORE + "Container", "terminationMessagePolicy"): ("File", "FallbackToLogsOnError"),
    (_CORE + "ContainerPort", "protocol"): _PROTOCOLS,
    (_CORE + "EmptyDirVolumeSource", "medium"): ("", "Memory", "HugePages", "HugePages-1Gi", "HugePages-2Mi"),
    (_CORE + "HTTPGetAction", "scheme"): _SCHEMES,
    (_CORE + "NodeSelectorRequirement", "operator"): ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
    (_CORE + "PersistentVolumeClaimSpec", "accessModes"): _ACCESS_MODES,
    (_CORE + "PersistentVolumeClaimSpec", "volumeMode"): ("Filesystem", "Block"),
    (_CORE + "PersistentVolumeSpec", "accessModes"): _ACCESS_MODES,
    (_CORE + "PersistentVolumeSpec", "persistentVolumeReclaimPolicy"): ("Retain", "Delete", "Recycle"),
    (_CORE + "PodSpec", "dnsPolicy"): ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    (_CORE + "PodSpec", "preemptionPolicy"): ("PreemptLowerPriority", "Never"),
    (_CORE + "PodSpec", "restartPolicy"): ("Always", "OnFailure", "Never"),
    (_CORE + "SeccompProfile", "type"): ("RuntimeDefault", "Localhost", "Unconfined"),
    (_CORE + "ServicePort", "protocol"): _PROTOCOLS,
    (_CORE + "ServiceSpec", "externalTrafficPolicy"): _TRAFFIC,
    (_CORE + "ServiceSpec", "internalTrafficPolicy"): _TRAFFIC,
    (_CORE + "ServiceSpec", "ipFamilyPolicy"): ("SingleStack", "PreferDualStack", "RequireDualStack"),
    (_CORE + "ServiceSpec", "sessionAffinity"): ("None", "ClientIP"),
    (_CORE + "ServiceSpec", "type"): ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    (_CORE + "Taint", "effect"): ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    (_CORE + "Toleration", "effect"): ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    (_CORE + "Toleration", "operator"): ("Exists", "Equal", "Lt", "Gt"),
    (_CORE + "TopologySpreadConstraint", "whenUnsatisfiable"): ("DoNotSchedule", "ScheduleAnyway"),
    (_CORE + "VolumeMount", "mountPropagation"): ("None", "HostToContainer", "Bidirectional"),
    (_APPS + "DaemonSetUpdateStrategy", "type"): ("RollingUpdate", "OnDelete"),
    (_APPS + "DeploymentStrategy", "type"): ("RollingUpdate", "Recreate"),
    (_APPS + "StatefulSetSpec", "podManagementPolicy"): ("OrderedReady", "Parallel"),
    (_APPS + "StatefulSetUpdateStrategy", "type"): ("RollingUpdate", "OnDelete"),
    (_BATCH + "CronJobSpec", "concurrencyPolicy"): ("Allow", "Forbid", "Replace"),
    (_BATCH + "JobSpec", "completionMode"): ("NonIndexed", "Indexed"),
    (_NETWORK + "HTTPIngressPath", "pathType"): ("Exact", "Prefix", "ImplementationSpecific"),
    (_NETWORK + "NetworkPolicyPort", "protocol"): _PROTOCOLS,
    (_NETWORK + "NetworkPolicySpec", "policyTypes"): ("Ingress", "Egress"),
    ("io.k8s.api.policy.v1.PodDisruptionBudgetSpec", "unhealthyPodEvictionPolicy"): (
        "IfHealthyBudget",
        "AlwaysAllow",
    ),
    ("io.k8s.api.rbac.v1.Subject", "kind"): ("User", "Group", "ServiceAccount"),
    ("io.k8s.api.storage.v1.StorageClass", "reclaimPolicy"): ("Delete", "Retain"),
    ("io.k8s.api.storage.v1.StorageClass", "volumeBindingMode"): ("Immediate", "WaitForFirstConsumer"),
}
"""(definition, field) -> its values; for a list, those of its items."""


def add_enums(definitions: Mapping[str, Any]) -> None:
    """Writes the table into the definitions; a type that this Kubernetes version lacks is passed over."""
    for (definition, name), values in ENUMS.items():
        field = definitions.get(definition, {}).get("properties", {}).get(name)
        if field is not None:
            field.get("items", field)["enum"] = list(values)
