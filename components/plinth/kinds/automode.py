"""The node class of EKS Auto Mode.

Source: Amazon EKS User Guide, "Create a Node Class for Amazon EKS".
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from plinth import versions
from plinth.kinds.base import CustomKind, Part, Text
from plinth.kinds.karpenter import IdTerm, ReservationTerm


class EphemeralStorage(Part):
    """The data volume of a node."""

    size: str
    kms_key_id: Text = Field(alias="kmsKeyID")


class NodeClass(CustomKind):
    """Network, disk and role of nodes that Amazon runs."""

    API_VERSION: ClassVar[str] = versions.API["NodeClass"]
    KIND: ClassVar[str] = "NodeClass"
    NAMESPACED: ClassVar[bool] = False

    role: Text
    subnet_selector_terms: Sequence[IdTerm]
    security_group_selector_terms: Sequence[IdTerm]
    pod_subnet_selector_terms: Sequence[IdTerm] | None = None
    pod_security_group_selector_terms: Sequence[IdTerm] | None = None
    capacity_reservation_selector_terms: Sequence[ReservationTerm] | None = None
    ephemeral_storage: EphemeralStorage
    tags: Mapping[str, str]
