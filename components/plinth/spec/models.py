"""Models: those the platform serves itself, and those of a hosted provider."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.engines import Engine
from plinth.spec.hosted import AnyHostedModel

Precision = Literal["bf16", "fp16", "fp8", "int8", "int4"]
"""Number format of the weights."""

KvCachePrecision = Literal["auto", "fp8"]
"""Number format of the KV cache."""

WeightsPath = Annotated[
    str, matches(r"^[a-z0-9][a-z0-9._/-]*$", "a path of lower-case letters, digits and . _ / -", max_length=200)
]


class Replicas(Model):
    """How many copies of a model run."""

    min: Annotated[int, Field(ge=1, le=512)] = 1
    """Fewest replicas."""

    max: Annotated[int, Field(ge=1, le=512)] = 1
    """Most replicas; above `min`, queue length decides how many run."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Architecture(Model):
    """Facts from the model's `config.json` that decide how much GPU memory it needs."""

    parameters_billion: Annotated[float, Field(gt=0, le=5000)]
    """All weights, in billions (a mixture of experts counts every expert)."""

    layers: Annotated[int, Field(ge=1, le=500)]
    """Number of layers: `num_hidden_layers` of `config.json`."""

    kv_heads: Annotated[int, Field(ge=1, le=256)]
    """Number of key and value heads: `num_key_value_heads` of `config.json`."""

    head_dim: Annotated[int, Field(ge=16, le=1024)]
    """Size of a head: `head_dim` of `config.json`, or else `hidden_size` divided by `num_attention_heads`."""


class S3Source(Model):
    """Weights in the bucket `models`, as safetensors; they are streamed from there straight to the GPUs."""

    kind: Literal["s3"]
    """Where the weights are."""

    path: WeightsPath
    """Prefix in the bucket, for example `acme/chat-large/2026-10-01`."""


Source = S3Source
"""Where weights come from, told apart by `kind`."""


class Parallelism(Model):
    """How the GPUs of a replica share its work."""

    tensor: Annotated[int, Field(ge=1, le=16)] = 1
    """GPUs that share every layer."""


class SelfHostedModel(Model):
    """A model that the platform serves on one of its GPU pools."""

    kind: Literal["self_hosted"]
    """How it is served."""

    name: Name
    """Name of the model inside the platform."""

    source: Source
    """Where its weights come from."""

    engine: Engine
    """What serves it."""

    pool: Name
    """GPU pool that it runs on."""

    architecture: Architecture
    """What decides the GPU memory it needs."""

    precision: Precision = "bf16"
    """Number format of the weights."""

    kv_cache_precision: KvCachePrecision = "auto"
    """Number format of the KV cache: 16 bits with `auto`; `fp8` holds twice as many tokens, for a little accuracy."""

    parallelism: Parallelism = Parallelism()
    """How one replica is divided among GPUs."""

    prefix_caching: bool = True
    """Whether requests that begin alike share what was computed for it."""

    max_context_tokens: Annotated[int, Field(ge=512, le=1_048_576)] = 8192
    """Longest prompt and answer together, in tokens."""

    concurrent_requests: Annotated[int, Field(ge=1, le=1024)] = 8
    """Requests of full length that one replica must hold at once."""

    replicas: Replicas = Replicas()
    """How many copies run."""

    start_minutes: Annotated[int, Field(ge=1, le=120)] = 15
    """Longest time from container start to ready: loading weights and compiling."""

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.parallelism.tensor


class DevelopmentModel(Model):
    """A small deterministic model server for development. It is no language model and says so."""

    kind: Literal["development"]
    """How it is served."""

    name: Name
    """Name of the model inside the platform."""

    tokens_per_second: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Speed at which it streams."""


ServedModel = Annotated[SelfHostedModel | DevelopmentModel | AnyHostedModel, Field(discriminator="kind")]
"""A model of the platform, told apart by `kind`; hosted ones further by `provider`."""
