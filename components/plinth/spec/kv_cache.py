"""How much KV cache a request needs, by the accounting of vLLM. Pure.

Source: vLLM 0.19, `v1/core/kv_cache_utils.py` and `v1/kv_cache_interface.py` (pages, groups of layers, and what a
request of full length takes of each); docs/reference/gpu-maths.md has the formulae.
"""

import math
from dataclasses import dataclass
from typing import Literal

from plinth.spec.architecture import Architecture

KvCachePrecision = Literal["auto", "fp8"]
"""Number format of the KV cache."""

KV_BYTES: dict[KvCachePrecision, int] = {"auto": 2, "fp8": 1}
"""Bytes per element of the KV cache."""

BLOCK_TOKENS = 16
"""Tokens of a block of the KV cache."""

ALIKE = 1.25
"""Kinds of layers whose numbers differ by less than this factor share one size of group."""


@dataclass(frozen=True, slots=True)
class KvCache:
    """KV cache on one GPU."""

    layer_bytes: float
    """Bytes of a token in one layer."""

    full_layers: int
    """Layers that keep the whole context."""

    window_layers: int = 0
    """Layers that look back only so far."""

    window_tokens: int = 0
    """How far they look back."""

    @property
    def group_layers(self) -> int:
        """Layers that share a block: as many of each kind, so that every block has the same size."""
        kinds = sorted(count for count in (self.full_layers, self.window_layers) if count)
        return kinds[-1] if kinds[-1] < kinds[0] * ALIKE else kinds[0]

    def request_bytes(self, context: int, batched_tokens: int) -> float:
        """Bytes that one request of `context` tokens may take; a step computes at most `batched_tokens` of it."""
        blocks = self._groups(self.full_layers) * math.ceil(context / BLOCK_TOKENS)
        if self.window_layers:
            held = min(self.window_tokens - 1 + batched_tokens, context)
            # The window may begin in the middle of a block.
            blocks += self._groups(self.window_layers) * (math.ceil(held / BLOCK_TOKENS) + 1)
        return blocks * BLOCK_TOKENS * self.group_layers * self.layer_bytes

    def tokens(self, available_bytes: float, context: int, batched_tokens: int) -> int:
        """What vLLM logs as `GPU KV cache size`: requests of full length that fit, times their length."""
        return int(available_bytes / self.request_bytes(context, batched_tokens) * context)

    def _groups(self, layers: int) -> int:
        return math.ceil(layers / self.group_layers)


def kv_cache(shape: Architecture, precision: KvCachePrecision, tensor: int, pipeline: int = 1) -> KvCache:
    """KV cache of a model on one GPU of `tensor` times `pipeline`; the stage of the pipeline with most layers."""
    cell = KV_BYTES[precision]
    if shape.latent_attention:
        # One vector for all heads: every GPU keeps all of it.
        layer_bytes = float((shape.latent_attention.rank + shape.latent_attention.rope) * cell)
    else:
        # vLLM repeats KV heads when there are fewer of them than GPUs.
        layer_bytes = 2.0 * max(math.ceil(shape.kv_heads / tensor), 1) * shape.head_dim * cell
    layers = math.ceil(shape.layers / pipeline)
    if not shape.sliding_window:
        return KvCache(layer_bytes, layers)
    # Kinds of layers alternate, so that every stage has its share of both.
    window = min(math.ceil(shape.sliding_window.layers / pipeline), layers)
    return KvCache(layer_bytes, layers - window, window, shape.sliding_window.tokens)
