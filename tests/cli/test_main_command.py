"""The command line: words, exit codes, help, and what it imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pulumi", "pydantic", "boto3", "grpc", "yaml", "rich", "plinth.spec")


def plinth(*arguments: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `plinth ARGUMENTS` without a terminal, 80 columns wide."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "plinth_cli", *arguments],
        cwd=cwd,
        env={**variables, "COLUMNS": "80", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A project without a program: enough for everything that fails before the engine."""
    (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    for env in ("dev", "prod", "local"):
        (tmp_path / f"Pulumi.{env}.yaml").write_text("config: {}\n")
    return tmp_path


def test_nothing_heavy_is_imported_for_help():
    code = "import sys, plinth_cli.main; print([name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_fits_80_columns_and_lists_every_command():
    done = plinth("--help")
    assert done.returncode == 0
    for command in (
        "up",
        "preview",
        "destroy",
        "refresh",
        "validate",
        "schema",
        "envs",
        "doctor",
        "key",
        "status",
        "down",
    ):
        assert f"  {command} " in done.stdout
    for command in ("", "up", "key", "logs"):
        assert max(len(line) for line in plinth(*command.split(), "--help").stdout.splitlines()) <= 80


def test_version():
    assert plinth("--version").stdout.startswith("plinth ")


@pytest.mark.parametrize(("typed", "meant"), [("uo", "up"), ("previw", "preview"), ("destory", "destroy")])
def test_a_wrong_command_gets_the_nearest_right_one(typed, meant):
    done = plinth(typed, "dev")
    assert done.returncode == 2
    assert f"Did you mean '{meant}'?" in done.stderr
    assert done.stdout == ""


def test_a_wrong_environment_gets_the_nearest_right_one(demo):
    done = plinth("up", "prd", "--rehearse", cwd=demo)
    assert done.returncode == 2
    assert "There is no environment 'prd' in project demo. Did you mean 'prod'?" in done.stderr
    assert "local, dev, prod" in done.stderr


def test_errors_are_json_too(demo):
    done = plinth("preview", "nowhere", "--json", cwd=demo)
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"], document["exitCode"]) == (2, False, 2)
    assert "nowhere" in document["error"]["what"]


def test_outside_a_project_the_error_says_where_to_go(tmp_path):
    done = plinth("up", "dev", cwd=tmp_path)
    assert done.returncode == 1
    assert "No Pulumi.yaml here" in done.stderr and "fix:" in done.stderr


@pytest.mark.parametrize("operation", ["up", "destroy", "refresh"])
def test_a_real_environment_is_not_changed_without_a_yes(demo, operation):
    done = plinth(operation, "prod", cwd=demo)
    assert done.returncode == 2
    assert "changes a real environment" in done.stderr
    assert f"plinth {operation} prod --rehearse" in done.stderr
    assert not (demo / ".plinth").exists()
    refused = json.loads(plinth(operation, "prod", "--json", cwd=demo).stdout)
    assert (refused["ok"], refused["exitCode"]) == (False, 2)


@pytest.mark.parametrize("operation", ["preview", "destroy", "envs"])
def test_a_folder_that_is_no_stack_does_not_mean_the_platform_above_it(demo, operation):
    (demo / "stacks").mkdir()
    arguments = [] if operation == "envs" else ["local"]
    done = plinth(operation, *arguments, "--stack", "stacks", cwd=demo)
    assert done.returncode == 1
    assert "There is no Pulumi.yaml in this folder." in done.stderr
    assert not (demo / ".plinth").exists()


def test_without_a_backend_the_error_names_the_rehearsal(demo, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    done = plinth("up", "prod", "--yes", cwd=demo, PULUMI_HOME=str(home))
    assert done.returncode == 1
    assert "plinth up prod --rehearse" in done.stderr
    assert "PULUMI_ACCESS_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_stack_the_error_says_how_to_make_it(demo, tmp_path):
    backend = tmp_path / "backend"
    backend.mkdir()
    done = plinth("preview", "prod", cwd=demo, PULUMI_BACKEND_URL=backend.as_uri(), PULUMI_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert "pulumi stack init prod" in done.stderr


def test_validate_lists_every_mistake_of_every_environment(demo):
    (demo / "Pulumi.dev.yaml").write_text("config:\n  platform: {clutser: {}, network: {zonez: 2}}\n")
    done = plinth("validate", "dev", cwd=demo)
    assert done.returncode == 1
    assert "Pulumi.dev.yaml" in done.stderr
    assert "'clutser'" in done.stderr and "Did you mean 'cluster'?" in done.stderr
    assert "network.zonez" in done.stderr and "Did you mean 'zones'?" in done.stderr
    missing = plinth("validate", "prod", cwd=demo)
    assert missing.returncode == 1 and "demo:platform" in missing.stderr


def test_validate_knows_a_misspelt_key_an_empty_file_and_the_file_of_another_environment(demo):
    (demo / "Pulumi.dev.yaml").write_text("config:\n  demo:platfrom: {}\n")
    assert "Rename `demo:platfrom` to `demo:platform`." in plinth("validate", "dev", cwd=demo).stderr
    (demo / "Pulumi.dev.yaml").write_text("\n")
    assert "The file is empty." in plinth("validate", "dev", cwd=demo).stderr
    spec = (ROOT / "Pulumi.prod.yaml").read_text().replace("plinth:platform", "demo:platform")
    (demo / "Pulumi.dev.yaml").write_text(spec)
    done = plinth("validate", "dev", cwd=demo)
    assert done.returncode == 1
    assert "environment.name: 'prod' is not allowed: the same as the file's: 'dev'" in done.stderr


def test_our_own_environments_and_examples_are_valid():
    done = plinth("validate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("✓") == 4 + len(list(ROOT.glob("examples/Pulumi.*.yaml")))


def test_broken_yaml_names_the_line(demo):
    (demo / "Pulumi.dev.yaml").write_text("config:\n  a: [1,\n")
    done = plinth("validate", "dev", cwd=demo)
    assert done.returncode == 1
    assert "not valid YAML" in done.stderr and "Pulumi.dev.yaml:" in done.stderr


def test_the_schema_is_printed_and_is_the_one_kept():
    done = plinth("schema")
    assert json.loads(done.stdout) == json.loads((ROOT / "docs/reference/stack.schema.json").read_text())


def test_envs_as_text_and_json(demo):
    assert plinth("envs", cwd=demo).stdout.splitlines()[0].startswith("local  runs on this machine")
    listed = json.loads(plinth("envs", "--json", cwd=demo).stdout)
    assert [item["name"] for item in listed] == ["local", "dev", "prod"]


def test_only_local_runs_here(demo):
    done = plinth("status", "dev", cwd=demo)
    assert done.returncode == 2
    assert "dev does not run on this machine" in done.stderr
    assert plinth("down", "local", cwd=demo).returncode == 0


def test_usage_names_arguments_once():
    assert "logs [OPTIONS] [ENV] [WORKLOAD]\n" in plinth("logs", "--help").stdout
    assert "validate [OPTIONS] [ENV]...\n" in plinth("validate", "--help").stdout


def test_a_defect_of_ours_is_one_sentence_and_a_file(demo, tmp_path):
    (demo / "Pulumi.dev.yaml").unlink()
    (demo / "Pulumi.dev.yaml").mkdir()
    cache = tmp_path / "cache"
    code = "import sys, plinth_cli.engine.project as p, plinth_cli.main as m\n"
    code += "p.Project.load = lambda *a: 1 / 0\nsys.argv = ['plinth', 'envs']\nm.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=demo,
        env={**os.environ, "PLINTH_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Something in plinth itself went wrong: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in (cache / "logs" / "last-error.log").read_text()
