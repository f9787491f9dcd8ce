"""The stand-in for dynamic resources: checks, asks the real provider what changes, and launches nothing."""

import pytest

from plinth_cli.rehearsal.dynamic import INSTANCE, DynamicPackage
from plinth_cli.rehearsal.package import Call, Naming, Urn
from plinth_cli.rehearsal.values import UNKNOWN

PROPS = {
    "owner": "1/prod/x",
    "region": "us-east-3",
    "instanceType": "gpu_1x_h100_sxm5",
    "imageFamily": "lambda-stack-24-04",
    "sshKey": "k",
    "instanceName": "plinth-prod-x",
    "userData": "#cloud-config\n{}",
    "sources": ["203.0.113.5/32"],
    "maxCentsPerHour": 400.0,
    "startMinutes": 20.0,
}


def call(type_: str = INSTANCE, *, preview: bool = False) -> Call:
    return Call(Urn.parse(f"urn:pulumi:prod::plinth::{type_}::x"), preview=preview)


def failures(props: dict, type_: str = INSTANCE) -> set[str]:
    return {failure.path for failure in DynamicPackage().check(call(type_), props, {}, Naming()).failures}


def test_a_whole_instance_is_taken():
    assert failures(PROPS) == set()
    assert failures({**PROPS, "userData": UNKNOWN}) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [("region", None), ("maxCentsPerHour", "4"), ("userData", "#!/bin/sh"), ("instanceName", "x" * 65)],
)
def test_a_wrong_input_is_refused(name, value):
    assert failures({**PROPS, name: value}) == {name}


def test_other_dynamic_resources_are_refused():
    assert failures(PROPS, "pulumi-python:dynamic:Resource") == {""}


def test_an_address_is_known_after_creation_only():
    package = DynamicPackage()
    assert package.create(call(preview=True), PROPS).outputs["ip"] is UNKNOWN
    made = package.create(call(), PROPS)
    assert made.outputs["ip"].startswith("198.51.100.")
    assert made == package.create(call(), PROPS)


def test_what_changes_is_what_the_real_provider_says():
    package, old = DynamicPackage(), DynamicPackage().create(call(), PROPS).outputs
    moved = package.diff(call(), "id", PROPS, old, {**PROPS, "region": "us-west-1"})
    assert (set(moved.changes), moved.replaces, moved.delete_before_replace) == ({"region"}, {"region"}, True)
    opened = package.diff(call(), "id", PROPS, old, {**PROPS, "sources": ["203.0.113.6/32"]})
    assert (set(opened.changes), set(opened.replaces)) == ({"sources"}, set())
    assert not package.diff(call(), "id", PROPS, old, PROPS).changes
