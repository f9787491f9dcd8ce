"""The keeper: what it started ends with whoever holds its standard input."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from plinth_cli.engine import keeper, processes


def start(command: list[str], grace: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, grace, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end with standard input held open, as the CLI does."""
    out = process.stdout.read()
    err = process.stderr.read()
    process.wait(10)
    return out, err


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_it_passes_output_and_exit_code_on():
    with start(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]) as process:
        out, err = finish(process)
    assert (out, err, process.returncode) == ("out\n", "err\n", 7)


def test_a_child_ended_by_a_signal_has_the_shells_exit_code():
    with start(["/bin/sh", "-c", "kill -9 $$"]) as process:
        finish(process)
    assert process.returncode == 137


def test_a_command_that_cannot_start_is_told():
    with start(["/no/such/program"]) as process:
        _, err = finish(process)
    assert process.returncode == 127
    assert "cannot start /no/such/program" in err


def test_end_of_input_ends_the_child_and_what_it_started(tmp_path: Path):
    pids = tmp_path / "pids"
    # A grandchild in a process group of its own, as Pulumi starts its plugins.
    script = (
        "import os, subprocess, sys, time\n"
        "g = subprocess.Popen(['sleep', '300'], process_group=0)\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{g.pid}}\\n')\n"
        "time.sleep(300)\n"
    )
    with start([sys.executable, "-c", script]) as process:
        assert wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        child, grandchild = map(int, pids.read_text().split())
        process.stdin.close()
        assert process.wait(10) == 137
    assert wait_until(lambda: not processes.alive(child) and not processes.alive(grandchild))


def test_with_grace_the_child_is_asked_first(tmp_path: Path):
    said = tmp_path / "said"
    script = (
        "import signal, sys, time\n"
        f"def stop(*_): open({str(said)!r}, 'w').write('interrupted'); sys.exit(3)\n"
        "signal.signal(signal.SIGINT, stop)\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)\n"
    )
    with start([sys.executable, "-c", script], grace="20") as process:
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()
        assert process.wait(10) == 3
    assert said.read_text() == "interrupted"


def test_an_interrupt_reaches_the_child_once():
    script = (
        "import signal, time\nseen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\nend = time.time() + 1.5\n"
        "while time.time() < end: time.sleep(0.1)\nprint(len(seen), flush=True)\n"
    )
    with start([sys.executable, "-c", script]) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, _ = finish(process)
    assert out == "1\n"


def test_a_process_that_began_later_is_not_the_same():
    with subprocess.Popen(["sleep", "30"]) as process:
        try:
            assert processes.same(process.pid, time.time() + 5)
            assert not processes.same(process.pid, time.time() - 3600)
            assert processes.alive(os.getpid())
        finally:
            process.kill()
    assert not processes.alive(process.pid)
