"""Where events are published and read: the types that components render and clients read.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
"""A lower-case name with single dashes."""

EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=128)]
"""Type of an event, for example `document.indexed`."""

AwsRegion = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
"""An AWS region."""

Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
"""An HTTP address."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Aws(_Model):
    region: AwsRegion
    """AWS region."""

    endpoint_url: Url | None = None
    """Address of a stand-in for AWS, on a laptop. Absent: AWS itself."""

    deadline_seconds: Annotated[float, Field(gt=0, le=300)] = 20
    """Longest time for one call, retries included."""


class EventBridgeBus(_Aws):
    """A bus of Amazon EventBridge: any number of subscribers, no order."""

    kind: Literal["eventbridge"] = "eventbridge"
    """What carries the events."""

    bus_name: Annotated[str, Field(min_length=1, max_length=256)]
    """Name of the bus."""

    source: Name
    """Who publishes, as the bus lets it."""


class FifoQueue(_Aws):
    """A FIFO queue of Amazon SQS: one consumer, events of one subject in order, duplicates within 5 minutes dropped."""

    kind: Literal["sqs_fifo"] = "sqs_fifo"
    """What carries the events."""

    queue_url: Url
    """Address of the queue."""

    source: Name
    """Who publishes."""


PublishEndpoint = Annotated[EventBridgeBus | FifoQueue, Field(discriminator="kind")]
"""Where events are published, told apart by `kind`."""


class QueueSource(_Aws):
    """A queue that events are read from: a FIFO queue, or that of a subscription to a bus."""

    queue_url: Url
    """Address of the queue."""

    dead_letter_url: Url
    """Address of the queue that takes what was not handled in `max_attempts`."""

    visibility_seconds: Annotated[int, Field(ge=1, le=43_200)] = 60
    """Time that nobody else gets an event that was handed out; the consumer prolongs it while it works."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    """Times that an event is handed out before it is put aside."""


class EventEndpoints(_Model):
    """What a workload publishes to and reads from, by the name of the bus."""

    publish: dict[Name, PublishEndpoint] = {}
    """Where it may publish."""

    consume: dict[Name, QueueSource] = {}
    """What it reads."""
