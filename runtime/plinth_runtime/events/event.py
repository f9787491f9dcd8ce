"""One event, as it travels."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

LARGEST_BYTES = 240 * 1024
"""Largest event. EventBridge and SQS take 256 KiB an entry, names and attributes included."""


class EventError(Exception):
    """An event could not be published, read or handled; the message says which, why and what to do."""


class NotDelivered(EventError):
    """Some events were not taken. The others were: publish these again, with their ids."""

    def __init__(self, message: str, events: list["Event"]) -> None:
        super().__init__(message)
        self.events = events
        """The events that were not taken."""


class BadEvent(EventError):
    """What was read is no event of ours."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    type: str
    """What happened, for example `document.indexed`."""

    subject: str
    """What it happened to. Events of one subject stay in order where the carrier keeps any."""

    data: Mapping[str, Any]
    """Facts, as JSON has them."""

    tenant: str
    """Whose it is."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Idempotency key: who publishes the same thing again gives the same id, and it is handled once."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it happened."""

    source: str = ""
    """Who published it; the publisher fills it in."""

    def body(self, source: str) -> str:
        """The event as JSON text.

        Raises:
            EventError: it is too large, or holds what JSON does not know.
        """
        document = {
            "id": self.id,
            "type": self.type,
            "subject": self.subject,
            "tenant": self.tenant,
            "time": self.time.isoformat(),
            "source": self.source or source,
            "data": dict(self.data),
        }
        try:
            text = json.dumps(document, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise EventError(f"event {self.id} ({self.type}) cannot be written as JSON: {error}") from None
        if len(text.encode()) > LARGEST_BYTES:
            size = len(text.encode()) // 1024
            raise EventError(
                f"event {self.id} ({self.type}) has {size} KiB, at most {LARGEST_BYTES // 1024} are carried: put the"
                " data into a bucket and its address into the event"
            )
        return text


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    type: str
    subject: str
    tenant: str
    time: datetime
    source: str
    data: dict[str, Any]


def parse(body: str | bytes) -> Event:
    """The event of a message: as published, or in the envelope that EventBridge puts around it.

    Raises:
        BadEvent: it is none of ours.
    """
    try:
        document = json.loads(body)
        if isinstance(document, dict) and "detail-type" in document:
            document = document.get("detail")
        wire = _Wire.model_validate(document)
    except (ValueError, ValidationError) as error:
        raise BadEvent(f"not an event: {str(error).splitlines()[0]}") from None
    return Event(
        type=wire.type,
        subject=wire.subject,
        data=wire.data,
        tenant=wire.tenant,
        id=wire.id,
        time=wire.time,
        source=wire.source,
    )
