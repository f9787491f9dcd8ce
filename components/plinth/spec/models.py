"""Models: those the platform serves itself, and those of a hosted provider."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.architecture import Architecture
from plinth.spec.base import Model, Name
from plinth.spec.engines import Engine
from plinth.spec.hosted import AnyHostedModel
from plinth.spec.kv_cache import KvCachePrecision
from plinth.spec.weights import Adapter, Draft, Precision, Source


class Replicas(Model):
    """How many copies of a model run."""

    min: Annotated[int, Field(ge=0, le=512)] = 1
    """Fewest replicas; 0 needs `scale_to_zero`."""

    max: Annotated[int, Field(ge=1, le=512)] = 1
    """Most replicas; above `min`, queue length decides how many run."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Parallelism(Model):
    """How the GPUs of a replica share its work: their number is the product of all three."""

    tensor: Annotated[int, Field(ge=1, le=16)] = 1
    """GPUs that share every layer."""

    pipeline: Annotated[int, Field(ge=1, le=16)] = 1
    """Groups of layers, each on GPUs of its own; the way over several nodes."""

    data: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies behind one address that divide the requests among them."""


class ScaleToZero(Model):
    """A model that nobody asks for has no replica; the next request starts one and waits for it at the gateway."""

    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """Minutes without a request after which the last replica goes."""

    hold_seconds: Annotated[int, Field(ge=1, le=7200)] = 900
    """Longest time that a request waits for a replica; OpenAI's own clients give up after 600 unless told otherwise."""

    hold_requests: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Most requests that wait at a time in one pod of the gateway; above it the answer is 503 with Retry-After."""


class Canary(Model):
    """Another revision of a model, which answers a part of its requests; without weight it only stands by."""

    weight: Annotated[int, Field(ge=0, le=100)]
    """Percent of the model's requests that it answers; 0 takes all of them back at once."""

    source: Source | None = None
    """Its weights; those of the model unless given."""

    engine: Engine | None = None
    """What serves it; as the model unless given."""

    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """How many copies of it run."""

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.source is None and self.engine is None:
            raise ValueError("needs source or engine: something must differ from the model")
        return self


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

    draft: Draft | None = None
    """Model for speculative decoding."""

    adapters: Annotated[list[Adapter], Field(max_length=64)] = []
    """LoRA adapters that are served with it."""

    prefix_caching: bool = True
    """Whether requests that begin alike share what was computed for it."""

    kv_offload_gib: Annotated[int, Field(ge=0, le=2000)] = 0
    """Host memory of a replica, in GiB, that keeps what no longer fits the GPUs' KV cache; 0 keeps nothing."""

    max_context_tokens: Annotated[int, Field(ge=512, le=1_048_576)] = 8192
    """Longest prompt and answer together, in tokens."""

    concurrent_requests: Annotated[int, Field(ge=1, le=1024)] = 8
    """Requests of full length that one replica must hold at once."""

    max_requests: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most requests of any length that one copy works on at once (at least its share of `concurrent_requests`)."""

    max_batched_tokens: Annotated[int, Field(ge=256, le=131_072)] = 8192
    """Most tokens that one step computes: more is faster for long prompts, and needs more GPU memory."""

    replicas: Replicas = Replicas()
    """How many copies run."""

    scale_to_zero: ScaleToZero | None = None
    """Given where `replicas.min` is 0."""

    canary: Canary | None = None
    """Another revision that is tried out beside it."""

    start_minutes: Annotated[int, Field(ge=1, le=120)] = 15
    """Longest time from container start to ready: loading weights and compiling."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.replicas.min == 0) != (self.scale_to_zero is not None):
            raise ValueError("replicas.min 0 and scale_to_zero go together: give both or neither")
        if self.draft and self.parallelism.pipeline > 1:
            raise ValueError("draft needs parallelism.pipeline 1: vLLM does not speculate across a pipeline")
        if self.max_batched_tokens < self.requests_at_once:
            least = self.requests_at_once
            raise ValueError(f"max_batched_tokens {self.max_batched_tokens}: at least {least}, one for each request")
        if self.kv_offload_gib and not self.prefix_caching:
            raise ValueError("kv_offload_gib needs prefix_caching: what is kept is found again by its prefix")
        return self

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.parallelism.tensor * self.parallelism.pipeline * self.parallelism.data

    @property
    def requests_at_once(self) -> int:
        """Most requests that one copy works on; the others wait."""
        return max(self.max_requests, math.ceil(self.concurrent_requests / self.parallelism.data))

    @property
    def least_replicas(self) -> int:
        """Replicas that always run, those of the canary among them."""
        return self.replicas.min + (self.canary.replicas if self.canary else 0)

    @property
    def most_replicas(self) -> int:
        """Replicas that may run at once, those of the canary among them."""
        return self.replicas.max + (self.canary.replicas if self.canary else 0)

    @property
    def bucket_paths(self) -> list[str]:
        """Prefixes in the bucket `models` that a replica reads."""
        own = [self.source.bucket_path] if self.source.bucket_path else []
        return [*own, *([self.draft.path] if self.draft else []), *(adapter.path for adapter in self.adapters)]


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
