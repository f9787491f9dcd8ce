"""How the gateway routes, and what it does when a backend fails: the types of these parts of its configuration.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth_runtime.config_types import ConfigModel, ModelName, Name, Seconds

DataClass = Literal["public", "internal", "confidential", "restricted"]
"""How sensitive data is, the least first. What is confidential or above never leaves self-hosted backends."""

DATA_CLASSES: tuple[DataClass, ...] = ("public", "internal", "confidential", "restricted")
"""All classes, the least sensitive first."""

CONFIDENTIAL = DATA_CLASSES.index("confidential")
"""From here on requests stay with self-hosted backends."""

Feature = Literal["tools", "vision", "json"]
"""What a request may ask of a model beyond text: tools, images in the prompt, structured output."""

Rank = Literal["priority", "capacity", "complexity", "affinity", "latency", "cost"]
"""A rule that ranks the targets of a route:

- `priority`: the lowest `priority` first.
- `capacity`: self-hosted targets with room first, then hosted ones, then self-hosted ones whose queue is long.
- `complexity`: easy prompts to small models first, hard ones to large models.
- `affinity`: prompts that begin alike to the same target, as long as it has not much more to do than the others.
- `latency`: the target whose answers began soonest of late, given what it has to do now.
- `cost`: the lowest estimated price of the request.
"""

RESTART_FIELDS = ("host", "port", "metrics_port", "keys_file", "tenant_routes_dir", "drain_seconds")
"""Fields of the configuration's `gateway` that count from the start of a process to its end; all else is reloaded."""

Priority = Literal["low", "normal", "high"]
"""Who is served first when there is too much to do."""


class Price(ConfigModel):
    """What a model's tokens cost."""

    input_usd_per_million: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    """US dollars for a million tokens of prompt."""

    output_usd_per_million: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    """US dollars for a million tokens of answer."""


class Target(ConfigModel):
    """A model at a backend that answers for a route."""

    backend: Name
    """Name of the backend."""

    model: ModelName
    """Name of the model at that backend."""

    weight: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Share of requests, relative to the route's other targets, where the route's rules do not tell them apart."""

    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Place for the rule `priority`: the lowest is asked first."""

    context_tokens: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Most tokens of prompt and answer together; absent: not known, so no request is kept away."""

    features: list[Feature] | None = None
    """What it can do beyond text; absent: not known, so no request is kept away."""

    size: Literal["small", "large"] | None = None
    """For the rule `complexity`: small models get easy prompts, large ones hard prompts."""

    price: Price | None = None
    """For the rule `cost`; absent: counts as free, as a self-hosted model's tokens are."""

    continues: bool = False
    """Whether it can go on with an answer that another target began (vLLM's `continue_final_message`)."""


class Route(ConfigModel):
    """What clients pass as `model`, and who answers.

    Every request is first kept away from targets that may not or cannot answer it (data class, residency, features,
    context length). Those that are left are ordered by `order`, one rule after the other, then by weight; backends
    that are down come last. The first one answers; when it fails before its first byte, the next one does.
    """

    name: ModelName
    """Name that clients use."""

    targets: Annotated[list[Target], Field(min_length=1)]
    """Who answers."""

    order: list[Rank] = []
    """Rules that rank the targets, the most important one first; without any, weight alone decides."""

    data_class: DataClass = "public"
    """Least class of this route's requests; a tenant's class or a request's own may be higher, and then counts."""

    residency: list[Name] = []
    """Where requests may be answered: `residency` of backends; empty means anywhere."""

    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """How often all targets are tried again after the last one has failed, with pauses that grow and vary, while the
    gateway's retry budget lasts."""

    hedge_after_seconds: Seconds | None = None
    """Without a first byte after this time, in seconds, the next target is asked too, and the first to answer wins.
    Costs what the loser has computed; counts against the retry budget."""

    first_byte_seconds: Seconds | None = None
    """Longest time to the first byte (of a stream) or the whole answer (else), in seconds, while another target is
    left to try. Absent: half of the time that the request has left."""

    stall_seconds: Seconds = 120.0
    """Longest silence within a stream, in seconds; then it counts as broken off."""

    resume: bool = False
    """Whether a stream that breaks off is continued by a target that `continues`; else it ends in an error event."""

    @field_validator("order")
    @classmethod
    def _ranks_once(cls, value: list[Rank]) -> list[Rank]:
        if len(set(value)) != len(value):
            raise ValueError("must not name a rule twice")
        return value

    @model_validator(mode="after")
    def _resumable(self) -> Self:
        if self.resume and not any(target.continues for target in self.targets):
            raise ValueError(f"route {self.name!r}: resume needs a target that continues")
        return self


class Breaker(ConfigModel):
    """When a target that fails is left alone for a while."""

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    """Failures in a row after which it is left alone."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of failures, among at least 20 requests of late, after which it is left alone."""

    open_seconds: Seconds = 1.0
    """How long, in seconds, before a single request tries it; doubled each time that this fails."""

    most_seconds: Seconds = 30.0
    """Longest time that it is left alone, in seconds."""


class RetryBudget(ConfigModel):
    """Bounds retries and hedges, so that a failing backend is not hit by a multiple of its load."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Retries for each request of late."""

    least_per_second: Annotated[float, Field(ge=0, le=1000)] = 5.0
    """Retries a second that are always allowed."""
