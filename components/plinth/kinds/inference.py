"""Pools of model servers, as the Gateway API Inference Extension describes them.

Source: the extension's API reference, `inference.networking.k8s.io/v1`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class LabelSelector(Part):
    """Which pods belong to a pool."""

    match_labels: Mapping[str, str]


class Port(Part):
    """A TCP port."""

    number: int


class EndpointPicker(Part):
    """The Service that picks a server for each request."""

    name: str
    port: Port
    failure_mode: Literal["FailOpen", "FailClose"] = "FailClose"


class InferencePool(CustomKind):
    """Servers of one model that a router picks from."""

    API_VERSION: ClassVar[str] = versions.API["InferencePool"]
    KIND: ClassVar[str] = "InferencePool"

    selector: LabelSelector
    target_ports: Sequence[Port]
    endpoint_picker_ref: EndpointPicker
