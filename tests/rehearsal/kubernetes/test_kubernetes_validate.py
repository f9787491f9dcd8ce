"""Objects against the schemas and rules of the Kubernetes API."""

import time
from pathlib import Path

import pytest
from kubernetes_samples import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NETWORK_POLICY,
    NODE_CLASS,
    NODE_POOL,
    PROMETHEUS_RULE,
    SCALED_OBJECT,
    SECRET_STORE,
    SERVICE,
    SERVICE_MONITOR,
    VALID,
    changed,
)

from plinth_cli.rehearsal.kubernetes import crds, schemas
from plinth_cli.rehearsal.kubernetes.validate import validate_object
from plinth_cli.rehearsal.values import UNKNOWN, Secret

POD = ("spec", "template", "spec")
FIRST = (*POD, "containers", 0)
CRON_POD = ("spec", "jobTemplate", "spec", "template", "spec")


def _id(obj):
    return obj["kind"]


@pytest.mark.parametrize("obj", VALID, ids=_id)
def test_a_valid_object_has_no_problem(obj):
    assert validate_object(obj) == []


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35", "1.36", "1.37"])
def test_the_samples_fit_every_version_that_eks_runs(version):
    assert [problem for obj in VALID for problem in validate_object(obj, version)] == []


# (object, path in it, wrong value, path in the message, words of the message)
WRONG = [
    (DEPLOYMENT, (*FIRST, "imagee"), "x", "spec.template.spec.containers[0].imagee", ["did you mean image", "allowed"]),
    (DEPLOYMENT, ("spec", "replica"), 2, "spec.replica", ["did you mean replicas"]),
    (DEPLOYMENT, ("spec", "replicas"), "two", "spec.replicas", ["must be integer", "a string ('two')"]),
    (DEPLOYMENT, ("spec", "replicas"), True, "spec.replicas", ["must be integer", "a boolean (true)"]),
    (DEPLOYMENT, ("spec", "replicas"), 2**31, "spec.replicas", ["32 bits"]),
    (DEPLOYMENT, ("spec", "strategy"), {"type": "Rolling"}, "spec.strategy.type", ["Recreate", "RollingUpdate"]),
    (DEPLOYMENT, ("metadata", "name"), "Gate_way", "metadata.name", ["lower case", "'Gate_way'"]),
    (DEPLOYMENT, ("metadata", "name"), "a" * 254, "metadata.name", ["at most 253", "254"]),
    (DEPLOYMENT, ("metadata", "labels"), {"tier": "a b"}, "metadata.labels.tier", ["'a b'"]),
    (DEPLOYMENT, ("metadata", "labels"), {"tier": "x" * 64}, "metadata.labels.tier", ["at most 63", "64"]),
    (DEPLOYMENT, ("metadata", "labels"), {"a/b/c": "x"}, 'metadata.labels["a/b/c"]', ["DNS name"]),
    (DEPLOYMENT, ("metadata", "labels"), {"tier": 1}, "metadata.labels.tier", ["must be string"]),
    (
        DEPLOYMENT,
        ("spec", "template", "metadata", "labels"),
        {"app": "other"},
        "spec.template.metadata.labels.app",
        ["must be 'gateway'", "spec.selector.matchLabels"],
    ),
    (DEPLOYMENT, ("spec", "selector"), {}, "spec.selector", ["empty"]),
    (
        DEPLOYMENT,
        ("spec", "selector", "matchExpressions"),
        [{"key": "app", "operator": "In"}],
        "spec.selector.matchExpressions[0].values",
        ["at least one value"],
    ),
    (DEPLOYMENT, (*POD, "restartPolicy"), "Never", "spec.template.spec.restartPolicy", ["Always", "Deployment"]),
    (DEPLOYMENT, (*POD, "containers"), [], "spec.template.spec.containers", ["at least one container"]),
    (
        DEPLOYMENT,
        (*FIRST, "ports"),
        [{"name": "http", "containerPort": 1}, {"name": "http", "containerPort": 2}],
        "spec.template.spec.containers[0].ports[1].name",
        ["unique", "'http'"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "ports"),
        [{"name": "http", "containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}],
        "spec.template.spec.containers[0].ports[1]",
        ["duplicates item [0]", "containerPort 80"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "ports", 1, "name"),
        "a-very-long-port-name",
        "spec.template.spec.containers[0].ports[1].name",
        ["at most 15"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "ports", 0, "containerPort"),
        70000,
        "spec.template.spec.containers[0].ports[0].containerPort",
        ["1 to 65535"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "readinessProbe", "httpGet", "port"),
        "htp",
        "spec.template.spec.containers[0].readinessProbe.httpGet.port",
        ["'htp'", "http, metrics"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "livenessProbe"),
        {"periodSeconds": 5},
        "spec.template.spec.containers[0].livenessProbe",
        ["exactly one of"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "resources", "requests", "cpu"),
        "1500m",
        "spec.template.spec.containers[0].resources.requests.cpu",
        ["must not exceed the limit (1)"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "resources", "limits", "memory"),
        "1GB",
        "spec.template.spec.containers[0].resources.limits.memory",
        ["quantity", "1GB"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "resources", "requests", "nvidia.com/gpu"),
        2,
        'spec.template.spec.containers[0].resources.requests["nvidia.com/gpu"]',
        ["equal the limit"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "resources", "limits", "nvidia.com/gpu"),
        "500m",
        'spec.template.spec.containers[0].resources.limits["nvidia.com/gpu"]',
        ["whole number"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "volumeMounts", 0, "name"),
        "confg",
        "spec.template.spec.containers[0].volumeMounts[0].name",
        ["no volume", "'confg'", "config"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "env", 1, "name"),
        "PLINTH_LOG",
        "spec.template.spec.containers[0].env[1]",
        ["duplicates item [0]", "PLINTH_LOG"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "env", 0, "name"),
        "A=B",
        "spec.template.spec.containers[0].env[0].name",
        ["without '='"],
    ),
    (
        DEPLOYMENT,
        (*FIRST, "env", 1, "value"),
        "x",
        "spec.template.spec.containers[0].env[1].valueFrom",
        ["together with value"],
    ),
    (DEPLOYMENT, (*FIRST, "image"), "", "spec.template.spec.containers[0].image", ["is required"]),
    (
        DEPLOYMENT,
        (*POD, "volumes", 0, "emptyDir"),
        {},
        "spec.template.spec.volumes[0]",
        ["exactly one source", "configMap, emptyDir"],
    ),
    (
        DEPLOYMENT,
        (*POD, "tolerations"),
        [{"operator": "Exists", "value": "x"}],
        "spec.template.spec.tolerations[0].value",
        ["must be empty"],
    ),
    (SERVICE, ("metadata", "name"), "1st", "metadata.name", ["start with a letter"]),
    (SERVICE, ("spec", "type"), "Loadbalancer", "spec.type", ["did you mean LoadBalancer"]),
    (SERVICE, ("spec", "ports", 1, "name"), "http", "spec.ports[1].name", ["unique", "'http'"]),
    (SERVICE, ("spec", "ports", 0, "nodePort"), 80, "spec.ports[0].nodePort", ["30000 to 32767"]),
    (SERVICE, ("spec", "ports", 0, "protocol"), "HTTP", "spec.ports[0].protocol", ["TCP"]),
    (SERVICE, ("spec", "ports"), [], "spec.ports", ["at least one port"]),
    (CONFIG_MAP, ("data", "a b"), "x", 'data["a b"]', ["at most 253"]),
    (CONFIG_MAP, ("data", "n"), 1, "data.n", ["must be string"]),
    (CONFIG_MAP, ("data", "big"), "x" * 2**20, "data", ["1 MiB"]),
    (
        NETWORK_POLICY,
        ("spec", "egress", 0, "to", 0, "ipBlock", "except"),
        ["192.168.0.0/24"],
        "spec.egress[0].to[0].ipBlock.except[0]",
        ["inside 10.0.0.0/16"],
    ),
    (
        NETWORK_POLICY,
        ("spec", "egress", 0, "to", 0, "ipBlock", "cidr"),
        "10.0.0.0/99",
        "spec.egress[0].to[0].ipBlock.cidr",
        ["address range", "10.0.0.0/99"],
    ),
    (NETWORK_POLICY, ("spec", "policyTypes"), ["Egres"], "spec.policyTypes[0]", ["did you mean Egress"]),
    (CRON_JOB, ("spec", "schedule"), "0 3 * *", "spec.schedule", ["five fields"]),
    (CRON_JOB, ("metadata", "name"), "r" * 53, "metadata.name", ["at most 52"]),
    (
        CRON_JOB,
        (*CRON_POD, "restartPolicy"),
        "Always",
        "spec.jobTemplate.spec.template.spec.restartPolicy",
        ["Never or OnFailure", "CronJob"],
    ),
    (NODE_POOL, ("spec", "weigth"), 1, "spec.weigth", ["did you mean weight"]),
    (NODE_POOL, ("spec", "weight"), 101, "spec.weight", ["at most 100"]),
    (
        NODE_POOL,
        ("spec", "template", "spec", "requirements", 0, "operator"),
        "in",
        "spec.template.spec.requirements[0].operator",
        ["did you mean In?"],
    ),
    (
        NODE_POOL,
        ("spec", "disruption", "consolidationPolicy"),
        "WhenUnderutilized",
        "spec.disruption.consolidationPolicy",
        ["WhenEmptyOrUnderutilized"],
    ),
    (NODE_POOL, ("spec", "disruption", "budgets", 0, "nodes"), "ten", "spec.disruption.budgets[0].nodes", ["match"]),
    (NODE_CLASS, ("spec", "instanceStorePolicy"), "RAID1", "spec.instanceStorePolicy", ["RAID0"]),
    (
        NODE_CLASS,
        ("spec", "blockDeviceMappings", 0, "ebs", "size"),
        "1Gi",
        "spec.blockDeviceMappings[0].ebs.size",
        ["no field", "volumeSize"],
    ),
    (
        EXTERNAL_SECRET,
        ("spec", "secretStoreRef", "kind"),
        "SecretsStore",
        "spec.secretStoreRef.kind",
        ["did you mean SecretStore"],
    ),
    (SECRET_STORE, ("spec", "provider", "aws", "service"), "Secrets", "spec.provider.aws.service", ["SecretsManager"]),
    (
        SERVICE_MONITOR,
        ("spec", "endpoints", 0, "targetPort"),
        True,
        "spec.endpoints[0].targetPort",
        ["integer or string"],
    ),
    (
        PROMETHEUS_RULE,
        ("spec", "groups", 0, "rules", 0, "expression"),
        "x",
        "spec.groups[0].rules[0].expression",
        ["did you mean expr"],
    ),
    (SCALED_OBJECT, ("spec", "maxReplica"), 1, "spec.maxReplica", ["did you mean maxReplicaCount"]),
    (
        SCALED_OBJECT,
        ("spec", "triggers", 0, "metadata", "threshold"),
        4,
        "spec.triggers[0].metadata.threshold",
        ["must be string"],
    ),
]


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
    assert "tools/crds/fetch.py" in problem.reason


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


def test_every_data_file_is_listed_small_and_says_where_it_comes_from():
    folder = Path(crds.__file__).parents[1] / "data" / "crds"
    listed = {entry.file for entry in crds.index().values()}
    assert {path.name for path in folder.iterdir()} == {*listed, "index.json"}
    for entry in crds.index().values():
        assert entry.licence == "Apache-2.0"
        assert len(entry.as_of) == 10
        assert entry.project.startswith("github.com/")
        assert (folder / entry.file).stat().st_size < 300_000


def test_every_custom_kind_compiles_and_is_brought_by_a_chart():
    for api_version, kind in crds.index():
        list(schemas.validator(api_version, kind).iter_errors({"metadata": {"name": "x"}}))
        assert crds.charts_for(api_version.partition("/")[0])


def test_five_hundred_objects_take_seconds():
    validate_object(DEPLOYMENT)
    start = time.process_time()
    for _ in range(500):
        validate_object(DEPLOYMENT)
    assert time.process_time() - start < 8
