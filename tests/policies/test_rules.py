"""Every rule as a pure function: pass, fail, missing, unknown, secret."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CANARY, DROP, Bad, Sample, changed, paths
from policy_samples import SAMPLES

from plinth_policies import levels
from plinth_policies.registry import RULES
from plinth_policies.rule import STAGES, Resource, Stage
from plinth_policies.stage import Stages, stage_of_name
from plinth_policies.values import UNKNOWN, UNKNOWN_SENTINELS, SecretText, Value, plain

BY_ID = {rule.id: rule for rule in RULES}
POLICIES = Path(__file__).parents[2] / "policies"


def findings(sample: Sample, props: object, protect: bool | None = None, stage: Stage = "production") -> list[str]:
    protected = sample.protect if protect is None else protect
    urn = f"urn:pulumi:prod::plinth::{sample.type}::it"
    resource = Resource(sample.type, "it", urn, stage, plain(props), protected)
    return [str(finding) for finding in BY_ID[sample.rule].checks[sample.type](resource)]


def name(value: object) -> str:
    return f"{value.rule}-{value.type}" if isinstance(value, Sample) else str(getattr(value, "says", value))[:60]


each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=name)
each_bad = pytest.mark.parametrize(
    ("sample", "bad"), [(sample, bad) for sample in SAMPLES for bad in sample.bad], ids=name
)


def test_there_are_eleven_rules_and_each_type_of_each_has_a_sample():
    assert len(RULES) == 11
    covered = {(sample.rule, sample.type) for sample in SAMPLES}
    assert {rule for rule, _ in covered} == set(BY_ID)
    same_check = {
        (rule.id, check): {token for token, other in rule.checks.items() if other is check}
        for rule in RULES
        for check in rule.checks.values()
    }
    for (rule_id, _), tokens in same_check.items():
        assert any((rule_id, token) in covered for token in tokens), f"{rule_id}: no sample of {sorted(tokens)}"


@each_sample
def test_passes(sample: Sample):
    assert findings(sample, sample.good) == []
    for path, value in sample.also_good:
        assert findings(sample, changed(sample.good, path, value) if path else value) == []


@each_bad
def test_fails_and_says_what_why_and_what_to_change(sample: Sample, bad: Bad):
    said = findings(sample, changed(sample.good, bad.path, bad.value))
    assert any(bad.says in message for message in said), said
    for message in said:
        what, _, fix = message.partition(".\nFix: ")
        assert ": " in what and len(fix) > 10, message
        assert CANARY not in message


@each_sample
def test_what_is_unknown_passes(sample: Sample):
    for path in paths(sample.good):
        assert findings(sample, changed(sample.good, path, UNKNOWN)) == [], path


@each_bad
def test_a_wrong_value_that_is_still_unknown_passes(sample: Sample, bad: Bad):
    if bad.value is not DROP and not bad.presence:
        assert findings(sample, changed(sample.good, bad.path, UNKNOWN)) == []
    if bad.presence:
        assert findings(sample, changed(sample.good, bad.path, UNKNOWN))


@each_sample
def test_what_is_missing_never_breaks_a_rule(sample: Sample):
    for path in paths(sample.good):
        findings(sample, changed(sample.good, path, DROP))
    findings(sample, {})


@each_bad
def test_secrets_are_judged_like_any_value_and_never_printed(sample: Sample, bad: Bad):
    wrong = changed(sample.good, bad.path, bad.value)
    plainly = findings(sample, wrong)
    said = findings(sample, plain(wrong, secret=True))
    assert len(said) == len(plainly)
    if isinstance(bad.value, str) and len(bad.value) > 8:
        assert not any(bad.value in message for message in said)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.text(max_size=8) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data(), anything=json_values)
def test_no_rule_breaks_on_values_of_any_shape(data: st.DataObject, anything: object):
    sample = data.draw(st.sampled_from(SAMPLES))
    path = data.draw(st.sampled_from(list(paths(sample.good))))
    findings(sample, changed(sample.good, path, anything))
    findings(sample, anything)


def test_unprotected_data_is_found_where_data_counts():
    for sample in SAMPLES:
        if sample.rule == "stateful-protected":
            assert any("not protected" in message for message in findings(sample, sample.good, protect=False))
    assert [BY_ID["stateful-protected"].levels[stage] for stage in STAGES] == [
        "disabled",
        "disabled",
        "mandatory",
        "mandatory",
    ]


def test_keys_of_environments_that_come_and_go_may_go_quickly():
    key = next(sample for sample in SAMPLES if sample.type == "aws:kms/key:Key")
    quickly = changed(key.good, ("deletionWindowInDays",), 7)
    assert [bool(findings(key, quickly, stage=stage)) for stage in STAGES] == [False, False, True, True]


def test_every_other_rule_is_mandatory_everywhere():
    for rule in RULES:
        if rule.id != "stateful-protected":
            assert set(rule.levels.values()) == {"mandatory"}, rule.id


def test_the_level_files_are_fresh():
    assert {path.stem for path in levels.FOLDER.glob("*.json")} == set(STAGES)
    for stage in STAGES:
        text = (levels.FOLDER / f"{stage}.json").read_text()
        assert text == levels.render(stage), "run: cd policies && python -m plinth_policies.levels"
        assert set(json.loads(text)) == {name for rule in RULES for name in rule.policy_names}


def test_rules_load_without_the_policy_sdk_and_without_pulumi():
    program = (
        "import sys; import plinth_policies.levels; "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "assert not loaded & {'pulumi', 'pulumi_policy', 'grpc', 'google', 'yaml'}, loaded"
    )
    subprocess.run([sys.executable, "-S", "-c", program], cwd=POLICIES, check=True)


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        ("local", "local"),
        ("dev", "development"),
        ("dev-eu", "development"),
        ("search.staging", "staging"),
        ("prod", "production"),
        ("prod-dev-tools", "production"),
        ("sandbox", "production"),
    ],
)
def test_the_stage_by_the_name_of_a_stack(stack: str, stage: str):
    assert stage_of_name(stack) == stage


def test_what_a_component_says_counts_more_than_the_name_of_the_stack():
    stages = Stages()
    urn = "urn:pulumi:sandbox::plinth::{}::it"
    assert stages.of(urn.format("aws:s3/bucket:Bucket")) == "production"
    props = {"environment": {"name": "sandbox", "stage": "development"}}
    stages.note("aws:other/thing:Thing", urn.format("aws:other/thing:Thing"), {"environment": {"stage": "local"}})
    stages.note("plinth:index:Network", urn.format("plinth:index:Network"), props)
    assert stages.of(urn.format("plinth:index:Network$aws:s3/bucket:Bucket")) == "development"
    assert stages.of("urn:pulumi:prod::plinth::aws:s3/bucket:Bucket::it") == "production"


@given(st.text())
def test_secret_text_compares_like_text_and_never_prints(text: str):
    secret = SecretText(text)
    assert secret == text
    assert f"{secret}" == f"{secret!r}" == str(secret) == "%s" % secret == "[secret]"  # noqa: UP031


@pytest.mark.parametrize("sentinel", sorted(UNKNOWN_SENTINELS))
def test_unknowns_as_they_cross_the_wire_are_understood_without_the_sdk(sentinel: str):
    assert plain({"deep": [sentinel]}) == {"deep": [UNKNOWN]}


def test_wire_markers_become_values():
    signature = "4dabf18193072939515e22adb298388d"
    secret = {signature: "1b47061264138c4ac30d75fd1eb44270", "value": {"a": "hush"}}
    found: Value = plain({"s": secret, "withheld": "[secret]", "asset": {signature: "other"}, "none": None})
    assert str(found) == (
        "{'s': {'a': [secret]}, 'withheld': <Marker.UNKNOWN: 'unknown'>, "
        "'asset': <Marker.UNKNOWN: 'unknown'>, 'none': <Marker.MISSING: 'missing'>}"
    )
