"""Operations on the real engine, with stand-in providers and a policy pack."""

import json
from pathlib import Path

import pytest

from plinth_cli.engine.project import Project, UnknownEnvironment
from plinth_cli.errors import PlinthError

CANARY = "canary-7f3a91-do-not-show"

TWO = """
size = int(os.environ.get("SIZE", "3"))
outer = Box("outer", {"size": size, "secret": pulumi.Output.secret("canary-7f3a91-do-not-show")})
random.RandomPassword("inner", length=int(os.environ.get("LENGTH", "16")), opts=pulumi.ResourceOptions(parent=outer))
if not os.environ.get("WITHOUT"):
    Box("other")
pulumi.export("plain", "visible")
pulumi.export("hidden", pulumi.Output.secret("canary-7f3a91-do-not-show"))
"""


def test_up_creates_and_a_second_up_changes_nothing(place):
    place.write(TWO)
    first = place.run()
    assert first.result.ok and first.result.counts == {"create": 3}
    assert "+ outer  Box" in first.out and "+ inner  random RandomPassword" in first.out
    second = place.run()
    assert second.result.counts == {"same": 3}
    assert "everything unchanged (3 resources)" in second.out
    assert "policies passed" in second.out


def test_changes_are_shown_with_old_and_new_values(place, monkeypatch):
    place.write(TWO)
    place.run()
    monkeypatch.setenv("SIZE", "4")
    monkeypatch.setenv("LENGTH", "20")
    monkeypatch.setenv("WITHOUT", "1")
    preview = place.run("preview")
    assert preview.result.counts == {"update": 1, "replace": 1, "delete": 1}
    assert "size: 3 → 4" in preview.out
    assert "length: 16 → 20  forces replacement" in preview.out
    assert "- other  Box" in preview.out
    assert "1 to update, 1 to replace, 1 to delete" in preview.out
    update = place.run()
    assert update.result.counts == {"update": 1, "replace": 1, "delete": 1}
    assert "1 updated, 1 replaced, 1 deleted" in update.out


def test_destroy_deletes_everything(place):
    place.write(TWO)
    place.run()
    gone = place.run("destroy")
    assert gone.result.ok and gone.result.counts == {"delete": 3}
    assert place.run("preview").result.counts == {"create": 3}


def test_secrets_stay_secret(place):
    place.write(TWO)
    told = place.run()
    assert "hidden = [secret]" in told.out and "plain = visible" in told.out
    assert told.result.document()["outputs"] == {"plain": "visible", "hidden": "[secret]"}
    for path in place.base.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
    assert CANARY not in told.out + told.err


def test_a_mandatory_violation_stops_the_update(place):
    place.write('Box("fine")\nBox("forbidden-box")')
    told = place.run()
    assert told.result.exit_code == 3
    assert told.result.error is None
    (violation,) = told.result.mandatory
    assert violation.policy == "no-forbidden"
    assert "policy no-forbidden  Box forbidden-box" in told.err and "Rename it." in told.err
    assert "1 policy violation" in told.out
    state = json.loads((place.base / "state/.pulumi/stacks/demo/dev.json").read_text())
    assert not state["checkpoint"]["latest"].get("resources"), "it was made although policy forbids it"


def test_an_advisory_violation_is_a_warning(place):
    place.write('Box("odd-box")')
    told = place.run("preview")
    assert told.result.ok
    assert "advice no-odd  Box odd-box" in told.err
    assert "policies passed, 1 advice" in told.out


@pytest.mark.parametrize(
    ("program", "expected", "line"),
    [
        ('Box("x", propz={})', "Box has no argument 'propz'. Did you mean 'props'?", "__main__.py:10"),
        (
            'random.RandomPassword("x", lenght=3)',
            "RandomPassword has no argument 'lenght'. Did you mean 'length'?",
            ":10",
        ),
        ('raise pulumi.RunError("no zones left")', "no zones left", "__main__.py:10"),
        ('{}["boom"]', "KeyError: 'boom'", "__main__.py:10"),
        ("pulumi.Output.from_input(1).apply(lambda v: 1 / (v - 1))", "ZeroDivisionError", "__main__.py:10 in <lambda>"),
        ("import no_such_module", "No module named 'no_such_module'", "__main__.py:10"),
        ("def broken(:", "SyntaxError", "__main__.py:10"),
    ],
)
def test_a_failing_program_is_told_in_one_sentence(place, program, expected, line):
    place.write(program)
    told = place.run("preview")
    assert told.result.exit_code == 1
    assert expected in told.err
    assert line in told.err
    assert "Traceback" not in told.err + told.out
    log = place.root / str(told.result.log)
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_secrets_in_a_traceback_are_taken_out_of_the_log(place):
    place.write('raise ValueError("password=hunter2-secret for plinth_search_abcdefghijkl")')
    told = place.run("preview")
    log = (place.root / str(told.result.log)).read_text()
    assert "hunter2" not in log and "plinth_search_abc" not in log


