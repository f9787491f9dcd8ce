"""KServe's services for large language models.

Source: KServe's API types, `serving.kserve.io/v1alpha2`, v0.20. Two things that are easy to get wrong:
`kvCacheOffloading` is a field of the spec itself, not of a `workload`; and every service is merged over a preset
named `PRESET`, which KServe looks for in the service's own namespace first.
"""

from collections.abc import Mapping
from typing import ClassVar

from pulumi_kubernetes import core

from plinth import versions
from plinth.kinds.base import CustomKind, Part, Text

PRESET = "kserve-config-llm-template"
"""Name of the LLMInferenceServiceConfig that KServe merges under every service of one pod a replica."""


class ModelSource(Part):
    """Which model, and where its weights are."""

    uri: Text
    name: str


class StorageInitializer(Part):
    """Whether KServe downloads the weights before the server starts."""

    enabled: bool


class Parallelism(Part):
    """How one replica is divided among GPUs."""

    tensor: int


class KvCacheOffloading(Part):
    """KV cache that moves to the host's memory when the GPU is full."""

    cpu: str


class LLMInferenceService(CustomKind):
    """One model, served by pods that KServe makes.

    Without `replicas` KServe leaves the Deployment's number of replicas alone, so that an autoscaler may set it.
    """

    API_VERSION: ClassVar[str] = versions.API["LLMInferenceService"]
    KIND: ClassVar[str] = "LLMInferenceService"

    model: ModelSource
    replicas: int | None = None
    parallelism: Parallelism | None = None
    labels: Mapping[str, str] | None = None
    template: core.v1.PodSpecArgs


class LLMInferenceServiceConfig(CustomKind):
    """A preset that services of its namespace are merged over."""

    API_VERSION: ClassVar[str] = versions.API["LLMInferenceServiceConfig"]
    KIND: ClassVar[str] = "LLMInferenceServiceConfig"

    storage_initializer: StorageInitializer
