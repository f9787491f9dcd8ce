"""Objects against the schemas and rules of the Kubernetes API."""

import time

import pytest
from kubernetes_mistakes import CRON_POD, FIRST, WRONG
from kubernetes_samples import (
    CRON_JOB,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NODE_POOL,
    SCALED_OBJECT,
    SERVICE,
    VALID,
    changed,
)

from plinth_cli.rehearsal.kubernetes import crds, schemas
from plinth_cli.rehearsal.kubernetes.validate import validate_object
from plinth_cli.rehearsal.values import UNKNOWN, Secret


def _id(obj):
    return obj["kind"]


@pytest.mark.parametrize("obj", VALID, ids=_id)
def test_a_valid_object_has_no_problem(obj):
    assert validate_object(obj) == []


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35", "1.36", "1.37"])
def test_the_samples_fit_every_version_that_eks_runs(version):
    assert [problem for obj in VALID for problem in validate_object(obj, version)] == []


@pytest.mark.parametrize(("obj", "path", "value", "where", "words"), WRONG, ids=lambda part: None)
def test_one_mistake_gives_one_message_with_its_path_and_what_is_allowed(obj, path, value, where, words):
    problems = validate_object(changed(obj, *path, to=value))
    assert [problem.path for problem in problems] == [where]
    assert [word for word in words if word not in problems[0].reason] == [], problems[0].reason


@pytest.mark.parametrize(
    ("obj", "path", "where"),
    [
        (DEPLOYMENT, ("spec", "selector"), "spec.selector"),
        (DEPLOYMENT, (*FIRST, "name"), "spec.template.spec.containers[0].name"),
        (DEPLOYMENT, (*FIRST, "ports", 0, "containerPort"), "spec.template.spec.containers[0].ports[0].containerPort"),
        (SERVICE, ("spec", "ports", 1, "name"), "spec.ports[1].name"),
        (EXTERNAL_SECRET, ("spec", "data", 0, "remoteRef", "key"), "spec.data[0].remoteRef.key"),
        (NODE_POOL, ("spec", "template", "spec", "nodeClassRef"), "spec.template.spec.nodeClassRef"),
        (SCALED_OBJECT, ("spec", "scaleTargetRef"), "spec.scaleTargetRef"),
        (CRON_JOB, (*CRON_POD, "restartPolicy"), "spec.jobTemplate.spec.template.spec.restartPolicy"),
    ],
)
def test_a_missing_field_is_named(obj, path, where):
    problems = validate_object(changed(obj, *path, drop=True))
    assert [(problem.path, problem.reason.startswith(("is required",))) for problem in problems] == [(where, True)]


def test_every_mistake_is_listed_at_once():
    broken = changed(changed(DEPLOYMENT, "spec", "replicas", to="two"), *FIRST, "imagee", to="x")
    assert len(validate_object(changed(broken, "metadata", "name", to="A"))) == 3


def test_a_kind_without_a_schema_says_how_to_add_one():
    (problem,) = validate_object({"apiVersion": "acme.example/v1", "kind": "Rocket", "metadata": {"name": "x"}})
    assert "acme.example/v1 Rocket" in problem.reason
    assert "tools/crds/sources.py" in problem.reason


@pytest.mark.parametrize(
    ("api_version", "kind", "meant"),
    [
        ("karpenter.sh/v1", "NodePol", "karpenter.sh/v1 NodePool"),
        ("apps/v1", "Deploymnet", "apps/v1 Deployment"),
        ("apps/v1beta1", "Deployment", "apps/v1 Deployment"),
    ],
)
def test_a_misspelt_kind_names_the_nearest_one(api_version, kind, meant):
    (problem,) = validate_object({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}})
    assert f"did you mean {meant}?" in problem.reason


def test_a_group_that_only_starts_like_a_built_in_one_is_unknown():
    assert validate_object({**DEPLOYMENT, "apiVersion": "apps.acme.example/v1"})[0].path == ""


