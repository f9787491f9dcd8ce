"""Kinds of Kubernetes objects: type tokens, API versions, and which kinds live in a namespace."""

from dataclasses import dataclass
from functools import cache

from plinth_cli.rehearsal.kubernetes import crds

PACKAGE = "kubernetes"
RELEASE_TOKEN = "kubernetes:helm.sh/v3:Release"  # noqa: S105 -- a type token

COMPONENT_PREFIXES = ("kubernetes:yaml", "kubernetes:kustomize", "kubernetes:helm.sh/v4", "kubernetes:helm.sh/v2")

# Kubernetes API reference 1.36, resources whose `namespaced` is false. JSON schemas do not say it.
_CLUSTER_SCOPED = frozenset(
    {
        "v1/Namespace",
        "v1/Node",
        "v1/PersistentVolume",
        "admissionregistration.k8s.io/MutatingAdmissionPolicy",
        "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
        "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
        "apiextensions.k8s.io/CustomResourceDefinition",
        "apiregistration.k8s.io/APIService",
        "certificates.k8s.io/CertificateSigningRequest",
        "certificates.k8s.io/ClusterTrustBundle",
        "flowcontrol.apiserver.k8s.io/FlowSchema",
        "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
        "internal.apiserver.k8s.io/StorageVersion",
        "networking.k8s.io/IPAddress",
        "networking.k8s.io/IngressClass",
        "networking.k8s.io/ServiceCIDR",
        "node.k8s.io/RuntimeClass",
        "rbac.authorization.k8s.io/ClusterRole",
        "rbac.authorization.k8s.io/ClusterRoleBinding",
        "resource.k8s.io/DeviceClass",
        "resource.k8s.io/DeviceTaintRule",
        "resource.k8s.io/ResourceSlice",
        "scheduling.k8s.io/PriorityClass",
        "storage.k8s.io/CSIDriver",
        "storage.k8s.io/CSINode",
        "storage.k8s.io/StorageClass",
        "storage.k8s.io/VolumeAttachment",
        "storage.k8s.io/VolumeAttributesClass",
        "storagemigration.k8s.io/StorageVersionMigration",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of object, or a patch of an object of that kind."""

    api_version: str
    """As in a manifest: `apps/v1`, or `v1` for the core group."""
    name: str
    """As in a manifest: `Deployment`."""
    patch: bool = False
    """The Pulumi resource is `DeploymentPatch`: it sets some fields of an object that others may own."""

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def namespaced(self) -> bool:
        """Whether objects of this kind live in a namespace; an unknown custom kind is assumed to."""
        entry = crds.find(self.api_version, self.name)
        if entry is not None:
            return entry.scope == "Namespaced"
        return f"{self.group or self.api_version}/{self.name}" not in _CLUSTER_SCOPED

    def is_(self, api_version: str, *names: str) -> bool:
        """Whether this is one of the kinds of that API version."""
        return self.api_version == api_version and self.name in names

    def __str__(self) -> str:
        return f"{self.api_version} {self.name}"


@cache
def of_token(token: str) -> Kind | None:
    """The kind that a Pulumi type token names; None for what is no Kubernetes object (Helm, YAML components)."""
    parts = token.split(":")
    if len(parts) != 3 or parts[0] != PACKAGE or "/" not in parts[1]:
        return None
    if token == RELEASE_TOKEN or token.startswith(COMPONENT_PREFIXES):
        return None
    group, version = parts[1].rsplit("/", 1)
    api_version = version if group in ("", "core") else f"{group}/{version}"
    name = parts[2]
    patch = name.endswith("Patch") and name != "Patch"
    return Kind(api_version, name.removesuffix("Patch") if patch else name, patch)
