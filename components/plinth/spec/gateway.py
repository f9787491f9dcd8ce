"""The LLM gateway: one OpenAI-compatible address in front of every model."""

from typing import Annotated

from pydantic import Field, field_validator

from plinth.spec.base import ImageDigest, Model, Name
from plinth.spec.entry import Entry


class Target(Model):
    """A model behind a route."""

    model: Name
    """Name of a model of this spec."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share of requests, relative to the route's other targets."""


class Route(Model):
    """What clients pass as `model`, and the models that answer."""

    name: Name
    """Name that clients use."""

    targets: Annotated[list[Target], Field(min_length=1)]
    """Models that answer; when one cannot be reached, the next one does."""

    @field_validator("targets")
    @classmethod
    def _once(cls, value: list[Target]) -> list[Target]:
        names = [target.model for target in value]
        if len(set(names)) != len(names):
            raise ValueError("must not name a model twice: use weight")
        return value


class Gateway(Model):
    """The gateway's deployment and its routes."""

    image: ImageDigest
    """Image of plinth-runtime, by digest; CI builds it."""

    replicas: Annotated[int, Field(ge=1, le=100)] = 2
    """Copies that run, spread over zones."""

    routes: Annotated[list[Route], Field(min_length=1)]
    """Routes."""

    max_body_mib: Annotated[int, Field(ge=1, le=512)] = 20
    """Largest request body, in MiB."""

    request_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 600
    """Longest time for one request, streaming included."""

    entry: Entry | None = None
    """Address for clients outside of the cluster. Absent: only pods of tenants reach the gateway."""

    drain_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Time that running requests get to finish at shutdown."""
