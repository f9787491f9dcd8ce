"""Publishes events: in batches, again where the carrier was busy, and never silently less than all."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from plinth_runtime.events import aws
from plinth_runtime.events.config import EventBridgeBus, FifoQueue, PublishEndpoint
from plinth_runtime.events.event import LARGEST_BYTES, Event, NotDelivered

MOST = 10
"""Entries of one call to EventBridge and SQS."""

TRIES = 4
"""Times that an entry which the carrier did not take is sent."""

PAUSE_SECONDS = 0.2
"""Before the second time; doubled before each further one."""

_Entry = tuple[Event, str]


class Publisher:
    """Publishes to one bus. `publish` returns when the carrier has every event on its disks."""

    def __init__(self, endpoint: PublishEndpoint, *, client: Any = None) -> None:
        """Prepare; nothing is called yet.

        Args:
            endpoint: where.
            client: a boto3 client of the carrier's service, instead of one made from the endpoint.
        """
        self.endpoint = endpoint
        service = {"eventbridge": "events", "sqs_fifo": "sqs"}[endpoint.kind]
        self._client = client or aws.client(service, endpoint)

    async def publish(self, *events: Event) -> None:
        """Publish events, those of one subject in their order.

        Raises:
            NotDelivered: the carrier did not take some of them; they are in `events` of the error.
            EventError: an event is too large, or AWS refuses the call or cannot be reached in time; then nobody knows
                which of the batch were taken: publish them again with the same ids.
        """
        entries = [(event, event.body(self.endpoint.source)) for event in events]
        for batch in batches(entries):
            await self._deliver(batch)

    async def _deliver(self, batch: Sequence[_Entry]) -> None:
        left, reason = list(batch), ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
            send = self._sender(left)
            refused = await aws.call(f"publish to {self._where}", send, self.endpoint.deadline_seconds)
            if not refused:
                return
            reason = next(iter(refused.values()))
            first = min(refused)
            # What comes after a refused event waits for it, or events of one subject would change places.
            left = [entry for place, entry in enumerate(left) if place in refused or (self._ordered and place > first)]
        raise NotDelivered(
            f"{len(left)} of {len(batch)} events were not taken by {self._where} in {TRIES} attempts: {reason}",
            [event for event, _ in left],
        )

    @property
    def _ordered(self) -> bool:
        return self.endpoint.kind != "eventbridge"

    @property
    def _where(self) -> str:
        endpoint = self.endpoint
        if isinstance(endpoint, EventBridgeBus):
            return f"the bus {endpoint.bus_name}"
        return f"the queue {endpoint.queue_url}"

    def _sender(self, entries: Sequence[_Entry]) -> Callable[[], dict[int, str]]:
        """A call that sends entries and gives those that were refused, by place, with the reason."""
        endpoint = self.endpoint
        if isinstance(endpoint, EventBridgeBus):
            return lambda: self._to_bus(endpoint, entries)
        return lambda: self._to_queue(endpoint, entries)

    def _to_bus(self, bus: EventBridgeBus, entries: Sequence[_Entry]) -> dict[int, str]:
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": bus.bus_name,
                    "Source": bus.source,
                    "DetailType": event.type,
                    "Detail": body,
                    "Time": event.time,
                    "Resources": [],
                }
                for event, body in entries
            ]
        )
        return _refused(answer["Entries"])

    def _to_queue(self, queue: FifoQueue, entries: Sequence[_Entry]) -> dict[int, str]:
        answer = self._client.send_message_batch(
            QueueUrl=queue.queue_url,
            Entries=[
                {
                    "Id": str(place),
                    "MessageBody": body,
                    "MessageGroupId": event.subject,
                    "MessageDeduplicationId": event.id,
                }
                for place, (event, body) in enumerate(entries)
            ],
        )
        return {int(entry["Id"]): entry.get("Message", entry["Code"]) for entry in answer.get("Failed", [])}


def _refused(entries: Sequence[dict[str, Any]]) -> dict[int, str]:
    return {
        place: f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}"
        for place, entry in enumerate(entries)
        if entry.get("ErrorCode")
    }


def batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Entries in the order given, as many at a time as one call takes by number and by size."""
    batch: list[_Entry] = []
    size = 0
    for event, body in entries:
        length = len(body.encode())
        if batch and (len(batch) == MOST or size + length > LARGEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((event, body))
        size += length
    if batch:
        yield batch
