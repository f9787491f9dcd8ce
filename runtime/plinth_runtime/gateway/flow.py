"""A request on its way through the gateway: all that is known of it, in one place."""

from dataclasses import dataclass

from plinth_runtime.gateway.call import Call
from plinth_runtime.gateway.conditions import Condition
from plinth_runtime.gateway.deadline import Deadline
from plinth_runtime.gateway.exchange import Exchange
from plinth_runtime.gateway.routing.decide import Facts
from plinth_runtime.gateway.routing.tables import Candidate, RouteTable
from plinth_runtime.gateway.wire.link import Answer
from plinth_runtime.gateway.wire.request import ServerRequest


@dataclass(slots=True)
class Flow:
    """A request."""

    request: ServerRequest
    exchange: Exchange
    call: Call
    table: RouteTable
    facts: Facts
    conditions: list[Condition]
    """Of the route's candidates, in their order."""
    path: str
    """Path at the backend, behind its base URL."""
    lines: bytes
    """Header lines that go to the backend."""
    deadline: Deadline


@dataclass(slots=True)
class Hit:
    """An answer to pass on, and who gave it."""

    answer: Answer
    index: int
    candidate: Candidate
    condition: Condition
    model: str
    good: bool = True
    """Whether it counts as the backend's success; what is passed on may also be a refusal."""
