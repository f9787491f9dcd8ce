"""`plinth doctor`: each finding in its good and its bad form, and the whole on this machine."""

import io
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from plinth_cli import doctor
from plinth_cli.console import Console
from plinth_cli.doctor import Check
from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs
from plinth_cli.toolchain import Toolchain

ROOT = Path(__file__).resolve().parents[2]


def test_everything_is_looked_at_on_this_machine(monkeypatch):
    found = doctor.checks(ROOT)
    names = [check.name for check in found]
    for name in ("python", "virtual environments", "pulumi CLI", "go", "policy pack", "ports", "disk space", "git"):
        assert name in names
    assert {"AWS credentials", "kubectl", "state folder", "cache folder"} <= set(names)
    for check in found:
        assert check.detail
        assert (check.fix == "") == (check.status == "ok"), check


@pytest.mark.parametrize(("version", "status"), [((3, 11, 0), "ok"), ((3, 13, 2), "ok"), ((3, 10, 9), "missing")])
def test_python(version, status):
    assert doctor.check_python(version, "/usr/bin/python3").status == status


def test_python_without_venv():
    check = doctor.check_venv(["ensurepip"])
    assert check.status == "missing"
    assert "python3-venv" in check.fix


def test_pulumi_found():
    check = doctor.check_pulumi(lambda: Toolchain(Path("/opt/pulumi"), "3.256.0", "path"))
    assert check == Check("pulumi CLI", "ok", "3.256.0 from this machine, /opt/pulumi")


def test_pulumi_not_there_is_only_a_warning_because_it_will_be_had():
    check = doctor.check_pulumi(lambda: None)
    assert check.status == "warn"
    assert "downloads it or" in check.fix


def test_a_wrong_choice_of_pulumi_is_missing():
    def find():
        raise PlinthError("PLINTH_PULUMI does not name a usable Pulumi CLI.", fix="unset it")

    assert doctor.check_pulumi(find) == Check(
        "pulumi CLI", "missing", "PLINTH_PULUMI does not name a usable Pulumi CLI.", "unset it"
    )


def test_go_is_optional(tmp_path):
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19\n")
    old.chmod(0o755)
    assert doctor.check_go(None).status == "warn"
    assert "1.19.0 is too old" in doctor.check_go(str(old)).detail


def test_policy_environment():
    assert doctor.check_policy_env(True).status == "ok"
    assert doctor.check_policy_env(False).status == "warn"


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "Pulumi.local.yaml", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: plinth\nruntime: python\n")
    return tmp_path


def test_ports_come_from_the_local_spec(project):
    asked = []
    (check,) = doctor.check_ports(project, lambda port: asked.append(port) or True)
    assert check.status == "ok"
    assert asked == list(doctor.local_ports(project / "Pulumi.local.yaml").values())
    assert len(asked) >= 3


def test_a_busy_port_of_somebody_else(project):
    gateway = doctor.local_ports(project / "Pulumi.local.yaml")["gateway"]
    (check,) = doctor.check_ports(project, lambda port: port != gateway)
    assert (check.status, check.detail) == ("missing", f"in use by something else: gateway {gateway}")
    assert "laptop.ports" in check.fix


def test_a_busy_port_of_our_own(project):
    run = EnvDirs(project, "local").create().run
    (run / "supervisor.json").write_text(json.dumps({"pid": os.getpid()}))
    (check,) = doctor.check_ports(project, lambda port: False)
    assert check.status == "ok"
    assert "by the laptop that runs now" in check.detail


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"pid": "x"}', '{"pid": 999999999}'])
def test_a_stale_or_broken_supervisor_file_is_not_the_laptop(project, content):
    run = EnvDirs(project, "local").create().run
    (run / "supervisor.json").write_text(content)
    assert not doctor.laptop_runs(EnvDirs(project, "local"))


@pytest.mark.parametrize("content", ["", "a: [", "config: {}", "config: {'plinth:platform': {environment: 1}}"])
def test_an_invalid_local_spec_is_pointed_out(project, content):
    (project / "Pulumi.local.yaml").write_text(content)
    (check,) = doctor.check_ports(project, lambda port: True)
    assert (check.status, check.fix) == ("warn", "Run: plinth validate local")


def test_no_local_environment_no_ports(tmp_path):
    assert doctor.check_ports(tmp_path, lambda port: True) == []


def test_a_bound_port_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not doctor.is_free(port)
    assert doctor.is_free(port)


def test_a_folder_that_cannot_be_made(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    check = doctor.check_writable("cache folder", blocked / "plinth")
    assert check.status == "missing"
    assert "PLINTH_CACHE" in check.fix
    assert doctor.check_writable("cache folder", tmp_path / "a" / "b").status == "ok"
    assert not (tmp_path / "a").exists()


def test_disk():
    assert doctor.check_disk(50_000_000_000) == Check("disk space", "ok", "50 GB free")
    assert doctor.check_disk(1_500_000_000).status == "warn"


def test_aws_credentials_without_asking_the_network(tmp_path):
    none = doctor.check_aws({}, tmp_path)
    assert none.status == "warn"
    assert "Only for real clouds" in none.fix
    assert doctor.check_aws({"AWS_PROFILE": "prod"}, tmp_path).detail == "from AWS_PROFILE"
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\n")
    assert doctor.check_aws({}, tmp_path).status == "ok"


def test_a_secret_key_is_never_shown(tmp_path):
    check = doctor.check_aws({"AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_SECRET_ACCESS_KEY": "canary"}, tmp_path)
    assert "canary" not in str(check).lower()


def test_rendered_for_people_and_for_programs():
    found = [Check("one", "ok", "fine"), Check("two", "missing", "gone [now]", "Do this.")]
    buffer = io.StringIO()
    Console(stdout=buffer).show(doctor.render(found))
    assert buffer.getvalue().split() == ["✓", "one", "fine", "✗", "two", "gone", "[now]", "→", "Do", "this."]
    assert json.loads(doctor.as_json(found))[1] == {
        "name": "two",
        "status": "missing",
        "detail": "gone [now]",
        "fix": "Do this.",
    }
    assert not doctor.healthy(found)
    assert doctor.healthy(found[:1])


def test_outside_of_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlinthError, match=r"No Pulumi\.yaml here"):
        doctor.checks()
