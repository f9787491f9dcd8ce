"""After a kill: locks, torn state, pending operations and leftovers."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plinth_cli.engine import lock, recovery
from plinth_cli.engine.checkpoint import Pending, StackFiles
from plinth_cli.engine.lock import Marker, Running
from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs

CHAIN = """
previous = None
for number in range(12):
    previous = random.RandomPassword(
        f"link-{number}", length=16, opts=pulumi.ResourceOptions(depends_on=[previous] if previous else [])
    )
"""
LINKS = 12


def urn(name: str) -> str:
    return f"urn:pulumi:dev::demo::random:index/randomPassword:RandomPassword::{name}"


def resource(name: str, identifier: str) -> dict:
    return {"urn": urn(name), "id": identifier, "custom": True, "type": "random:index/randomPassword:RandomPassword"}


class Planted:
    """A backend on disk, without an engine."""

    def __init__(self, root: Path) -> None:
        self.dirs = EnvDirs(root, "dev").create()
        self.files = StackFiles(self.dirs.state, "demo", "dev")

    def state(self, resources: list[dict], pending: list[tuple[str, dict]] = ()) -> None:
        operations = [{"resource": item, "type": kind} for kind, item in pending]
        latest = {"resources": resources, "pending_operations": operations}
        self.files.state.parent.mkdir(parents=True, exist_ok=True)
        self.files.state.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))

    def lock(self, pid: int, host: str | None = None, stamp: datetime | None = None) -> Path:
        self.files.locks.mkdir(parents=True, exist_ok=True)
        path = self.files.locks / "1234.json"
        when = (stamp or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.000000001Z")
        path.write_text(json.dumps({"pid": pid, "hostname": host or socket.gethostname(), "timestamp": when}))
        return path

    def cut_off(self, operation: str = "up dev", keeper: int = 0) -> None:
        Marker(self.dirs).write(Running(operation, 4_000_000, time.time() - 60, keeper, time.time() - 60))

    def recover(self, ledger: dict[str, str] | None = None) -> recovery.Recovered:
        return recovery.recover(self.files, self.dirs, ledger or {})


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def test_nothing_is_said_when_nothing_is_wrong(planted):
    planted.state([resource("a", "1")])
    found = planted.recover({urn("a"): "1"})
    assert (found.notes, found.adopt, found.clear) == ([], frozenset(), [])


def test_a_lock_of_a_dead_process_is_removed(planted):
    with subprocess.Popen(["true"]) as process:
        process.wait()
    path = planted.lock(process.pid)
    assert "which is gone" in planted.recover().notes[0]
    assert not path.exists()


def test_a_lock_whose_number_another_process_has_now_is_removed(planted):
    path = planted.lock(os.getpid(), stamp=datetime(2020, 1, 1, tzinfo=UTC))
    planted.recover()
    assert not path.exists()


def test_a_lock_of_a_running_engine_is_respected(planted):
    with subprocess.Popen(["sleep", "60"]) as process:
        time.sleep(0.1)
        path = planted.lock(process.pid)
        with pytest.raises(PlinthError) as caught:
            planted.recover()
        process.kill()
    assert f"kill {process.pid}" in str(caught.value.fix)
    assert path.exists()


def test_a_lock_from_another_machine_is_respected(planted):
    planted.lock(1, host="elsewhere")
    with pytest.raises(PlinthError, match="on elsewhere"):
        planted.recover()


def test_a_torn_lock_is_removed(planted):
    planted.lock(1).write_text("")
    planted.recover()
    assert list(planted.files.locks.iterdir()) == []


@pytest.mark.parametrize("content", ["", '{"version": 3, "checkpo', "[]"])
def test_a_torn_state_is_restored_from_the_newest_whole_copy(planted, content):
    planted.state([resource("old", "1")])
    planted.files.history.mkdir(parents=True)
    older = planted.files.history / "dev-1.checkpoint.json"
    older.write_text(planted.files.state.read_text())
    os.utime(older, (1, 1))
    planted.state([resource("old", "1"), resource("new", "2")])
    planted.files.state.with_name("dev.json.bak").write_text(planted.files.state.read_text())
    planted.files.state.write_text(content)
    found = planted.recover({urn("old"): "1", urn("new"): "2", urn("newest"): "3"})
    assert "torn" in " ".join(found.notes)
    assert planted.files.resources() == {(urn("old"), "1"), (urn("new"), "2")}
    assert found.adopt == {urn("newest")}
    assert [path.read_text() for path in (planted.dirs.base / "damaged").iterdir()] == [content]


def test_a_state_without_a_whole_copy_is_an_error(planted):
    planted.state([])
    planted.files.state.write_text("{")
    with pytest.raises(PlinthError, match="no whole copy"):
        planted.recover()


def test_what_only_the_ledger_knows_is_adopted_and_the_rest_is_told(planted):
    pending = [
        ("creating", resource("made", "")),
        ("creating", resource("never", "")),
        ("updating", resource("old", "1")),
    ]
    planted.state([resource("old", "1")], pending)
    planted.cut_off()
    found = planted.recover({urn("old"): "1", urn("made"): "2"})
    assert found.adopt == {urn("made")}
    assert [item.operation for item in found.clear] == ["creating", "creating", "updating"]
    text = "\n".join(found.notes)
    assert "`plinth up dev` (pid 4000000" in text and "was cut off" in text
    assert "1 creation had reached the rehearsal's cloud, adopted: made." in text
    assert "1 pending creation never happened, made again if needed: never." in text
    assert "1 operation cut off while updating, repeated: old." in text


def test_a_replacement_that_did_not_begin_is_not_adopted(planted):
    planted.state([resource("a", "1")], [("creating", resource("a", ""))])
    planted.cut_off()
    assert planted.recover({urn("a"): "1"}).adopt == frozenset()


def test_a_replacement_that_was_made_is_adopted(planted):
    planted.state([resource("a", "1")], [("creating", resource("a", ""))])
    planted.cut_off()
    assert planted.recover({urn("a"): "2"}).adopt == {urn("a")}


def test_a_cut_off_run_is_told_even_when_nothing_was_half_done(planted):
    planted.state([resource("a", "1")])
    planted.cut_off()
    (note,) = planted.recover({urn("a"): "1"}).notes
    assert "`plinth up dev` (pid 4000000" in note and "nothing was left half done" in note


def test_a_run_that_failed_in_good_order_is_not_told(planted):
    planted.state([])
    Marker(planted.dirs).write(Running("up dev", 4_000_000, time.time() - 60, ended=True))
    found = planted.recover({urn("made"): "1"})
    assert found.notes[0].startswith("`plinth up dev`") and found.adopt == {urn("made")}
    planted.state([resource("made", "1")])
    assert planted.recover({urn("made"): "1"}).notes == []


def test_what_was_retained_on_purpose_is_not_adopted(planted):
    planted.state([])
    assert planted.recover({urn("kept"): "1"}).adopt == frozenset()
    planted.cut_off("destroy dev")
    assert planted.recover({urn("kept"): "1"}).adopt == frozenset()


def test_leftovers_are_remembered_until_the_state_knows_them(planted):
    planted.state([], [("creating", resource("made", ""))])
    planted.cut_off()
    planted.recover({urn("made"): "2"})
    planted.state([])  # a kill right after the pending operations were cleared
    Marker(planted.dirs).clear()
    assert planted.recover({urn("made"): "2"}).adopt == {urn("made")}
    planted.state([resource("made", "2")])
    assert planted.recover({urn("made"): "2"}).adopt == frozenset()
    planted.state([])
    assert planted.recover({urn("made"): "2"}).adopt == frozenset()


def test_other_stacks_of_the_ledger_are_left_alone(planted):
    planted.state([])
    planted.cut_off()
    assert planted.recover({"urn:pulumi:dev::search::a:b:C::x": "1"}).adopt == frozenset()


def test_an_engine_left_running_is_ended(planted):
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        recovery.END_SECONDS, before = 0.3, recovery.END_SECONDS
        try:
            Marker(planted.dirs).write(Running("up dev", 1, time.time(), process.pid, time.time()))
            assert "Ended the engine" in " ".join(planted.recover().notes)
        finally:
            recovery.END_SECONDS = before
        assert process.wait(5) == -signal.SIGKILL


def test_two_at_a_time_is_an_error_that_says_who(tmp_path):
    dirs = EnvDirs(tmp_path, "dev")
    with (
        lock.environment_lock(dirs, "up dev"),
        pytest.raises(PlinthError) as caught,
        lock.environment_lock(dirs, "preview dev"),
    ):
        pass
    assert f"`plinth up dev` (pid {os.getpid()}" in caught.value.what
    with lock.environment_lock(dirs, "preview dev"):
        pass


def ledger(place) -> list[tuple[str, str]]:
    path = place.base / "cloud" / "ledger.sqlite"
    if not path.exists():
        return []
    try:
        with sqlite3.connect(path) as database:
            return database.execute("SELECT urn, id FROM resource").fetchall()
    except sqlite3.OperationalError:  # the file is there before its table is
        return []


def helpers(place) -> list[int]:
    """Every process that works on this place."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(place.root).encode() in words and state != "Z" and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def wait_until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def freeze_in_creation(server: int, files: StackFiles) -> bool:
    """Stop the providers while the engine waits for a creation."""
    for attempt in range(100):
        os.kill(server, signal.SIGSTOP)
        for _ in range(20):
            time.sleep(0.02)
            if files.pending():
                time.sleep(0.2)
                return True
        os.kill(server, signal.SIGCONT)
        time.sleep(0.003 * (attempt % 5))
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_kill_9_in_the_middle_of_an_update(place):
    place.environ = {"PLACE": str(place.root)}
    place.write(CHAIN)
    process = place.start("up", "dev", "--rehearse")
    wait_until(lambda: len(ledger(place)) >= 4)
    (server,) = [pid for pid in helpers(place) if b"rehearsal.server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    files = StackFiles(place.base / "state", "demo", "dev")
    assert freeze_in_creation(server, files)
    process.kill()
    process.communicate()
    os.kill(server, signal.SIGCONT)
    wait_until(lambda: not helpers(place), 20)
    assert [item.operation for item in files.pending()] == ["creating"]
    before = dict(ledger(place))

    again = place.cli("up", "dev", "--rehearse")
    assert again.returncode == 0, again.stderr
    assert "was cut off. Picking up where it stopped" in again.stderr
    after = ledger(place)
    assert len(after) == len(dict(after)) == LINKS
    assert before.items() <= dict(after).items()
    third = place.cli("up", "dev", "--rehearse", "--json")
    document = json.loads(third.stdout)
    assert document["counts"] == {"same": LINKS}
    assert document["recovered"] == []
    assert not helpers(place)


def test_a_kill_during_recovery_can_be_recovered_from(place):
    place.write(CHAIN)
    place.run()
    files = StackFiles(place.base / "state", "demo", "dev")
    content = json.loads(files.state.read_text())
    latest = content["checkpoint"]["latest"]
    gone = next(item for item in latest["resources"] if item["urn"].endswith("::link-11"))
    latest["resources"].remove(gone)
    latest["pending_operations"] = [{"resource": gone, "type": "creating"}]
    files.state.write_text(json.dumps(content))
    dirs = EnvDirs(place.root, "dev")
    Marker(dirs).write(Running("up dev", 4_000_000, time.time() - 60))
    for _ in range(2):  # the first recovery is cut off before it clears the pending operation
        found = recovery.recover(files, dirs, recovery.read_ledger(dirs))
        assert found.adopt == {gone["urn"]}
        assert found.clear == [Pending("creating", gone["urn"])]
    before = sorted(ledger(place))
    told = place.run()
    assert told.result.ok and told.result.counts == {"same": LINKS - 1, "create": 1}
    assert "adopted: link-11" in told.err
    assert sorted(ledger(place)) == before


def test_ctrl_c_stops_the_engine_and_says_how_to_go_on(place):
    place.write(
        """
        import time
        Box("first")
        print("waiting")
        time.sleep(float(os.environ.get("NAP", "0")))
        Box("second")
        """
    )
    place.environ = {"NAP": "60"}
    process = place.start("up", "dev", "--rehearse")
    seen = ""
    while "waiting" not in seen:
        seen += process.stderr.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 15
    assert process.returncode == 130
    assert "Stopping" in err
    assert "stopped" in out and "run the same command again to go on" in out
    again = place.run("preview")
    assert again.result.ok
