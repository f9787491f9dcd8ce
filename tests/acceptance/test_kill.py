"""`kill -9` of the command in the middle of its work: the next one finds what was left, says so, and goes on."""

import random
import sqlite3
from collections.abc import Callable

import pytest
from acceptance import observe
from acceptance.checkout import Checkout
from acceptance.observe import until

ENV = "dev"
SEED = 20260
GONE_SECONDS = 12
"""What a killed command had started ends within this time: the providers finish what they are creating."""


def existing(checkout: Checkout) -> dict[tuple[str, int], str | None]:
    """The ledger's rows as they are now, also while somebody writes."""
    path = checkout.base(ENV) / "cloud" / "ledger.sqlite"
    if not path.exists():
        return {}
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
        rows = database.execute("SELECT urn, incarnation, id FROM resource").fetchall()
        database.close()
    except sqlite3.OperationalError:
        return {}
    return {(urn, incarnation): identifier for urn, incarnation, identifier in rows}


def kill_when(checkout: Checkout, condition: Callable[[], object], *command: str) -> None:
    """Run a command until the condition holds, kill it, and see that everything that it had started ends."""
    with checkout.start(*command, "--rehearse") as process:
        try:
            until(lambda: condition() or process.poll() is not None, 120, "the point to kill at")
            assert process.poll() is None, f"it ended before it could be killed: {process.communicate()}"
        finally:
            process.kill()
    until(lambda: not observe.processes(checkout), GONE_SECONDS, f"the end of {observe.processes(checkout)}")


def made_at_least(checkout: Checkout, count: int) -> Callable[[], bool]:
    return lambda: sum(identifier is not None for identifier in existing(checkout).values()) >= count


def different_from(checkout: Checkout, before: dict[tuple[str, int], str | None], count: int) -> Callable[[], bool]:
    return lambda: len(before.keys() ^ existing(checkout).keys()) >= count


@pytest.fixture(scope="module")
def fresh(make_checkout) -> Checkout:
    return make_checkout("killed")


def test_a_first_update_killed_again_and_again_makes_everything_once(fresh, prepared):
    total = len(observe_total := prepared(ENV).up.ok().doc["changes"])
    assert observe_total
    kill_when(fresh, (fresh.base(ENV) / "running.json").exists, "up", ENV)
    for point in sorted(random.Random(SEED).sample(range(5, total - 50), 3)):
        kill_when(fresh, made_at_least(fresh, point), "up", ENV)
    last = fresh.plinth("up", ENV, "--rehearse", "--json").ok()
    assert "was cut off" in last.doc["recovered"][0]
    assert "cut off" in last.err, "nothing was said"
    assert "Traceback" not in last.said
    again = fresh.plinth("up", ENV, "--rehearse", "--json").ok()
    assert again.counts == {"same": total - 1} and again.doc["recovered"] == []
    observe.assert_all_agree(fresh, ENV)


def test_a_killed_change_is_finished(fresh):
    fresh.edit_line(ENV, "zones: [a, b]", "zones: [a, c]")
    fresh.edit_line(ENV, "{name: artifacts, expire_after_days: 90}", "{name: traces}")
    fresh.edit_line(ENV, "buckets: [artifacts]", "buckets: [traces]")
    for count in (2, 12):
        before = existing(fresh)
        kill_when(fresh, different_from(fresh, before, count), "up", ENV)
    last = fresh.plinth("up", ENV, "--rehearse").ok()
    assert "was cut off" in last.err
    again = fresh.plinth("up", ENV, "--rehearse", "--json").ok()
    assert set(again.counts) == {"same"}
    observe.assert_all_agree(fresh, ENV)
    names = [urn.rpartition("::")[2] for urn in observe.made(fresh, ENV)]
    assert "network-private-c" in names and "network-private-b" not in names
    assert "storage-traces" in names and "storage-artifacts" not in names


def test_a_killed_destroy_is_finished(fresh):
    before = existing(fresh)
    kill_when(fresh, different_from(fresh, before, 40), "destroy", ENV)
    fresh.plinth("destroy", ENV, "--rehearse").ok()
    assert observe.resources(fresh, ENV) == []
    assert existing(fresh) == {} and observe.manifests(fresh, ENV) == {}
    with observe.cloud(fresh, ENV) as cloud:
        assert {kind: found for kind, found in cloud.inventory().items() if found} == {}
