"""Queues, rules and rights that follow from the buses of a spec. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from plinth.spec.streams import EventBridgeBus, EventBus, FifoBus

DEAD_LETTER_DAYS = 14
"""As long as SQS keeps a message at most: somebody has to look."""

WAITING_MINUTES = 30
"""How long the oldest event may wait before somebody is told."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue that one tenant reads, and the queue of its dead letters."""

    label: str
    """End of logical names: the bus, and for a subscription the tenant."""

    bus: str
    tenant: str
    fifo: bool
    keep_days: int
    visibility_seconds: int
    max_attempts: int
    pattern: str | None = None
    """EventBridge pattern of what it gets; None for a queue that is published to directly."""


def queues(buses: Sequence[EventBus]) -> list[Queue]:
    """Every queue that is read."""
    found: list[Queue] = []
    for bus in buses:
        match bus:
            case FifoBus():
                delivery = (bus.keep_days, bus.visibility_seconds, bus.max_attempts)
                found.append(Queue(bus.name, bus.name, bus.consumer, True, *delivery))
            case EventBridgeBus():
                for item in bus.subscriptions:
                    delivery = (item.keep_days, item.visibility_seconds, item.max_attempts)
                    label = f"{bus.name}-{item.tenant}"
                    found.append(
                        Queue(label, bus.name, item.tenant, False, *delivery, pattern=pattern(bus, item.types))
                    )
    return found


def pattern(bus: EventBridgeBus, types: Sequence[str]) -> str:
    """What a subscription gets: events of the bus's producers, of these types or of all."""
    wanted: dict[str, list[str]] = {"source": list(bus.producers)}
    if types:
        wanted["detail-type"] = list(types)
    return json.dumps(wanted)


def publishes(buses: Sequence[EventBus], tenant: str) -> list[EventBus]:
    """Buses that a tenant publishes to."""
    return [bus for bus in buses if tenant in bus.producers]


def reads(buses: Sequence[EventBus], tenant: str) -> list[Queue]:
    """Queues that a tenant reads."""
    return [queue for queue in queues(buses) if queue.tenant == tenant]


def takes_part(buses: Sequence[EventBus], tenant: str) -> bool:
    """Whether a tenant publishes or reads anything."""
    return bool(publishes(buses, tenant) or reads(buses, tenant))
