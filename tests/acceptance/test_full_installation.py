"""A person with a full Pulumi installation types `pulumi` in the checkout, and gets what `plinth` gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plinth_cli.console import Console
from plinth_cli.rehearsal import Rehearsal
from plinth_cli.toolchain import ensure_language_host


@pytest.fixture(scope="module")
def language_host() -> Path:
    return ensure_language_host(Console()).executable


@pytest.fixture
def pulumi(make_checkout, toolchain, language_host, tmp_path):
    """The real CLI with its language host, in a checkout with a backend and a passphrase of the person's own."""
    checkout = make_checkout("typed")
    backend = tmp_path / "backend"
    backend.mkdir()
    folders = [Path(sys.executable).parent, language_host.parent, toolchain.pulumi.parent]
    environ = {
        **checkout.environ,
        "PATH": os.pathsep.join([*map(str, folders), checkout.environ["PATH"]]),
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "the-persons-own",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Plugins of a full installation would be downloaded; the stand-ins take their place.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "no_proxy": "127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }

    def run(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [toolchain.pulumi, *args, "--non-interactive"],
            cwd=checkout.root,
            env={**environ, **variables},
            capture_output=True,
            text=True,
            timeout=280,
        )

    run.checkout = checkout
    return run


def typed(pulumi, base: Path, env: str, *args: str) -> subprocess.CompletedProcess[str]:
    with Rehearsal(base / env, None, "phrase-of-the-cloud") as rehearsal:
        made = pulumi("stack", "init", env)
        assert made.returncode == 0, made.stderr
        done = pulumi(*args, "--stack", env, "--policy-pack", "policies/analyzer", **rehearsal.environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def test_pulumi_preview_of_prod_plans_what_plinth_plans(pulumi, prepared, tmp_path):
    done = typed(pulumi, tmp_path, "prod", "preview", "--json")
    summary = json.loads(done.stdout)["changeSummary"]
    # Pulumi counts the stack itself, too.
    assert summary == {"create": prepared("prod").preview.counts["create"] + 1}


def test_pulumi_up_of_local_makes_what_plinth_makes(pulumi, tmp_path):
    done = typed(pulumi, tmp_path, "local", "up", "--yes")
    assert "Policies:" in done.stdout
    outputs = json.loads(pulumi("stack", "output", "--json", "--stack", "local").stdout)
    assert outputs["contract"]["schema"] == "plinth.platform/v1"
    assert (tmp_path / "local" / "manifests" / "plinth-system" / "Deployment-gateway.yaml").is_file()
    assert "plinth_search_" not in done.stdout + done.stderr
