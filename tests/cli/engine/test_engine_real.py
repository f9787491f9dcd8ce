"""Environments that are not rehearsed: the user's own backend, own files, and the policies all the same."""

import json
import os
import subprocess

import pytest


@pytest.fixture
def real(place, tmp_path):
    """A project with a stack in a backend of the user's."""
    place.write('Box("box")\npulumi.export("hidden", pulumi.Output.secret("canary-7f3a91-do-not-show"))')
    backend = tmp_path / "backend"
    backend.mkdir()
    place.environ = {
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "the-users-own",
        "PULUMI_HOME": str(tmp_path / "home"),
    }
    subprocess.run(
        [place.toolchain.pulumi, "stack", "init", "dev", "--non-interactive"],
        cwd=place.root,
        env={**os.environ, **place.environ},
        check=True,
        capture_output=True,
    )
    return place


def test_a_real_environment_lives_in_the_users_backend(real, tmp_path):
    before = (real.root / "Pulumi.dev.yaml").read_text()
    done = real.cli("up", "dev", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["counts"] == {"create": 1}
    assert document["rehearsed"] is False
    assert document["policy"]["packs"] == 1
    assert document["outputs"] == {"hidden": "[secret]"}
    assert (tmp_path / "backend/.pulumi/stacks/demo/dev.json").is_file()
    assert not (real.base / "state" / ".pulumi").exists()
    assert (real.root / "Pulumi.dev.yaml").read_text() == before
    again = real.cli("preview", "dev")
    assert "everything unchanged (1 resources)" in again.stdout
    assert "canary" not in done.stdout + done.stderr + again.stdout + again.stderr


def test_policies_stop_a_real_update(real):
    (real.root / "__main__.py").write_text((real.root / "__main__.py").read_text() + '\nBox("forbidden")\n')
    done = real.cli("up", "dev", "--yes")
    assert done.returncode == 3
    assert "policy no-forbidden  Box forbidden" in done.stderr


def test_a_wrong_passphrase_is_told(real):
    real.environ["PULUMI_CONFIG_PASSPHRASE"] = "not-this-one"
    done = real.cli("up", "dev", "--yes")
    assert done.returncode == 1
    assert "incorrect passphrase" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_protected_stops_a_destroy_before_anything_is_deleted(real):
    real.write('Box("box")\nBox("vault", opts=pulumi.ResourceOptions(protect=True))')
    assert real.cli("up", "dev", "--yes").returncode == 0
    done = real.cli("destroy", "dev", "--yes")
    assert done.returncode == 1
    assert "1 resource is protected against deletion: vault. Nothing was deleted." in done.stderr
    assert "pulumi state unprotect" in done.stderr
    assert "everything unchanged (2 resources)" in real.cli("preview", "dev").stdout


def test_a_rehearsal_deletes_what_is_protected_and_says_so(place):
    place.write('Box("vault", opts=pulumi.ResourceOptions(protect=True))')
    assert place.cli("up", "dev", "--rehearse").returncode == 0
    done = place.cli("destroy", "dev", "--rehearse")
    assert done.returncode == 0, done.stderr
    assert "1 resource is protected (vault): the rehearsal deletes them, the real dev would refuse" in done.stderr
