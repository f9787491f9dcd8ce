"""GPU arithmetic: how much memory a model needs, and whether its GPUs have it. Pure.

docs/reference/gpu-maths.md explains every formula and compares them with published logs of vLLM.
"""

import math
from dataclasses import dataclass

from plinth.catalogue import GpuInstance
from plinth.spec.architecture import Architecture
from plinth.spec.kv_cache import kv_cache
from plinth.spec.models import SelfHostedModel
from plinth.spec.weights import Precision

GIB = 2**30

WEIGHT_BYTES: dict[Precision, float] = {
    "bf16": 2,
    "fp16": 2,
    "fp8": 1,
    "int8": 1,
    "int4": 0.5 + 2 / 128,
    "mxfp4": 0.5 + 1 / 32,
}
"""Bytes per quantized weight: with the scale of 16 bits for 128 weights (int4), or of 8 bits for 32 (mxfp4)."""

MXFP4_TILE = 256
"""The kernels for mxfp4 pad the width of the experts to a multiple of this."""

USABLE_SHARE = 0.9
"""Share of GPU memory that vLLM takes (`--gpu-memory-utilization`)."""

VISIBLE_SHARE = {"t4": 0.91}
"""Part of its memory that CUDA shows of a GPU, where it is not `USUALLY_VISIBLE`: error correction takes the rest."""

USUALLY_VISIBLE = 0.98
"""Part of a GPU's memory that CUDA shows; the driver keeps the rest (79.2 of an H100's 80 GiB)."""

CONTEXT_GIB, COLLECTIVES_GIB = 0.5, 2.25
"""CUDA context and kernels on a GPU that works alone, and with the buffers of NCCL where several share every layer."""

SAMPLER_BYTES = 14
"""Bytes per request and token of the vocabulary that choosing the next token takes, with sorted copies."""

EXPERTS_GIB, EXPERT_GRAPHS_GIB = 0.6, 1.1
"""What sorting tokens by expert takes at most, in activations and in CUDA graphs."""

GRAPHS_GIB, LAYER_GRAPHS_GIB = 0.35, 0.0175
"""CUDA graphs: for the model, and for each of its layers."""

ADAPTERS_AT_ONCE = 8
"""Most LoRA adapters that one batch uses; room for so many is kept on the GPUs."""

ADAPTER_SHAPE = 1.7
"""Inputs and outputs of a model's linear layers, times their width, over their weights: 1.4 to 1.6 in practice."""


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
    tensor = tensor_parallel or model.parallelism.tensor
    requests = math.ceil(model.concurrent_requests / model.parallelism.data)
    return Memory(
        weights=weights_per_gpu(model, tensor),
        kv_cache=requests * request_gib(model, tensor),
        overhead=overhead_per_gpu(model, tensor),
        usable=usable_gib(instance, memory_gib),
    )


def usable_gib(instance: GpuInstance, memory_gib: float | None = None) -> float:
    """What vLLM takes of a GPU, or of the part of one that a pod has."""
    visible = VISIBLE_SHARE.get(instance.gpu, USUALLY_VISIBLE)
    return (memory_gib or instance.gpu_memory_gib) * visible * USABLE_SHARE


def weights_gib(model: SelfHostedModel) -> float:
    """Size of all of a model's weights, in GiB."""
    shape = model.architecture
    return (_body_bytes(shape, model.precision) + 2 * shape.embedding_weights) / GIB


def weights_per_gpu(model: SelfHostedModel, tensor: int) -> float:
    """Weights on one GPU, those of adapters and of a draft model among them, in GiB."""
    total = _stage_bytes(model.architecture, model.precision, model.parallelism.pipeline) / tensor
    if model.draft:
        total += _stage_bytes(model.draft.architecture, model.draft.precision, 1) / tensor
    return (total + _adapter_bytes(model) / (tensor * model.parallelism.pipeline)) / GIB


def request_gib(model: SelfHostedModel, tensor: int) -> float:
    """KV cache of one request of full length on one GPU, that of a draft model included, in GiB."""
    context, batched, precision = model.max_context_tokens, model.max_batched_tokens, model.kv_cache_precision
    cache = kv_cache(model.architecture, precision, tensor, model.parallelism.pipeline)
    total = cache.request_bytes(context, batched)
    if model.draft:
        total += kv_cache(model.draft.architecture, precision, tensor).request_bytes(context, batched)
    return total / GIB


def overhead_per_gpu(model: SelfHostedModel, tensor: int) -> float:
    """CUDA context, activations and CUDA graphs on one GPU, in GiB."""
    shape = model.architecture
    layers = math.ceil(shape.layers / model.parallelism.pipeline)
    experts, expert_graphs = (EXPERTS_GIB, EXPERT_GRAPHS_GIB) if shape.mixture_of_experts else (0, 0)
    graphs = GRAPHS_GIB + LAYER_GRAPHS_GIB * layers + expert_graphs
    return (COLLECTIVES_GIB if tensor > 1 else CONTEXT_GIB) + activations_gib(model, tensor) + experts + graphs


def activations_gib(model: SelfHostedModel, tensor: int) -> float:
    """Largest intermediate values of a step, in GiB: of choosing tokens, or of a layer, whichever is more."""
    shape = model.architecture
    sampling = SAMPLER_BYTES * shape.vocabulary * model.requests_at_once
    # What goes between layers (4 widths), and inside a layer's network: up to 12, divided among the GPUs.
    stream = 2 * model.max_batched_tokens * shape.width
    return (4 * stream + max(sampling, 12 * stream / tensor)) / GIB


def _body_bytes(shape: Architecture, precision: Precision) -> float:
    """All weights but the tables of tokens, which stay in 16 bits."""
    body = max(shape.parameters_billion * 1e9 - shape.embedding_weights, 0)
    wide = min(shape.unquantized_billion * 1e9, body)
    width = math.ceil(shape.width / MXFP4_TILE) * MXFP4_TILE if precision == "mxfp4" else shape.width
    return (body - wide) * WEIGHT_BYTES[precision] * width / shape.width + wide * 2


def _stage_bytes(shape: Architecture, precision: Precision, pipeline: int) -> float:
    """Weights of the largest stage of a pipeline: its layers, and one of the tables at either end."""
    if pipeline == 1:
        return _body_bytes(shape, precision) + 2 * shape.embedding_weights
    return _body_bytes(shape, precision) * math.ceil(shape.layers / pipeline) / shape.layers + 2 * shape.table_weights


def adapters_at_once(model: SelfHostedModel) -> int:
    """LoRA adapters that one batch may use."""
    return min(len(model.adapters), ADAPTERS_AT_ONCE)


def _adapter_bytes(model: SelfHostedModel) -> float:
    """Room for adapters: for each linear layer `rank` times its inputs and outputs, in 16 bits."""
    shape = model.architecture
    rank = max((adapter.rank for adapter in model.adapters), default=0)
    body = max(shape.parameters_billion * 1e9 - shape.embedding_weights, 0)
    return adapters_at_once(model) * 2 * rank * ADAPTER_SHAPE * body / shape.width


def divides(model: SelfHostedModel, tensor: int) -> bool:
    """Whether so many GPUs can share every layer: each gets as many heads, or one head is repeated on several."""
    shape = model.architecture
    if shape.attention_heads and shape.attention_heads % tensor:
        return False
    return bool(shape.latent_attention) or not (shape.kv_heads % tensor and tensor % shape.kv_heads)
