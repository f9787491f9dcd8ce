"""Breakers, budgets and outliers, on a clock of their own."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.gateway.conditions import Condition, Conditions, RetryBudget, outliers
from plinth_runtime.gateway.config import Breaker


def fail(condition: Condition, now: float, times: int = 1) -> None:
    for _ in range(times):
        condition.begin(now)
        condition.failed(now)
        condition.end()


def test_a_breaker_opens_tries_for_longer_and_longer_and_closes() -> None:
    condition = Condition(Breaker(failures=3, open_seconds=1, most_seconds=4))
    fail(condition, 0, 2)
    assert condition.admits(0)
    fail(condition, 0)
    now = 0.0
    for wait in (1, 2, 4, 4):
        assert not condition.admits(now + wait - 0.01)
        now += wait
        assert condition.admits(now)
        condition.begin(now)
        assert not condition.admits(now + 0.5), "one tries, the others wait"
        assert condition.admits(now + 1.1), "but not for a slow one"
        condition.failed(now)
        condition.end()
    now += 4
    condition.begin(now)
    condition.succeeded(now, 0.1)
    condition.end()
    assert condition.admits(now)
    assert not condition.open
    assert condition.in_flight == 0


def test_one_that_often_fails_is_left_alone_though_never_in_a_row() -> None:
    condition = Condition(Breaker(failures=5, share=0.5))
    for _ in range(15):
        condition.succeeded(1.0, 0.1)
        fail(condition, 1.0)
    assert condition.open


def test_a_probe_that_was_answered_closes_it() -> None:
    conditions = Conditions()
    conditions.replace([("b1", "m"), ("b2", "m")], Breaker(failures=1))
    for key in conditions.all:
        fail(conditions.of(key), 0)
    conditions.revive("b1")
    assert conditions.of(("b1", "m")).admits(0)
    assert not conditions.of(("b2", "m")).admits(0)


def test_what_is_known_outlives_a_configuration() -> None:
    conditions = Conditions()
    conditions.replace([("b1", "m"), ("b2", "m")], Breaker())
    known = conditions.of(("b1", "m"))
    known.in_flight = 3
    conditions.replace([("b1", "m"), ("b3", "m")], Breaker(failures=9))
    assert conditions.of(("b1", "m")) is known
    assert known.breaker.failures == 9
    assert set(conditions.all) == {("b1", "m"), ("b3", "m")}
    assert conditions.of(("b2", "m")).in_flight == 0, "a request of before finds a place to count"


def test_latency_rises_at_once_and_falls_slowly() -> None:
    condition = Condition(Breaker())
    condition.succeeded(0, 0.1)
    condition.succeeded(1, 2.0)
    assert condition.latency == 2.0
    condition.succeeded(2, 0.1)
    assert 1.0 < condition.latency < 2.0
    condition.succeeded(100, 0.1)
    assert condition.latency == pytest.approx(0.1, rel=0.1)


def test_far_slower_than_the_others_is_asked_last_for_a_while() -> None:
    conditions = Conditions()
    keys = [(f"b{n}", "m") for n in range(4)]
    conditions.replace(keys, Breaker())
    for number, key in enumerate(keys):
        conditions.of(key).succeeded(0, 20.0 if number == 3 else 0.5)
    conditions.eject([keys], 0)
    assert [conditions.of(key).usable(1) for key in keys] == [True, True, True, False]
    assert conditions.of(keys[3]).usable(11)


@given(st.dictionaries(st.tuples(st.text(max_size=3), st.just("m")), st.floats(0.001, 1000), max_size=8))
def test_outliers_are_never_the_half(latencies) -> None:
    assert len(outliers(latencies)) * 2 < max(len(latencies), 1)


@given(st.floats(0, 1), st.floats(0, 20), st.lists(st.floats(0, 0.1), max_size=300))
def test_retries_stay_within_their_share(share, least, pauses) -> None:
    budget = RetryBudget(share, least)
    now, spent = 0.0, 0
    for pause in pauses:
        now += pause
        budget.request()
        spent += budget.spend(now)
    assert spent <= max(least, 1) + share * len(pauses) + least * now + 1e-6


def test_a_retry_after_is_heeded() -> None:
    condition = Condition(Breaker())
    condition.cool(5.0)
    condition.cool(3.0)
    assert not condition.usable(4.9)
    assert condition.usable(5.0)
    assert condition.admits(0), "asked last, but asked"
    assert not math.isnan(condition.latency)
