"""The pack as the engine meets it: its own process and environment, the SDK's proxies, the wire."""

import time
from typing import Any

import pytest
from policy_cases import CANARY, DROP, Sample, changed, paths
from policy_pack import struct
from policy_samples import SAMPLES
from policy_stacks import CASES, Item
from pulumi.runtime.proto import analyzer_pb2

from plinth_policies.registry import RULES
from plinth_policies.values import UNKNOWN, UNKNOWN_SENTINELS

TEXT_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.rule}-{s.type}")


def wire(value: Any) -> Any:
    """Properties as the engine sends them."""
    if value is UNKNOWN:
        return TEXT_UNKNOWN
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    return [wire(item) for item in value] if isinstance(value, list) else value


def secret(value: Any) -> Any:
    """Properties whose values are all secret, as the engine sends them."""
    if isinstance(value, dict):
        return {key: secret(item) for key, item in value.items()}
    if isinstance(value, list):
        return [secret(item) for item in value]
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def said(pack: Any, sample: Sample, props: dict[str, Any]) -> list[str]:
    """What the sample's rule says; nothing may be said about a rule that could not run."""
    messages: list[str] = []
    for diagnostic in pack.analyze(sample.type, wire(props)):
        assert "can't run policy" not in diagnostic.message
        assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
        if diagnostic.policyName == sample.rule:
            messages.append(diagnostic.message)
    return messages


def test_the_engine_is_told_every_rule(pack: Any):
    info = pack.info()
    assert info.name == "plinth"
    policies = {policy.name: policy for policy in info.policies}
    assert set(policies) == {name for rule in RULES for name in rule.policy_names}
    for rule in RULES:
        policy = policies[rule.id]
        assert policy.description == rule.title
        assert policy.enforcementLevel == analyzer_pb2.MANDATORY
        assert policy.severity == analyzer_pb2.PolicySeverity.Value(f"POLICY_SEVERITY_{rule.severity.upper()}")
        assert policy.remediation_steps == rule.fix


@each_sample
def test_passes(pack: Any, sample: Sample):
    assert said(pack, sample, sample.good) == []


@each_sample
def test_fails(pack: Any, sample: Sample):
    for bad in sample.bad:
        messages = said(pack, sample, changed(sample.good, bad.path, bad.value))
        assert any(bad.says in message for message in messages), (bad.says, messages)
        assert not any(CANARY in message for message in messages)


@each_sample
def test_unknown_values_never_stop_a_rule_and_never_fail_it(pack: Any, sample: Sample):
    for path in paths(sample.good):
        assert said(pack, sample, changed(sample.good, path, UNKNOWN)) == [], path
    for bad in sample.bad:
        if bad.value is not DROP:
            assert bool(said(pack, sample, changed(sample.good, bad.path, UNKNOWN))) is bad.presence


@each_sample
def test_missing_values_never_stop_a_rule(pack: Any, sample: Sample):
    for path in paths(sample.good):
        said(pack, sample, changed(sample.good, path, DROP))
    said(pack, sample, {})


@each_sample
def test_secret_values_are_judged_like_any(pack: Any, sample: Sample):
    assert said(pack, sample, secret(sample.good)) == []
    for bad in sample.bad:
        props = changed(sample.good, bad.path, bad.value)
        assert said(pack, sample, secret(props)) == said(pack, sample, props)


@pytest.mark.parametrize("sentinel", sorted(UNKNOWN_SENTINELS))
def test_every_kind_of_unknown_is_understood(pack: Any, sentinel: str):
    assert pack.analyze("plinth:index:GpuNodePool", {"maxGpus": sentinel}) == []


@pytest.mark.parametrize(("rule", "name", "items", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_join(pack: Any, rule: str, name: str, items: list[Item], expected: list[tuple[Item, str]]):
    diagnostics = pack.analyze_stack(*(stack_resource(item) for item in items))
    assert len(diagnostics) == len(expected), diagnostics
    for diagnostic, (item, says) in zip(diagnostics, expected, strict=True):
        assert diagnostic.policyName == f"{rule}-complete"
        assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
        assert diagnostic.urn == item.urn
        assert says in diagnostic.message


def stack_resource(item: Item) -> Any:
    return analyzer_pb2.AnalyzerResource(
        type=item.type,
        name=item.name,
        urn=item.urn,
        properties=struct(wire(item.props)),
        parent=item.ancestors[0] if item.ancestors else "",
        dependencies=item.depends_on,
        propertyDependencies={
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=[source.urn for source in sources])
            for name, sources in item.sources.items()
        },
    )


def test_data_in_development_need_not_be_protected(pack: Any):
    bucket = "aws:s3/bucket:Bucket"
    rules = {
        stack: {diagnostic.policyName for diagnostic in pack.analyze(bucket, {}, protect=False, stack=stack)}
        for stack in ("dev", "local", "staging", "prod", "sandbox")
    }
    assert rules == {
        "dev": set(),
        "local": set(),
        "staging": {"stateful-protected"},
        "prod": {"stateful-protected"},
        "sandbox": {"stateful-protected"},
    }
    pack.analyze("plinth:index:Network", {"environment": {"stage": "development"}}, stack="sandbox")
    assert pack.analyze(bucket, {}, protect=False, stack="sandbox") == []


def test_a_resource_takes_little_time(pack: Any):
    """A large Deployment through all rules: the pack must not be what makes a preview slow."""
    deployment = next(sample for sample in SAMPLES if sample.type.endswith(":Deployment"))
    pack.analyze(deployment.type, deployment.good)
    started = time.perf_counter()
    for _ in range(20):
        pack.analyze(deployment.type, deployment.good)
    assert (time.perf_counter() - started) / 20 < 0.1
