"""From the engine's events to what a person reads."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.automation import EngineEvent

from plinth_cli.console import Console
from plinth_cli.engine import display, redact
from plinth_cli.engine.events import SECRET_MARK, UNKNOWN, Collector, parse_path, visible
from plinth_cli.engine.result import Change, Property, Result, Violation
from plinth_cli.errors import PlinthError

STACK = "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev"
BOX = "urn:pulumi:dev::demo::plinth:index:Box::box"


def leaf(number: int, kind: str = "aws:s3/bucket:Bucket") -> str:
    return f"urn:pulumi:dev::demo::plinth:index:Box${kind}::leaf-{number:02}"


def step(op: str, urn: str, **metadata: object) -> EngineEvent:
    state = {
        "type": "x",
        "urn": urn,
        "id": "",
        "parent": STACK,
        "provider": "",
        "custom": True,
        "inputs": {},
        "outputs": {},
    }
    body = {
        "op": op,
        "urn": urn,
        "type": urn.split("::")[2].split("$")[-1],
        "provider": "",
        "new": {**state, **metadata.pop("new", {})},
        "old": {**state, **metadata.pop("old", {})},
        **metadata,
    }
    return EngineEvent.from_json(
        {"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": body, "planning": True}}
    )


def diagnostic(message: str, severity: str = "error", urn: str | None = None) -> EngineEvent:
    body = {"message": message, "color": "never", "severity": severity, "urn": urn}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": body})


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a", ["a"]),
        ("a.b", ["a", "b"]),
        ("a[0].b", ["a", 0, "b"]),
        ('tags["kubernetes.io/name"]', ["tags", "kubernetes.io/name"]),
        ('["a\\"b"][12]', ['a"b', 12]),
    ],
)
def test_property_paths(path, keys):
    assert parse_path(path) == keys


@given(st.lists(st.one_of(st.integers(0, 99), st.text("abcXYZ_./-", min_size=1))))
def test_any_path_in_brackets_comes_back(keys):
    text = "".join(f"[{key}]" if isinstance(key, int) else f'["{key}"]' for key in keys)
    assert parse_path(text) == keys


def test_secrets_and_unknown_values_are_shown_as_such():
    value = {
        "password": "plain",
        "marked": {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"},
        "later": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "list": [1, "two"],
        "secretName": "gateway-keys",
    }
    assert visible(value) == {
        "password": "[secret]",
        "marked": "[secret]",
        "later": UNKNOWN,
        "list": [1, "two"],
        "secretName": "gateway-keys",
    }


def test_a_detailed_diff_gives_paths_with_old_and_new_values():
    collector = Collector()
    collector(
        step(
            "replace",
            leaf(1),
            old={"inputs": {"tags": {"team": "a"}, "ports": [1]}},
            new={"inputs": {"tags": {"team": "b"}, "ports": [1, 2]}},
            detailedDiff={
                "tags.team": {"diffKind": "update-replace", "inputDiff": True},
                "ports[1]": {"diffKind": "add", "inputDiff": True},
            },
        )
    )
    (change,) = collector.changes.values()
    assert change.operation == "replace"
    assert change.properties == (Property("ports[1]", None, 2), Property("tags.team", "a", "b", replaces=True))


def test_the_steps_of_a_replacement_count_once():
    collector = Collector()
    for op in ("create-replacement", "replace", "delete-replaced"):
        collector(step(op, leaf(1)))
    collector(step("delete-replaced", leaf(2)))  # a preview of delete-before-replace may end here
    assert collector.tally() == {"replace": 2}


def test_default_providers_and_the_stack_are_not_counted():
    collector = Collector()
    collector(step("create", STACK))
    collector(step("create", "urn:pulumi:dev::demo::pulumi:providers:aws::default_7_51_1"))
    collector(step("create", "urn:pulumi:dev::demo::pulumi:providers:aws::main"))
    collector(step("read", "urn:pulumi:dev::demo::pulumi:pulumi:StackReference::other"))
    assert collector.tally() == {"create": 1, "same": 1}


def test_a_check_failure_names_the_property_and_drops_the_value():
    collector = Collector()
    message = "aws:s3/bucket:Bucket resource 'b': property password value {{hunter2}} has a problem: must be longer"
    collector(diagnostic(message, urn=leaf(1)))
    (problem,) = collector.problems
    assert (problem.property, problem.message) == ("password", "must be longer")


def test_noise_and_debug_messages_are_dropped():
    collector = Collector()
    collector(diagnostic("update failed"))
    collector(diagnostic("using pulumi-analyzer-policy-python from $PATH at /x", "warning"))
    collector(diagnostic("hunter2", "debug"))
    collector(diagnostic("real", "warning"))
    collector(diagnostic("real", "warning"))
    assert [problem.message for problem in collector.problems] == ["real"]


@pytest.mark.parametrize(
    "secret",
    [
        "plinth_search_AbCdEfGh12345678",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-abcdefghijklmnop1234",
        "https://user:hunter2hunter2@host/path",
        'master_password="hunter2hunter2"',
        "PULUMI_CONFIG_PASSPHRASE=hunter2hunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_shapes_of_secrets_are_redacted(secret):
    shown = redact.text(f"before {secret} after")
    assert "[secret]" in shown and "hunter2" not in shown
    assert shown.startswith("before ") and shown.endswith(" after")


@pytest.mark.parametrize("kind", ["aws:secretsmanager/secret:Secret", "aws:iam/accessKeyToken:Token"])
def test_the_type_of_a_resource_is_no_secret(kind):
    assert redact.text(f"cannot delete {kind}::box") == f"cannot delete {kind}::box"
    assert "hunter2" not in redact.text("at /run/secret:hunter2hunter2")


@given(st.text(), st.text(min_size=8, alphabet="abcdefgh12345678"))
def test_known_secrets_are_redacted(around, secret):
    assert secret not in redact.text(f"{around}{secret}{around}", [secret])


def shown(result: Result) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    display.show(result, Console(stdout=out, stderr=err))
    return out.getvalue(), err.getvalue()


def result(changes: list[Change], **more: object) -> Result:
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.operation] = counts.get(change.operation, 0) + 1
    return Result("preview", "dev", "demo", True, changes=changes, counts=counts, policies=1, seconds=3.2, **more)


def test_the_tree_is_by_component_in_80_columns_and_the_same_every_time():
    changes = [Change(leaf(n), BOX, "create", custom=True) for n in (3, 1, 2)]
    changes.append(Change(leaf(4), BOX, "update", custom=True, properties=(Property("tags.team", "a" * 50, {"b": 1}),)))
    changes.append(Change(BOX, STACK, "same", custom=False))
    changes += [Change(BOX.replace("box", name), STACK, "import", custom=False) for name in ("b", "a")]
    out, _ = shown(result(changes))
    assert out.splitlines() == [
        "  box  Box  +3 ~1",
        "  ~ leaf-04  aws s3 Bucket",
        '      tags.team: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… → {"b": 1}',
        "  + leaf-01  aws s3 Bucket",
        "  + leaf-02  aws s3 Bucket",
        "  + leaf-03  aws s3 Bucket",
        "= a  Box",
        "= b  Box",
        "✓ demo/dev (rehearsal): 3 to create, 1 to update, 2 to import, 1 unchanged · policies passed · 3.2s",
    ]
    assert shown(result(list(reversed(changes))))[0] == out


def test_many_alike_are_counted_and_a_new_component_is_one_line_in_a_large_change():
    few = [Change(BOX, STACK, "same", custom=False)] + [Change(leaf(n), BOX, "create", custom=True) for n in range(9)]
    assert "  + 9 × aws s3 Bucket" in shown(result(few))[0].splitlines()
    many = [Change(BOX, STACK, "create", custom=False)] + [
        Change(leaf(n), BOX, "create", custom=True) for n in range(60)
    ]
    assert shown(result(many))[0].splitlines()[0] == "+ box  Box  +60"
    assert len(shown(result(many))[0].splitlines()) == 2


def test_violations_and_errors_are_told_on_stderr():
    violations = [
        Violation("rule", "pack", True, BOX, "What.\nFix it."),
        Violation("hint", "pack", False, "", "Maybe."),
    ]
    out, err = shown(result([], violations=violations, error=PlinthError("It broke.", "here", "do this")))
    assert err.splitlines() == [
        "! advice hint  the whole stack",
        "    Maybe.",
        "✗ policy rule  Box box",
        "    What.",
        "    Fix it.",
        "✗ It broke.",
        "  where: here",
        "  fix:   do this",
    ]
    assert "✗ demo/dev (rehearsal): failed · 1 policy violation, 1 advice" in out


@pytest.mark.parametrize(
    ("token", "short"),
    [
        ("aws:ec2/vpc:Vpc", "aws ec2 Vpc"),
        ("plinth:index:Network", "Network"),
        ("pulumi:pulumi:StackReference", "StackReference"),
        ("pulumi:providers:aws", "provider aws"),
        ("kubernetes:apps/v1:Deployment", "kubernetes apps/v1 Deployment"),
        ("random:index/randomPassword:RandomPassword", "random RandomPassword"),
    ],
)
def test_types_are_shown_as_people_say_them(token, short):
    assert display.short_type(token) == short
