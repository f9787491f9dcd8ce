"""The LLM gateway: one OpenAI-compatible address in front of every model."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth.spec.base import ImageDigest, Model, Name
from plinth.spec.entry import Entry
from plinth.spec.environment import DataClass
from plinth_runtime.gateway.config import Feature, Priority, Rank


class Price(Model):
    """What a model's tokens cost; providers publish and change it, so it is yours to state."""

    input_usd_per_million: Annotated[float, Field(ge=0, le=100_000)]
    """US dollars for a million tokens of prompt."""

    output_usd_per_million: Annotated[float, Field(ge=0, le=100_000)]
    """US dollars for a million tokens of answer."""


class Target(Model):
    """A model behind a route."""

    model: Name
    """Name of a model of this spec."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share of requests, relative to the route's other targets, where the route's rules do not tell them apart."""

    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Place for the rule `priority`: the lowest is asked first."""

    size: Literal["small", "large"] | None = None
    """For the rule `complexity`: small models get easy prompts, large ones hard prompts."""

    price: Price | None = None
    """For the rule `cost`. Absent: counts as free, as the tokens of a model on the platform's own GPUs do."""

    context_tokens: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Most tokens of prompt and answer together; a self-hosted model's own unless given. Absent: no bound is known."""

    features: list[Feature] | None = None
    """What it can do beyond text: `tools`, `vision`, `json`. Absent: not known, so no request is kept away."""


class Route(Model):
    """What clients pass as `model`, and the models that answer.

    Requests are first kept away from models that may not or cannot answer them (data class, residency, features,
    context length). The models that are left are ordered by `order`, one rule after the other, then by weight.
    """

    name: Name
    """Name that clients use."""

    targets: Annotated[list[Target], Field(min_length=1)]
    """Models that answer; when one cannot be reached or fails before its first byte, the next one does."""

    order: list[Rank] = []
    """Rules that rank the models, the most important one first: `priority`, `capacity` (own GPUs with room, then
    hosted, then own GPUs with a queue), `complexity`, `affinity` (prompts that begin alike meet a warm KV cache),
    `latency`, `cost`. Without any, weight alone decides."""

    data_class: DataClass = "public"
    """Least class of this route's requests. What is confidential or restricted, by this, by its caller or by the
    request's own header `x-plinth-data-class`, never leaves models on the platform's own GPUs, whatever fails."""

    residency: list[Name] = []
    """Where requests may be answered, for example `us` or `eu`; empty means anywhere."""

    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """How often all models are tried again after the last one has failed, within the gateway's retry budget."""

    hedge_after_seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    """Without a first byte after this time the next model is asked too, and the first to answer wins; costs twice."""

    first_byte_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Longest time to a stream's first byte or a whole plain answer while another model is left to try. Absent: half
    of the time that the request has left."""

    stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    """Longest silence within a stream; then it counts as broken off."""

    resume: bool = False
    """Whether a stream that breaks off is continued by another of the route's models on vLLM; else it ends in an error
    event."""

    @field_validator("targets")
    @classmethod
    def _once(cls, value: list[Target]) -> list[Target]:
        names = [target.model for target in value]
        if len(set(names)) != len(names):
            raise ValueError("must not name a model twice: use weight")
        return value

    @field_validator("order")
    @classmethod
    def _ranks_once(cls, value: list[Rank]) -> list[Rank]:
        if len(set(value)) != len(value):
            raise ValueError("must not name a rule twice")
        return value

    @model_validator(mode="after")
    def _places(self) -> Self:
        if "priority" not in self.order and any(target.priority for target in self.targets):
            raise ValueError("targets have a priority, which counts only where `order` names the rule priority")
        if "complexity" in self.order and not any(target.size for target in self.targets):
            raise ValueError("the rule complexity needs targets with a size (small, large)")
        if "cost" in self.order and not any(target.price for target in self.targets):
            raise ValueError("the rule cost needs targets with a price")
        return self


class Caller(Model):
    """What counts for all requests of a tenant."""

    tenant: Name
    """Name of the tenant."""

    data_class: DataClass = "public"
    """Least class of its requests."""

    residency: list[Name] = []
    """Where its requests may be answered, for example `us` or `eu`; empty means anywhere."""

    priority: Priority = "normal"
    """Who is served first when there is too much to do; a request may lower it with `x-plinth-priority`."""

    sees_decisions: bool = False
    """Whether its answers carry `x-plinth-decision`: which model was asked, which were not, and why."""


class Gateway(Model):
    """The gateway's deployment and its routes."""

    image: ImageDigest
    """Image of plinth-runtime, by digest; CI builds it."""

    replicas: Annotated[int, Field(ge=1, le=100)] = 2
    """Copies that run, spread over zones."""

    routes: Annotated[list[Route], Field(min_length=1)]
    """Routes."""

    callers: list[Caller] = []
    """Tenants whose requests are not simply public, anywhere and of normal priority."""

    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Most requests at a time in one copy; low priority is turned away at 70% of it, normal at 90%."""

    max_body_mib: Annotated[int, Field(ge=1, le=512)] = 20
    """Largest request body, in MiB."""

    request_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 600
    """Longest time for one request, streaming included."""

    entry: Entry | None = None
    """Address for clients outside of the cluster. Absent: only pods of tenants reach the gateway."""

    drain_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Time that running requests get to finish at shutdown."""
