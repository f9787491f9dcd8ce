"""What every workload in the cluster stands on."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from plinth import naming
from plinth.base import Component
from plinth.cluster import walls
from plinth.cluster.flows import Flow
from plinth.spec.environment import Environment

STORAGE_CLASS = "gp3-encrypted"

PRIORITIES: dict[str, tuple[int, str]] = {
    naming.SYSTEM_PRIORITY: (1_000_000, "The platform's own pods: they make room for themselves."),
    naming.SERVING_PRIORITY: (100_000, "Model servers: they go before tenants' own workloads."),
}
"""Value and meaning of each priority class. Kubernetes keeps values above a billion for itself."""


class ClusterBase(Component):
    """Namespaces with Pod Security levels and closed network, the default storage class, priority classes."""

    namespaces: dict[str, pulumi.Output[str]]
    """Name of each platform namespace (plinth.naming), known once it, its walls and the priority classes exist."""

    storage_class_name: pulumi.Output[str]
    """Encrypted gp3 storage class, the cluster's default."""

    priority_classes: dict[str, pulumi.Output[str]]
    """Priority classes by name: plinth-system, plinth-serving."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        flows: Sequence[Flow],
        cluster_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        section = {"podSecurity": {space.name: space.security for space in walls.NAMESPACES}}
        super().__init__("ClusterBase", name, section, environment=environment, opts=opts)

        self._prefix = name
        self.priority_classes = {
            label: k8s.scheduling.v1.PriorityClass(
                f"{name}-priority-{label}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=label),
                value=value,
                description=meaning,
                opts=self.options(k8s.scheduling.v1.PriorityClass),
            ).metadata.name
            for label, (value, meaning) in PRIORITIES.items()
        }
        self.namespaces = {space.name: self._namespace(space, flows) for space in walls.NAMESPACES}
        self.storage_class_name = self._storage_class(cluster_key_arn)
        self.register_outputs(
            {
                "namespaces": self.namespaces,
                "storage_class_name": self.storage_class_name,
                "priority_classes": self.priority_classes,
            }
        )

    def _namespace(self, space: walls.Namespace, flows: Sequence[Flow]) -> pulumi.Output[str]:
        """A namespace; its name is handed out once its walls stand and its pods may have their priority."""
        namespace = k8s.core.v1.Namespace(
            f"{self._prefix}-{space.name}",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=space.name, labels=walls.security_labels(space.security)),
            opts=self.options(k8s.core.v1.Namespace),
        )
        walled = [
            k8s.networking.v1.NetworkPolicy(
                f"{self._prefix}-{space.name}-{label}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=label, namespace=namespace.metadata.name),
                spec=spec,
                opts=self.options(k8s.networking.v1.NetworkPolicy),
            ).metadata.namespace
            for label, spec in walls.policies(space.name, flows).items()
        ]
        before = [*walled, *self.priority_classes.values()]
        return pulumi.Output.all(namespace.metadata.name, *before).apply(lambda names: str(names[0]))

    def _storage_class(self, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        storage = k8s.storage.v1.StorageClass(
            f"{self._prefix}-storage-class",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=STORAGE_CLASS, annotations={"storageclass.kubernetes.io/is-default-class": "true"}
            ),
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": key_arn},
            # The volume is made in the zone where its pod landed, not before.
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            opts=self.options(k8s.storage.v1.StorageClass),
        )
        return storage.metadata.name
