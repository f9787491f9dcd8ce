"""What every workload in the cluster stands on."""

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment


class ClusterBase(Component):
    """Namespaces with Pod Security levels and default-deny, the default storage class, priority classes."""

    namespaces: dict[str, pulumi.Output[str]]
    """Name of each platform namespace (plinth.naming) as an Output that is known once it exists."""

    storage_class_name: pulumi.Output[str]
    """Encrypted gp3 storage class, the cluster's default."""

    priority_classes: dict[str, pulumi.Output[str]]
    """Priority classes by name: plinth-system, plinth-serving."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        vpc_cidr: str,
        cluster_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ClusterBase", name, {}, environment=environment, opts=opts)
