"""GPU arithmetic: how much memory a model needs, and whether its GPUs have it. Pure."""

import math
from dataclasses import dataclass

from plinth.catalogue import GpuInstance
from plinth.spec.models import KvCachePrecision, SelfHostedModel
from plinth.spec.weights import Architecture, Precision

GIB = 2**30

WEIGHT_BYTES: dict[Precision, float] = {"bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "int4": 0.5}
"""Bytes per weight."""

KV_BYTES: dict[KvCachePrecision, int] = {"auto": 2, "fp8": 1}
"""Bytes per element of the KV cache."""

USABLE_SHARE = 0.9
"""Share of GPU memory that vLLM takes (`--gpu-memory-utilization`)."""

OVERHEAD_GIB = 2.0
"""CUDA context, activations and CUDA graphs, per GPU."""


ADAPTERS_AT_ONCE = 8
"""Most LoRA adapters that one batch uses; room for so many is kept on the GPUs."""

RANKS_PER_MODEL = 3000
"""A LoRA adapter on all linear layers has about its rank divided by this of the model's weights, in 16 bits."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one GPU of a replica must hold, and what it has, in GiB."""

    weights: float
    kv_cache: float
    overhead: float
    usable: float

    @property
    def needed(self) -> float:
        """Everything together."""
        return self.weights + self.kv_cache + self.overhead

    @property
    def fits(self) -> bool:
        """Whether it fits."""
        return self.needed <= self.usable


def memory_per_gpu(
    model: SelfHostedModel, instance: GpuInstance, tensor_parallel: int | None = None, memory_gib: float | None = None
) -> Memory:
    """Memory that each of a replica's GPUs needs, with `concurrent_requests` requests of full length.

    `memory_gib` is what a pod may use of a GPU; all of it unless the pool shares its GPUs.
    """
    tensor, pipeline = tensor_parallel or model.parallelism.tensor, model.parallelism.pipeline
    weights = _weight_bytes(model.architecture, model.precision) / (tensor * pipeline)
    weights += _adapter_bytes(model) / (tensor * pipeline)
    tokens = model.max_context_tokens * math.ceil(model.concurrent_requests / model.parallelism.data)
    cell = KV_BYTES[model.kv_cache_precision]
    kv_cache = _kv_bytes(model.architecture, tensor, pipeline, cell) * tokens
    if model.draft:
        weights += _weight_bytes(model.draft.architecture, model.draft.precision) / tensor
        kv_cache += _kv_bytes(model.draft.architecture, tensor, 1, cell) * tokens
    return Memory(weights / GIB, kv_cache / GIB, OVERHEAD_GIB, (memory_gib or instance.gpu_memory_gib) * USABLE_SHARE)


def _weight_bytes(shape: Architecture, precision: Precision) -> float:
    return shape.parameters_billion * 1e9 * WEIGHT_BYTES[precision]


def _kv_bytes(shape: Architecture, tensor: int, pipeline: int, cell: int) -> float:
    """Bytes per token on one GPU."""
    # vLLM repeats KV heads when there are fewer of them than GPUs.
    heads = max(shape.kv_heads / tensor, 1)
    return 2 * math.ceil(shape.layers / pipeline) * heads * shape.head_dim * cell


def adapters_at_once(model: SelfHostedModel) -> int:
    """LoRA adapters that one batch may use."""
    return min(len(model.adapters), ADAPTERS_AT_ONCE)


def _adapter_bytes(model: SelfHostedModel) -> float:
    rank = max((adapter.rank for adapter in model.adapters), default=0)
    return adapters_at_once(model) * model.architecture.parameters_billion * 1e9 * 2 * rank / RANKS_PER_MODEL


def fitting_tensor_parallel(model: SelfHostedModel, instance: GpuInstance) -> int | None:
    """The smallest number of GPUs of one instance that holds a replica, or None when all of them do not."""
    sizes = (size for size in (1, 2, 4, 8, 16) if size <= instance.gpus)
    return next((size for size in sizes if memory_per_gpu(model, instance, size).fits), None)
