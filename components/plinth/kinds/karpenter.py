"""Karpenter's node pools and node classes.

Source: Karpenter documentation, "NodePools", "NodeClasses" and "NodeOverlays", for v1.14.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from plinth import versions
from plinth.kinds.base import CustomKind, Part, Text


class Requirement(Part):
    """What a node's label must be."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"] = "In"
    values: Sequence[str] | None = None
    min_values: int | None = None


class OverlayRequirement(Part):
    """Which instances an overlay is about: an instance's label, without a least number of values."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"] = "In"
    values: Sequence[str] | None = None


class Taint(Part):
    """What keeps pods away from a node that do not tolerate it."""

    key: str
    value: str = "true"
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class NodeClassRef(Part):
    """Which node class a pool's nodes are of."""

    group: str
    kind: str
    name: str


class TemplateMetadata(Part):
    """Labels of the nodes."""

    labels: Mapping[str, str]


class TemplateSpec(Part):
    """What the nodes are."""

    node_class_ref: NodeClassRef
    taints: Sequence[Taint] | None = None
    startup_taints: Sequence[Taint] | None = None
    requirements: Sequence[Requirement]
    expire_after: str
    termination_grace_period: str | None = None


class NodeTemplate(Part):
    """What each node of a pool looks like."""

    metadata: TemplateMetadata
    spec: TemplateSpec


class Budget(Part):
    """How many nodes may go at once, and for which reasons."""

    nodes: str
    reasons: Sequence[Literal["Empty", "Drifted", "Underutilized"]] | None = None
    schedule: str | None = None
    duration: str | None = None


class Disruption(Part):
    """When nodes go."""

    consolidation_policy: Literal["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"]
    consolidate_after: str
    budgets: Sequence[Budget]


class NodePool(CustomKind):
    """Nodes that are started for pods, or, with `replicas`, a fixed number of them."""

    API_VERSION: ClassVar[str] = versions.API["NodePool"]
    KIND: ClassVar[str] = "NodePool"
    NAMESPACED: ClassVar[bool] = False

    template: NodeTemplate
    limits: Mapping[str, str]
    disruption: Disruption
    weight: int | None = None
    replicas: int | None = None


class NodeOverlay(CustomKind):
    """What Karpenter cannot know about instances by itself: resources that a device plugin will offer."""

    API_VERSION: ClassVar[str] = versions.API["NodeOverlay"]
    KIND: ClassVar[str] = "NodeOverlay"
    NAMESPACED: ClassVar[bool] = False

    requirements: Sequence[OverlayRequirement]
    capacity: Mapping[str, str] | None = None
    weight: int | None = None


class AmiTerm(Part):
    """Which machine image, by its pinned alias such as `bottlerocket@v1.52.0`."""

    alias: str


class IdTerm(Part):
    """A subnet or security group by its id."""

    id: Text


class ReservationTerm(Part):
    """A capacity reservation by its id, or those that carry tags."""

    id: Text | None = None
    tags: Mapping[str, str] | None = None


class Ebs(Part):
    """An EBS volume."""

    volume_size: str
    volume_type: Literal["gp3"] = "gp3"
    iops: int | None = None
    throughput: int | None = None
    encrypted: Literal[True] = True
    kms_key_id: Text = Field(alias="kmsKeyID")
    delete_on_termination: bool = True


class BlockDevice(Part):
    """A device that an EBS volume is attached as."""

    device_name: str
    ebs: Ebs


class MetadataOptions(Part):
    """Who reaches the instance metadata service: with a hop limit of 1, no pod does."""

    http_endpoint: Literal["enabled"] = "enabled"
    http_tokens: Literal["required"] = "required"
    http_put_response_hop_limit: Literal[1] = 1


class NetworkInterface(Part):
    """A network interface of the instance; `efa-only` ones carry no IP traffic."""

    network_card_index: int
    device_index: int
    interface_type: Literal["interface", "efa-only"]


class EC2NodeClass(CustomKind):
    """Image, disks, network and metadata of nodes."""

    API_VERSION: ClassVar[str] = versions.API["EC2NodeClass"]
    KIND: ClassVar[str] = "EC2NodeClass"
    NAMESPACED: ClassVar[bool] = False

    ami_selector_terms: Sequence[AmiTerm]
    role: Text
    subnet_selector_terms: Sequence[IdTerm]
    security_group_selector_terms: Sequence[IdTerm]
    capacity_reservation_selector_terms: Sequence[ReservationTerm] | None = None
    block_device_mappings: Sequence[BlockDevice]
    network_interfaces: Sequence[NetworkInterface] | None = None
    instance_store_policy: Literal["RAID0"] | None = None
    metadata_options: MetadataOptions = MetadataOptions()
    user_data: str | None = None
    tags: Mapping[str, str]
