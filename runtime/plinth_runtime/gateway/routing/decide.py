"""The decision: a pure function of a route, what is known of a request, and what is known of the backends.

Given the same arguments it gives the same answer, so that any decision can be explained later by making it again.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from plinth_runtime.gateway.config import CONFIDENTIAL, Feature, Rank
from plinth_runtime.gateway.routing.tables import Candidate, RouteTable

LOAD_BOUND = 1.25
"""How much more than the average a backend may have to do before `affinity` passes it by (consistent hashing with
bounded loads, Mirrokni, Thorup and Zadimoghaddam 2018)."""

LATENCY_STEPS = 2
"""Steps per doubling at which `latency` tells backends apart: about 40%, so that noise does not decide."""

_MASK = (1 << 64) - 1


class Facts(NamedTuple):
    """What is known of a request."""

    data_class: int = 0
    """Index in DATA_CLASSES: the highest of route, tenant and request."""
    residency: frozenset[str] | None = None
    """Where it may be answered; None means anywhere."""
    tokens: int = 0
    """Estimate of the prompt's tokens."""
    output_tokens: int = 0
    """Most tokens of the answer, or a guess."""
    features: frozenset[Feature] = frozenset()
    """What it asks for beyond text."""
    hard: bool = False
    """Whether it looks hard."""
    prefix: int = 0
    """Hash of how it begins."""


class State(NamedTuple):
    """What is known of a candidate at the moment of a decision."""

    usable: bool = True
    """Whether it is worth asking first: up, not left alone after failures, not told to wait."""
    in_flight: int = 0
    """Requests that it works on for this gateway."""
    latency: float = 0.0
    """Seconds to the first byte, of late; 0 where none was measured."""


class Decision(NamedTuple):
    """Whom to ask, in this order, and who is not asked, and why (both by index among the route's candidates)."""

    order: tuple[int, ...]
    excluded: tuple[tuple[int, str], ...] = ()


def decide(table: RouteTable, facts: Facts, states: Sequence[State], draws: Sequence[float]) -> Decision:
    """Decide. `draws` are numbers in [0, 1), one for each candidate: chance comes from outside."""
    excluded = _excluded(table, facts)
    left = [index for index in range(len(table.candidates)) if index not in excluded]
    if len(left) > 1:
        left = _ordered(table, facts, states, draws, left)
    return Decision(tuple(left), tuple(excluded.items()))


def _excluded(table: RouteTable, facts: Facts) -> dict[int, str]:
    """Candidates that may not or cannot answer. Only too short a context is an estimate, so the longest stays."""
    found: dict[int, str] = {}
    for index, candidate in enumerate(table.candidates):
        if facts.data_class >= CONFIDENTIAL and not candidate.self_hosted:
            found[index] = "data class"
        elif facts.residency is not None and candidate.residency not in facts.residency:
            found[index] = "residency"
        elif candidate.features is not None and not facts.features <= candidate.features:
            found[index] = "features"
    needed = facts.tokens + facts.output_tokens
    fitting = [
        (index, candidate.context_tokens)
        for index, candidate in enumerate(table.candidates)
        if index not in found and candidate.context_tokens is not None
    ]
    short = [index for index, context in fitting if context < needed]
    if short and len(short) + len(found) == len(table.candidates):
        longest = max(context for _, context in fitting)
        short = [index for index, context in fitting if context < longest]
    return found | dict.fromkeys(short, "context")


def _ordered(
    table: RouteTable, facts: Facts, states: Sequence[State], draws: Sequence[float], left: list[int]
) -> list[int]:
    mean = sum(states[index].in_flight for index in left) / len(left)
    keys: dict[int, tuple[object, ...]] = {}
    for index in left:
        candidate, state = table.candidates[index], states[index]
        ranks = [RANKS[rank](candidate, facts, state, mean) for rank in table.order]
        # Each comes first in proportion to its weight (Efraimidis and Spirakis 2006).
        keys[index] = (not state.usable, *ranks, -math.log1p(-draws[index]) / candidate.weight, index)
    return sorted(left, key=keys.__getitem__)


def _capacity(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    if not candidate.self_hosted:
        return 1
    return 0 if candidate.capacity is None or state.in_flight < candidate.capacity else 2


def _complexity(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    return 0 if candidate.large is None or candidate.large == facts.hard else 1


def _latency(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    if not state.latency:
        return -1_000  # not measured: has to be tried to be known
    return math.floor(math.log2(state.latency * (state.in_flight + 1)) * LATENCY_STEPS)


def _cost(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    return round(candidate.input_price * facts.tokens + candidate.output_price * facts.output_tokens, 9)


def _affinity(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    """Rendezvous hashing: each prompt has an order of its own, which others coming or going do not change."""
    uniform = (_mix(facts.prefix ^ candidate.salt) + 0.5) / (_MASK + 1)
    return (state.in_flight > LOAD_BOUND * mean + 1, -math.log(uniform) / candidate.weight)


def _priority(candidate: Candidate, facts: Facts, state: State, mean: float) -> object:
    return candidate.priority


RANKS: dict[Rank, Callable[[Candidate, Facts, State, float], object]] = {
    "priority": _priority,
    "capacity": _capacity,
    "complexity": _complexity,
    "affinity": _affinity,
    "latency": _latency,
    "cost": _cost,
}


def _mix(value: int) -> int:
    """Spread a number's bits (the finalizer of splitmix64)."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)
