"""What decides the GPU memory of a model: facts that everybody finds in its `config.json`."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model

LARGEST_VOCABULARY = 262_144
"""Tokens of a large vocabulary (Gemma 3): what a model is taken to have that does not say."""


class LatentAttention(Model):
    """Multi-head latent attention: one compressed vector a token and layer in place of keys and values (DeepSeek)."""

    rank: Annotated[int, Field(ge=16, le=8192)]
    """Size of the compressed vector: `kv_lora_rank` of `config.json`."""

    rope: Annotated[int, Field(ge=0, le=1024)]
    """Size of what carries the position: `qk_rope_head_dim` of `config.json`."""


class SlidingWindow(Model):
    """Layers that look back only so far (Gemma, gpt-oss); their KV cache does not grow with the context."""

    tokens: Annotated[int, Field(ge=16, le=1_048_576)]
    """How far they look back, in tokens: `sliding_window` of `config.json`."""

    layers: Annotated[int, Field(ge=1, le=500)]
    """Number of such layers: those called `sliding_attention` in `layer_types` of `config.json`."""


class Architecture(Model):
    """Facts from the model's `config.json` that decide how much GPU memory it needs.

    Of a model for text and images, the facts are those of `text_config`, but its weights are all of them.
    """

    parameters_billion: Annotated[float, Field(gt=0, le=5000)]
    """All weights, in billions (a mixture of experts counts every expert): the model card says it."""

    layers: Annotated[int, Field(ge=1, le=500)]
    """Number of layers: `num_hidden_layers` of `config.json`."""

    kv_heads: Annotated[int, Field(ge=1, le=256)]
    """Number of key and value heads: `num_key_value_heads` of `config.json`."""

    head_dim: Annotated[int, Field(ge=16, le=1024)]
    """Size of a head: `head_dim` of `config.json`, or else `hidden_size` divided by `num_attention_heads`."""

    attention_heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of attention heads: `num_attention_heads` of `config.json`; `parallelism.tensor` has to divide it."""

    hidden_size: Annotated[int, Field(ge=64, le=65_536)] | None = None
    """Size of what goes from layer to layer: `hidden_size` of `config.json`. Absent: estimated from the weights."""

    vocabulary: Annotated[int, Field(ge=256, le=2_000_000)] = LARGEST_VOCABULARY
    """Number of tokens that it knows: `vocab_size` of `config.json`. Absent: a large one is assumed."""

    tied_embeddings: bool = False
    """Whether it reads and writes with the same table of tokens: `tie_word_embeddings` of `config.json`."""

    mixture_of_experts: bool = False
    """Whether it has experts: `num_experts`, `num_local_experts` or `n_routed_experts` is in `config.json`."""

    unquantized_billion: Annotated[float, Field(ge=0, le=5000)] = 0
    """Weights besides the tables of tokens that a quantized checkpoint keeps in 16 bits, in billions.

    `modules_to_not_convert` or `ignore` in `quantization_config` of `config.json` names them: part of an image
    encoder, for example, or the attention of gpt-oss.
    """

    latent_attention: LatentAttention | None = None
    """Given where `config.json` has `kv_lora_rank`; then `kv_heads` and `head_dim` say nothing about the cache."""

    sliding_window: SlidingWindow | None = None
    """Given where some layers look back only so far; absent where `use_sliding_window` is false."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sliding_window and self.sliding_window.layers > self.layers:
            raise ValueError(f"sliding_window.layers {self.sliding_window.layers}: at most {self.layers}, all layers")
        if self.unquantized_billion > self.parameters_billion:
            raise ValueError(f"unquantized_billion: at most parameters_billion {self.parameters_billion:g}")
        if self.attention_heads and self.attention_heads % self.kv_heads and not self.latent_attention:
            raise ValueError(f"attention_heads {self.attention_heads}: a multiple of kv_heads {self.kv_heads}")
        return self

    @property
    def width(self) -> int:
        """`hidden_size`, given or estimated: a layer of a dense model has about 13 of its squares."""
        return self.hidden_size or max(64, round(math.sqrt(self.parameters_billion * 1e9 / (13 * self.layers))))

    @property
    def table_weights(self) -> float:
        """Weights of one table of tokens."""
        return min(self.vocabulary * self.width, self.parameters_billion * 1e9 / 2)

    @property
    def embedding_weights(self) -> float:
        """Weights of the tables of tokens together."""
        return self.table_weights * (1 if self.tied_embeddings else 2)
