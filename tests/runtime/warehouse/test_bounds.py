"""The cache and the retries: what they keep, what they repeat, and that both have a limit."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.warehouse.cache import Key, ResultCache, parameters_digest
from plinth_runtime.warehouse.config import CacheLimits, RetryBudget
from plinth_runtime.warehouse.errors import DeadlineError, QueryFailedError, UnreachableError
from plinth_runtime.warehouse.retrying import Retries

LIMITS = CacheLimits(max_bytes=10_000, max_entry_bytes=5_000, ttl_seconds=10)


def key(tenant="search", role="R", database="D.S", fingerprint="f", parameters="p"):
    return Key(tenant, role, database, fingerprint, parameters)


def table(rows):
    return pa.table({"a": pa.array(range(rows), pa.int64())})


def test_a_result_is_given_again_until_it_is_too_old():
    now = [0.0]
    cache = ResultCache(LIMITS, clock=lambda: now[0])
    cache.put(key(), table(3))
    assert cache.get(key()).num_rows == 3
    now[0] = 10.0
    assert cache.get(key()) is None
    assert cache.size == 0


@pytest.mark.parametrize("other", ["tenant", "role", "database", "fingerprint", "parameters"])
def test_nothing_of_the_key_may_differ(other):
    cache = ResultCache(LIMITS)
    cache.put(key(), table(3))
    assert cache.get(key(**{other: "other"})) is None


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 900))))
def test_the_cache_never_holds_more_than_it_may(puts):
    cache = ResultCache(LIMITS)
    for name, rows in puts:
        cache.put(key(fingerprint=name), table(rows))
        assert cache.size <= LIMITS.max_bytes
        kept = cache.get(key(fingerprint=name))
        assert (kept is None) == (rows * 8 > LIMITS.max_entry_bytes)


def test_the_oldest_reader_goes_first_and_a_tenant_can_be_forgotten():
    cache = ResultCache(LIMITS)
    for name in "ab":
        cache.put(key(fingerprint=name), table(500))
    cache.get(key(fingerprint="a"))
    cache.put(key(fingerprint="c", tenant="support"), table(500))
    assert cache.get(key(fingerprint="b")) is None
    cache.forget("search")
    assert cache.get(key(fingerprint="a")) is None
    assert cache.get(key(fingerprint="c", tenant="support")) is not None


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()), max_size=4))
def test_values_of_other_types_are_other_values(values):
    assert parameters_digest(values) == parameters_digest(list(values))
    assert parameters_digest([*values, 1]) != parameters_digest([*values, True])
    assert parameters_digest([*values, 1]) != parameters_digest([*values, "1"])
    assert parameters_digest([*values, "a", "b"]) != parameters_digest([*values, "a,b"])


NOT_SENT = UnreachableError("x", sent=False)
SENT = UnreachableError("x", sent=True)
LOCKED = QueryFailedError("x", code=625)
EXPIRED = QueryFailedError("x", code=390112)
WRONG = QueryFailedError("x", code=2003)


@pytest.mark.parametrize(
    ("error", "repeatable", "again"),
    [
        (NOT_SENT, False, True),
        (SENT, False, False),
        (SENT, True, True),
        (LOCKED, False, False),
        (LOCKED, True, True),
        (EXPIRED, False, True),
        (WRONG, True, False),
        (DeadlineError("x"), True, False),
    ],
)
def test_only_what_is_safe_is_repeated(error, repeatable, again):
    assert (Retries(RetryBudget()).wait(error, 1, repeatable=repeatable) is not None) is again


def test_waits_grow_and_are_random_up_to_a_limit():
    retries = Retries(RetryBudget(attempts=10, base_seconds=1, max_seconds=5), draw=lambda: 1.0)
    assert [retries.wait(SENT, attempt, repeatable=True) for attempt in range(1, 6)] == [1, 2, 4, 5, 5]
    assert Retries(RetryBudget(), draw=lambda: 0.0).wait(SENT, 3, repeatable=True) == 0


@given(st.integers(0, 50), st.floats(0, 1), st.lists(st.booleans(), max_size=200))
def test_a_failing_server_is_never_asked_much_more(reserve, ratio, queries):
    retries = Retries(RetryBudget(reserve=reserve, ratio=ratio))
    repeated = 0
    for fails in queries:
        retries.earn()
        if fails and retries.wait(SENT, 1, repeatable=True) is not None:
            repeated += 1
    assert repeated <= reserve + ratio * len(queries) + 1e-6


def test_attempts_end():
    assert Retries(RetryBudget(attempts=2)).wait(SENT, 2, repeatable=True) is None
