"""A decision as text: small enough for a header, complete enough to be made again."""

from collections.abc import Sequence

import msgspec

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.gateway.config import DATA_CLASSES
from plinth_runtime.gateway.routing.decide import Decision, Facts, State, decide
from plinth_runtime.gateway.routing.tables import RouteTable, Tables


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a decision was made from, and what it was."""

    route: str
    order: list[str]
    """Backend/model in the order to ask."""
    excluded: dict[str, str] = {}
    """Backend/model -> why it is not asked."""
    rules: list[str] = []
    """The route's rules."""
    data_class: str = DATA_CLASSES[0]
    residency: list[str] | None = None
    tokens: int = 0
    output_tokens: int = 0
    features: list[str] = []
    hard: bool = False
    prefix: str = "0"
    states: list[tuple[int, int, float]] = []
    """Usable, in flight and latency of each target, in the configuration's order."""
    draws: list[float] = []


class ReplayError(Exception):
    """A decision cannot be made again; the message says why, for a person."""


def record(table: RouteTable, facts: Facts, states: Sequence[State], draws: Sequence[float], made: Decision) -> Record:
    """Return the record of a decision."""
    labels = [candidate.label for candidate in table.candidates]
    return Record(
        route=table.route.name,
        order=[labels[index] for index in made.order],
        excluded={labels[index]: why for index, why in made.excluded},
        rules=list(table.order),
        data_class=DATA_CLASSES[facts.data_class],
        residency=None if facts.residency is None else sorted(facts.residency),
        tokens=facts.tokens,
        output_tokens=facts.output_tokens,
        features=sorted(facts.features),
        hard=facts.hard,
        prefix=f"{facts.prefix:x}",
        states=[(int(state.usable), state.in_flight, state.latency) for state in states],
        draws=list(draws),
    )


def encode(found: Record) -> bytes:
    """Return the text of a record: JSON in ASCII, as it stands in the header `x-plinth-decision`."""
    return msgspec.json.encode(found).decode().encode("ascii", "backslashreplace")


def replay(config: RuntimeConfig, text: bytes | str) -> tuple[Record, Record]:
    """Make a recorded decision again; return (what was recorded, what it is now). They differ where routes changed.

    Raises:
        ReplayError: The text is no record, or not of this configuration.
    """
    try:
        told = msgspec.json.decode(text, type=Record)
        facts = Facts(
            data_class=DATA_CLASSES.index(told.data_class),  # type: ignore[arg-type] - checked by `index`
            residency=None if told.residency is None else frozenset(told.residency),
            tokens=told.tokens,
            output_tokens=told.output_tokens,
            features=frozenset(told.features),  # type: ignore[arg-type] - unknown ones match no target
            hard=told.hard,
            prefix=int(told.prefix, 16),
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise ReplayError(f"this is no record of a decision: {error}") from None
    table = Tables(config).routes.get(told.route)
    if table is None:
        raise ReplayError(f"the configuration has no route {told.route!r}")
    if len(told.states) != len(table.candidates) or len(told.draws) != len(table.candidates):
        raise ReplayError(f"route {told.route!r} has {len(table.candidates)} targets now, and had {len(told.states)}")
    states = [State(bool(usable), in_flight, latency) for usable, in_flight, latency in told.states]
    return told, record(table, facts, states, told.draws, decide(table, facts, states, told.draws))
