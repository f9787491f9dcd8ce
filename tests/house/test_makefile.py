"""The Makefile: what it promises to a person, and to the programs it starts."""

import os
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = ROOT / "Makefile"


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_what_can_be_made():
    shown = set(re.findall(r"^  make ([a-z-]+)", make().stdout, re.MULTILINE))
    assert {"up", "down", "test", "check", "bench", "docs", "lock", "clean", "help"} <= shown
    assert make("help").stdout == make().stdout


def test_programs_start_without_telemetry_and_with_bytecode(tmp_path):
    probe = tmp_path / "probe.mk"
    probe.write_text(
        f"include {MAKEFILE}\nshow:\n"
        '\t@echo "ort=$$ORT_DISABLE_TELEMETRY skip=$$PULUMI_SKIP_UPDATE_CHECK nobytecode=$$PYTHONDONTWRITEBYTECODE"\n'
    )
    shown = make("-f", str(probe), "show", PYTHONDONTWRITEBYTECODE="1").stdout
    assert shown == "ort=1 skip=1 nobytecode=\n"


def test_without_a_recent_python_it_says_so():
    failed = make("venv", "PYTHON=")
    assert failed.returncode != 0
    assert "Python 3.11 or newer" in failed.stderr


def test_an_up_to_date_environment_costs_nothing():
    assert make("venv").returncode == 0
    started = time.monotonic()
    again = make("venv")
    assert (again.returncode, again.stdout) == (0, "")
    assert time.monotonic() - started < 5


def test_ci_runs_make_test_and_nothing_cleverer():
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "exec make test" in run.read_text()
