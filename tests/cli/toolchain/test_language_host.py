"""Pulumi's language host for Python: for people who type `pulumi` themselves where it had to be built."""

import pytest

from plinth_cli.errors import PlinthError
from plinth_cli.toolchain import ensure_language_host

EXEC = "pulumi-language-python-exec"


def test_a_complete_installation_has_it(machine, said, monkeypatch):
    host = machine.pulumi("anything").rename(machine.bin / "pulumi-language-python")
    found = ensure_language_host(said)
    assert (found.executable, found.origin) == (host, "path")


def test_it_is_built_once_with_its_script_beside_it(machine, said):
    machine.go()
    script = machine.sdk / "python" / "cmd" / EXEC
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/env python\n")
    built = ensure_language_host(said)
    assert built.origin == "build"
    assert {file.name for file in built.bin_dir.iterdir()} == {"pulumi-language-python", EXEC}
    assert (built.bin_dir / EXEC).stat().st_mode & 0o111
    again = ensure_language_host(said)
    assert (again.executable, again.origin) == (built.executable, "cache")
    assert machine.builds == 1


def test_without_its_script_it_is_not_installed(machine, said):
    machine.go()
    with pytest.raises(PlinthError) as failed:
        ensure_language_host(said)
    assert EXEC in failed.value.where
    assert "Install Pulumi completely" in failed.value.fix
    assert not list((machine.cache / "pulumi-language-python").glob("[!.]*"))