def test_an_unknown_kubernetes_version_is_an_error():
    (problem,) = validate_object(DEPLOYMENT, "1.99")
    assert "1.99" in problem.reason
    assert schemas.versions()[-1] in problem.reason


def test_a_field_that_came_with_a_later_version_is_refused_before():
    pod = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": "gpu"},
        "spec": {"selectors": [{"cel": {"expression": "true"}}]},
    }
    assert validate_object(pod, "1.34") == []
    assert validate_object(pod, "1.33") != []


# --- unknown and secret values ---------------------------------------------------------------------------------


def _places(value, path=()):
    """Every path in the object but its apiVersion and kind."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if (*path, key) not in (("apiVersion",), ("kind",)):
            yield (*path, key), item
            yield from _places(item, (*path, key))


@pytest.mark.parametrize("obj", VALID, ids=_id)
def test_any_part_may_be_unknown(obj):
    wrong = {path: validate_object(changed(obj, *path, to=UNKNOWN)) for path, _ in _places(obj)}
    assert {path: problems for path, problems in wrong.items() if problems} == {}


@pytest.mark.parametrize("obj", VALID, ids=_id)
def test_any_part_may_be_secret_and_is_checked_all_the_same(obj):
    wrong = {path: validate_object(changed(obj, *path, to=Secret(part))) for path, part in _places(obj)}
    assert {path: problems for path, problems in wrong.items() if problems} == {}
    hidden = changed(obj, "metadata", to=Secret({"name": "A B"}))
    assert [problem.path for problem in validate_object(hidden)] == ([] if "Role" in obj["kind"] else ["metadata.name"])


CANARY = "Canary_5ecret value!"


@pytest.mark.parametrize("obj", VALID, ids=_id)
@pytest.mark.parametrize("value", [CANARY, {"a": CANARY}, [CANARY, CANARY]], ids=type)
def test_no_message_holds_a_secret_value(obj, value):
    messages = [
        str(problem) for path, _ in _places(obj) for problem in validate_object(changed(obj, *path, to=Secret(value)))
    ]
    assert messages
    assert [message for message in messages if CANARY in message] == []


def test_a_secret_number_stays_hidden():
    (problem,) = validate_object(changed(DEPLOYMENT, "spec", "replicas", to=Secret(7.125)))
    assert "7.125" not in str(problem)
    assert "[secret]" in str(problem)


def test_nulls_are_fields_that_are_not_there():
    assert validate_object(changed(DEPLOYMENT, "spec", "strategy", to=None)) == []


def test_a_patch_needs_no_field_but_knows_them_all():
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "coredns"}, "spec": {"replicas": 3}}
    assert validate_object(patch, patch=True) == []
    (problem,) = validate_object(changed(patch, "spec", "replica", to=3), patch=True)
    assert problem.path == "spec.replica"


# --- the schemas themselves --------------------------------------------------------------------------------------


def test_every_custom_kind_compiles_and_something_brings_it():
    for api_version, kind in crds.index():
        list(schemas.validator(api_version, kind).iter_errors({"metadata": {"name": "x"}}))
        group = api_version.partition("/")[0]
        assert crds.charts_for(group) or group in crds.BY_EKS or crds.find(api_version, kind).complete


def test_what_json_schema_cannot_check_is_left_out():
    schema = {
        "type": "object",
        "required": ["mode", "name"],
        "x-kubernetes-validations": [{"rule": "self.name != ''"}],
        "properties": {
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "name": {"type": "string", "pattern": "^x"},
            "default": {"type": "array", "items": {"type": "string", "default": "d"}},
        },
        "anyOf": [{"required": ["name"]}],
    }
    assert crds.trim(schema) == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "mode": {"type": "string", "enum": ["a", "b"]},
            "name": {"type": "string", "pattern": "^x"},
            "default": {"type": "array", "items": {"type": "string"}},
        },
        "anyOf": [{"required": ["name"]}],
    }


def test_five_hundred_objects_take_seconds():
    validate_object(DEPLOYMENT)
    start = time.process_time()
    for _ in range(500):
        validate_object(DEPLOYMENT)
    assert time.process_time() - start < 8
