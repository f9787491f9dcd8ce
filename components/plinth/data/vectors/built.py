"""What vector stores stand on, and what each gives once it is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from plinth.network.vpc import Network
from plinth.security.secrets import SecretsBridge
from plinth_runtime.vectors.config import VectorEndpoint


@dataclass(frozen=True)
class VectorPlatform:
    """What every vector store stands on."""

    network: Network
    cluster_name: pulumi.Input[str]
    namespace: pulumi.Input[str]
    """Namespace of stores on the cluster, and of the Job."""
    client_security_group_id: pulumi.Input[str]
    """Security group of the cluster's pods."""
    bridge: SecretsBridge
    data_key_arn: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    storage_class: pulumi.Input[str]
    """Encrypted disks."""
    runtime_image: str
    """Image of plinth-runtime, by digest."""


@dataclass(frozen=True)
class BuiltStore:
    """A store that exists."""

    name: str
    """Name of the store in the spec."""
    endpoint: pulumi.Output[VectorEndpoint]
    """How pods of the platform reach it."""
    ready: Sequence[pulumi.Resource] = ()
    """What must exist before the store can be called."""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Folder of a pod -> Kubernetes Secret that it has to mount there."""
