"""Fields that cannot be changed in place.

Two tables, because two things happen: on a field of FORCE_NEW the Kubernetes provider of Pulumi plans a replacement
(pulumi/pulumi-kubernetes, `provider/pkg/provider/diff.go` at v4.34); a change of a field in REFUSED looks like an
update to it, and the API server then refuses (k8s.io/kubernetes, `pkg/apis/*/validation`).
"""

from collections.abc import Mapping
from typing import Any

from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.values import reveal

_POD = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes containers initContainers"
)
_VOLUME_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_STATEFUL = "podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates"
_CLAIM = "accessModes selector storageClassName volumeName"
_JOB = "completions parallelism selector template"
_RBAC = "rbac.authorization.k8s.io/v1"


def _of_spec(names: str) -> tuple[str, ...]:
    return tuple(f"spec.{name}" for name in names.split())


FORCE_NEW: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "DaemonSet"): ("spec.selector",),
    ("apps/v1", "Deployment"): ("spec.selector",),
    ("apps/v1", "StatefulSet"): _of_spec(_STATEFUL),
    ("batch/v1", "Job"): _of_spec(_JOB),
    (_RBAC, "ClusterRoleBinding"): ("roleRef",),
    (_RBAC, "RoleBinding"): ("roleRef",),
    ("storage.k8s.io/v1", "StorageClass"): ("parameters", "provisioner"),
    ("v1", "PersistentVolume"): _of_spec(_VOLUME_SOURCES),
    ("v1", "PersistentVolumeClaim"): _of_spec(_CLAIM),
    ("v1", "Pod"): _of_spec(_POD),
    ("v1", "ResourceQuota"): ("spec.scopes",),
    ("v1", "Secret"): ("type",),
    ("v1", "Service"): ("spec.clusterIP",),
}
"""(apiVersion, kind) -> property paths."""

REFUSED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("batch/v1", "Job"): ("spec.completionMode", "spec.podFailurePolicy", "spec.successPolicy"),
    ("karpenter.sh/v1", "NodePool"): (
        "spec.template.spec.nodeClassRef.group",
        "spec.template.spec.nodeClassRef.kind",
    ),
    ("networking.k8s.io/v1", "IngressClass"): ("spec.controller",),
    ("node.k8s.io/v1", "RuntimeClass"): ("handler",),
    ("resource.k8s.io/v1", "ResourceClaim"): ("spec",),
    ("resource.k8s.io/v1", "ResourceClaimTemplate"): ("spec",),
    ("scheduling.k8s.io/v1", "PriorityClass"): ("value", "preemptionPolicy"),
    ("storage.k8s.io/v1", "StorageClass"): ("reclaimPolicy", "volumeBindingMode"),
    ("v1", "PersistentVolumeClaim"): ("spec.volumeMode", "spec.dataSource", "spec.dataSourceRef"),
}
"""(apiVersion, kind) -> property paths."""

_IDENTITY = ("metadata.name", "metadata.namespace")


def forces_new(kind: Kind, inputs: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Property paths whose change replaces an object of this kind with these new inputs.

    Unless the provider's `enableConfigMapMutable` (`enableSecretMutable`) is set, or in an object with
    `immutable: true` anyway, new content replaces a ConfigMap (Secret), so that whatever refers to it rolls over.
    """
    if kind.patch:
        return _IDENTITY
    fixed = reveal(inputs.get("immutable")) is True
    if kind.is_("v1", "ConfigMap") and (fixed or config.get("enableConfigMapMutable") is not True):
        return (*_IDENTITY, "data", "binaryData")
    if kind.is_("v1", "Secret") and (fixed or config.get("enableSecretMutable") is not True):
        return (*_IDENTITY, "type", "data", "stringData")
    return (*_IDENTITY, *FORCE_NEW.get((kind.api_version, kind.name), ()))


def refused(kind: Kind) -> tuple[str, ...]:
    """Property paths whose change the API server refuses."""
    return REFUSED.get((kind.api_version, kind.name), ())
