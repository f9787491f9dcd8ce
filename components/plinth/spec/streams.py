"""Streams: buses on which tenants' workloads tell each other what happened."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches

EventType = Annotated[
    str,
    matches(
        r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", "lower-case words with dots between, for example document.indexed"
    ),
]
"""Type of an event."""


class _Delivery(Model):
    keep_days: Annotated[int, Field(ge=1, le=14)] = 4
    """Days that an event waits for its consumer before it is lost; SQS keeps none longer."""

    visibility_seconds: Annotated[int, Field(ge=1, le=43_200)] = 60
    """Time that an event which was handed out is nobody else's; consumers prolong it while they work."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    """Times that an event is handed out before it goes to the dead letters, which are kept for 14 days."""


class Subscription(_Delivery):
    """A tenant that gets events of a bus, in a queue of its own."""

    tenant: Name
    """Tenant whose pods read them."""

    types: list[EventType] = []
    """Types of events that it gets. Empty: all."""


class EventBridgeBus(Model):
    """A bus of Amazon EventBridge: any number of producers and subscribers, no order."""

    kind: Literal["eventbridge"]
    """What carries the events."""

    name: Name
    """Name of the bus."""

    producers: Annotated[list[Name], Field(min_length=1)]
    """Tenants whose pods publish."""

    subscriptions: list[Subscription] = []
    """Who gets events."""

    archive_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """Days that every event is kept to be sent again; 0: none is."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        twice = [who for who, count in Counter(item.tenant for item in self.subscriptions).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} subscribes twice: name all its types in one subscription")
        return self


class FifoBus(_Delivery):
    """A FIFO queue of Amazon SQS: one consumer; events of one subject in order, duplicates within 5 minutes dropped."""

    kind: Literal["sqs_fifo"]
    """What carries the events."""

    name: Name
    """Name of the bus."""

    producers: Annotated[list[Name], Field(min_length=1)]
    """Tenants whose pods publish."""

    consumer: Name
    """Tenant whose pods read."""


EventBus = Annotated[EventBridgeBus | FifoBus, Field(discriminator="kind")]
"""A bus, told apart by `kind`."""
