"""What a person sees, on a terminal and in a log."""

import io
import pickle
import time

import pytest

from plinth_cli import console as consoles
from plinth_cli.console import Console, duration
from plinth_cli.errors import PlinthError


@pytest.fixture
def streams():
    return io.StringIO(), io.StringIO()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (65, "1m 05s"), (600, "10m 00s")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_results_and_narration_are_apart(streams):
    out, err = streams
    console = Console(stdout=out, stderr=err)
    console.say("result [bold]")
    console.step("doing")
    console.done("did")
    console.warn("careful", fix="look")
    assert out.getvalue() == "result [bold]\n"
    assert err.getvalue() == "• doing\n✓ did\n! careful\n  fix:   look\n"


def test_an_error_is_what_where_and_fix(streams):
    _, err = streams
    Console(stderr=err).error(PlinthError("It broke [here].", where="file.yaml", fix="Mend\nit."))
    assert err.getvalue() == "✗ It broke [here].\n  where: file.yaml\n  fix:   Mend\n         it.\n"


def test_quiet_keeps_warnings_errors_and_results(streams):
    out, err = streams
    console = Console(quiet=True, stdout=out, stderr=err)
    with console.task("Working") as task:
        task.update("much")
    console.note("detail")
    console.say("{}")
    console.warn("careful")
    console.error(PlinthError("broke"))
    assert out.getvalue() == "{}\n"
    assert err.getvalue() == "! careful\n✗ broke\n"


def test_a_long_task_is_never_silent_in_a_log(streams, monkeypatch):
    _, err = streams
    monkeypatch.setattr(consoles, "HEARTBEAT_SECONDS", 0.05)
    with Console(stderr=err).task("Building") as task:
        task.update("3 of 9")
        time.sleep(0.2)
        task.finish("Built")
    lines = err.getvalue().splitlines()
    assert lines[0] == "• Building …"
    assert any("3 of 9" in line for line in lines[1:-1])
    assert lines[-1].startswith("✓ Built  ")


def test_a_failed_task_says_so_and_lets_the_error_through(streams):
    _, err = streams
    with pytest.raises(PlinthError), Console(stderr=err).task("Building"):
        raise PlinthError("broke")
    assert "✗ Building" in err.getvalue()


def test_an_error_survives_pickling():
    again = pickle.loads(pickle.dumps(PlinthError("a", "b", "c")))
    assert (again.what, again.where, again.fix) == ("a", "b", "c")
    assert str(again) == "a\n  where: b\n  fix:   c"