def test_the_mistakes_of_a_spec_are_listed_with_the_file(place):
    place.write(
        """
        class SpecError(ValueError):
            problems = ("one", "two")
        raise SpecError("2 mistakes in Pulumi.dev.yaml:\\n  - one\\n  - two")
        """
    )
    told = place.run("preview")
    assert "2 mistakes in Pulumi.dev.yaml:" in told.err
    assert str(place.root / "Pulumi.dev.yaml") in told.err


def test_a_wrong_input_names_resource_and_property(place):
    place.write('random.RandomPassword("weak", length="many")')
    told = place.run("preview")
    assert told.result.exit_code == 1
    (problem,) = [problem for problem in told.result.problems if problem.error]
    assert problem.property == "length"
    assert "RandomPassword weak: property length " in told.err


def test_the_users_files_stay_as_they_are_and_ciphertext_is_replaced(place):
    config = "secretsprovider: awskms://alias/x\nencryptedkey: AAAA\nconfig:\n  demo:key: {secure: v1:abc}\n"
    config += "  demo:deep: {list: [{token: {secure: v1:def}}]}\n"
    place.write(
        """
        config = pulumi.Config()
        assert config.require_object("deep")["list"][0]["token"] == "rehearsal-placeholder"
        pulumi.export("key", config.require_secret("key"))
        """,
        config,
    )
    told = place.run()
    assert told.result.ok, told.err
    assert told.result.outputs["key"] == "[secret]"
    for key in ("demo:key", "demo:deep.list[0].token"):
        assert f"{key} is a secret of the real dev; the rehearsal uses a placeholder" in told.err
    assert (place.root / "Pulumi.dev.yaml").read_text() == config
    scratch = (place.base / "project" / "Pulumi.dev.yaml").read_text()
    assert "awskms" not in scratch and "encryptionsalt" in scratch
    assert place.run().result.counts == {}


def test_what_the_program_prints_is_not_the_result(place):
    place.write('print("hello")\nBox("b")')
    told = place.run("preview")
    assert "hello" not in told.out
    assert "program: hello" in told.err


def test_private_files_are_private(place):
    place.write('Box("b")')
    place.run()
    for path in (place.base, place.base / "passphrase", place.base / "state"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_lost_passphrase_is_told(place):
    place.write('Box("b")')
    place.run()
    (place.base / "passphrase").unlink()
    with pytest.raises(PlinthError) as caught:
        place.run()
    assert "passphrase" in caught.value.what and "rm -r" in str(caught.value.fix)


def test_an_unknown_environment_gets_the_nearest_name(place):
    place.write('Box("b")', env="staging")
    with pytest.raises(UnknownEnvironment) as caught:
        Project.load(place.root).stack_file("stagin")
    assert "Did you mean 'staging'?" in caught.value.what


def test_a_team_stack_keeps_its_state_with_the_platform(place, tmp_path: Path):
    place.write('pulumi.export("answer", 42)')
    place.run()
    team = place.root / "stacks" / "search"
    team.mkdir(parents=True)
    (team / "Pulumi.yaml").write_text("name: search\nruntime: python\n")
    (team / "Pulumi.dev.yaml").write_text("config: {}\n")
    (team / "__main__.py").write_text(
        "import pulumi\nref = pulumi.StackReference('organization/demo/dev')\n"
        "pulumi.export('seen', ref.require_output('answer'))\n"
    )
    done = place.cli("up", "dev", "--rehearse", "--json", "--stack", str(team))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"seen": 42}
    assert (place.root / ".plinth" / "search.dev").is_dir()
