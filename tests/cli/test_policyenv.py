"""The policy pack's environment and its launcher."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plinth_cli import policyenv
from plinth_cli.console import Console
from plinth_cli.errors import PlinthError

ROOT = Path(__file__).resolve().parents[2]


def test_ready_once_made_and_then_silent():
    env = policyenv.ensure_policy_env(Console(stderr=io.StringIO()))
    assert env.pack == ROOT / "policies"
    assert [file.name for file in env.bin_dir.iterdir()] == [policyenv.ANALYZER]
    assert os.access(env.bin_dir / policyenv.ANALYZER, os.X_OK)
    assert policyenv.policy_env_ready()
    said = io.StringIO()
    policyenv.ensure_policy_env(Console(stderr=said))
    assert said.getvalue() == ""


def test_the_pack_has_the_protobuf_that_its_sdk_pins():
    policyenv.ensure_policy_env(Console(quiet=True))
    program = "import google.protobuf as p, pulumi_policy; print(p.__version__.split('.')[0])"
    python = ROOT / "policies" / ".venv" / "bin" / "python"
    assert subprocess.check_output([python, "-c", program], text=True).strip() == "5"


def test_the_launcher_passes_arguments_to_the_policy_module_of_its_python(tmp_path):
    python = tmp_path / "with space" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    folder = policyenv.write_analyzer(tmp_path / "bin", python)
    out = subprocess.check_output([folder / policyenv.ANALYZER, "127.0.0.1:1", "a b"], text=True)
    assert out.splitlines() == ["-u", "-m", "pulumi.policy", "127.0.0.1:1", "a b"]


def test_the_launcher_follows_a_moved_clone(tmp_path):
    folder = policyenv.write_analyzer(tmp_path / "bin", Path("/old/python"))
    before = (folder / policyenv.ANALYZER).stat().st_mtime_ns
    policyenv.write_analyzer(folder, Path("/old/python"))
    assert (folder / policyenv.ANALYZER).stat().st_mtime_ns == before
    policyenv.write_analyzer(folder, Path(sys.executable))
    assert sys.executable in (folder / policyenv.ANALYZER).read_text()


def test_a_launcher_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PlinthError) as failed:
        policyenv.write_analyzer(blocked / "bin", Path("/usr/bin/python3"))
    assert str(blocked) in failed.value.where
