"""GPU arithmetic: how much memory a model needs, and whether its GPUs have it. Pure."""

from dataclasses import dataclass

from plinth.catalogue import GpuInstance
from plinth.spec.models import KvCachePrecision, Precision, SelfHostedModel

GIB = 2**30

WEIGHT_BYTES: dict[Precision, float] = {"bf16": 2, "fp16": 2, "fp8": 1, "int8": 1, "int4": 0.5}
"""Bytes per weight."""

KV_BYTES: dict[KvCachePrecision, int] = {"auto": 2, "fp8": 1}
"""Bytes per element of the KV cache."""

USABLE_SHARE = 0.9
"""Share of GPU memory that vLLM takes (`--gpu-memory-utilization`)."""

OVERHEAD_GIB = 2.0
"""CUDA context, activations and CUDA graphs, per GPU."""


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
    gpus = tensor_parallel or model.parallelism.tensor
    shape = model.architecture
    weights = shape.parameters_billion * 1e9 * WEIGHT_BYTES[model.precision] / gpus
    # vLLM repeats KV heads when there are fewer of them than GPUs.
    heads = max(shape.kv_heads / gpus, 1)
    tokens = model.max_context_tokens * model.concurrent_requests
    kv_cache = 2 * shape.layers * heads * shape.head_dim * KV_BYTES[model.kv_cache_precision] * tokens
    return Memory(weights / GIB, kv_cache / GIB, OVERHEAD_GIB, (memory_gib or instance.gpu_memory_gib) * USABLE_SHARE)


def fitting_tensor_parallel(model: SelfHostedModel, instance: GpuInstance) -> int | None:
    """The smallest number of GPUs of one instance that holds a replica, or None when all of them do not."""
    sizes = (size for size in (1, 2, 4, 8, 16) if size <= instance.gpus)
    return next((size for size in sizes if memory_per_gpu(model, instance, size).fits), None)
