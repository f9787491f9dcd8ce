"""The stand-in as `StandIn` calls it: names, diffs, refusals and rendered files, without the engine."""

import base64
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kubernetes_samples import (
    CONFIG_MAP,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NODE_POOL,
    SCALED_OBJECT,
    SERVICE,
    SERVICE_MONITOR,
    VALID,
    changed,
)

from plinth_cli.rehearsal.differ import Change
from plinth_cli.rehearsal.kubernetes import KubernetesPackage, manifests
from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN, of_token
from plinth_cli.rehearsal.package import Call, Naming, Refusal, Urn
from plinth_cli.rehearsal.values import UNKNOWN, Secret, has_secret, reveal, walk

CANARY = "c4nary-in-a-secret"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plinth-system"}}
ESO = {
    "chart": "external-secrets",
    "version": "2.9.0",
    "name": "external-secrets",
    "namespace": "kube-system",
    "repositoryOpts": {"repo": "https://charts.external-secrets.io"},
}


def token_of(obj: dict[str, Any]) -> str:
    group, _, version = obj["apiVersion"].rpartition("/")
    return f"kubernetes:{group or 'core'}/{version}:{obj['kind']}"


def call_for(token: str, name: str = "thing", **more: Any) -> Call:
    urn = f"urn:pulumi:dev::plinth::plinth:index:Gateway${token}::{name}"
    return Call(Urn.parse(urn), **more)


class Harness:
    """A package and the few steps that tests take with it."""

    def __init__(self, env_dir):
        self.env_dir = env_dir
        self.package = KubernetesPackage(env_dir)

    def check(self, obj, *, token=None, name="thing", old=None, naming=None, config=None):
        call = call_for(token or token_of(obj), name, config=config or {})
        return self.package.check(call, deepcopy(obj), old or {}, naming or Naming())

    def create(self, obj, *, token=None, name="thing", **more):
        call = call_for(token or token_of(obj), name, **more)
        return self.package.create(call, deepcopy(obj))

    def diff(self, old, new, *, token=None, config=None):
        call = call_for(token or token_of(new), config=config or {})
        return self.package.diff(call, "id", old, {}, new)

    def files(self):
        folder = self.env_dir / "manifests"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def harness(tmp_path):
    return Harness(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For checks and diffs, which touch no file."""
    return Harness(tmp_path_factory.mktemp("env"))


# --- check ---------------------------------------------------------------------------------------------------------


def test_a_name_is_made_up_as_the_provider_does_it(shared):
    checked = shared.check(changed(CONFIG_MAP, "metadata", to={"namespace": "default"}), name="settings")
    name = checked.inputs["metadata"]["name"]
    assert name.startswith("settings-")
    assert len(name) == len("settings-") + 8
    assert int(name[-8:], 16) >= 0
    assert checked.inputs["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert not checked.failures


def test_a_made_up_name_stays_and_a_replacement_gets_another(shared):
    bare = changed(CONFIG_MAP, "metadata", drop=True)
    call = call_for("kubernetes:core/v1:ConfigMap")
    first = shared.package.check(call, deepcopy(bare), {}, Naming()).inputs
    later = Call(call.urn, incarnation=1)
    again = shared.package.check(later, deepcopy(bare), first, Naming()).inputs
    replacement = shared.package.check(later, deepcopy(bare), {}, Naming()).inputs
    assert first["metadata"] == again["metadata"]
    assert replacement["metadata"]["name"] != first["metadata"]["name"]


def test_the_engines_naming_is_followed(shared):
    bare = changed(CONFIG_MAP, "metadata", drop=True)
    assert shared.check(bare, naming=Naming("agreed", "enforce")).inputs["metadata"]["name"] == "agreed"
    (failure,) = shared.check(bare, naming=Naming(None, "disable")).failures
    assert failure.path == "metadata.name"


def test_a_given_name_is_kept_and_not_marked(shared):
    metadata = shared.check(CONFIG_MAP).inputs["metadata"]
    assert metadata == CONFIG_MAP["metadata"]


def test_api_version_and_kind_come_from_the_token(shared):
    bare = {"metadata": {"name": "x"}}
    inputs = shared.check(bare, token="kubernetes:rbac.authorization.k8s.io/v1:ClusterRole").inputs
    assert (inputs["apiVersion"], inputs["kind"]) == ("rbac.authorization.k8s.io/v1", "ClusterRole")
    assert shared.check(bare, token="kubernetes:core/v1:Namespace").inputs["apiVersion"] == "v1"


def test_the_providers_namespace_is_the_default_of_namespaced_kinds(shared):
    config = {"namespace": "plinth-system"}
    bare = {"metadata": {"name": "x"}}
    service_account = shared.check(bare, token="kubernetes:core/v1:ServiceAccount", config=config)
    namespace = shared.check(bare, token="kubernetes:core/v1:Namespace", config=config)
    assert service_account.inputs["metadata"]["namespace"] == "plinth-system"
    assert "namespace" not in namespace.inputs["metadata"]


def test_an_id_cannot_be_made_of_a_secret(shared):
    (failure,) = shared.check(changed(CONFIG_MAP, "metadata", "name", to=Secret(CANARY))).failures
    assert failure.path == "metadata.name"
    assert CANARY not in failure.reason


def test_secret_marks_survive_the_check(shared):
    obj = {"metadata": Secret({"labels": {"a": "b"}}), "stringData": {"password": Secret(CANARY)}}
    inputs = shared.check(obj, token="kubernetes:core/v1:Secret").inputs
    assert isinstance(inputs["metadata"], Secret)
    assert isinstance(inputs["stringData"]["password"], Secret)
    assert reveal(inputs["metadata"])["name"].startswith("thing-")


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:helm.sh/v4:Chart",
        "kubernetes:yaml/v2:ConfigGroup",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:kustomize/v2:Directory",
    ],
)
def test_a_component_that_renders_objects_is_refused_with_a_way_out(shared, token):
    (failure,) = shared.check({}, token=token).failures
    assert token in failure.reason
    assert RELEASE_TOKEN in failure.reason


def test_functions_are_refused(shared):
    with pytest.raises(Refusal, match="kubernetes:helm:template"):
        shared.package.invoke(call_for("kubernetes:helm:template"), "kubernetes:helm:template", {})


def test_a_patch_names_its_object(shared):
    token = "kubernetes:storage.k8s.io/v1:StorageClassPatch"
    patch = {"metadata": {"name": "gp2", "annotations": {"storageclass.kubernetes.io/is-default-class": "false"}}}
    assert not shared.check(patch, token=token).failures
    assert [failure.path for failure in shared.check({}, token=token).failures] == ["metadata.name"]
    off = {"enableServerSideApply": False}
    assert "server-side apply" in shared.check(patch, token=token, config=off).failures[0].reason


def test_the_provider_knows_its_arguments(shared):
    call = call_for("pulumi:providers:kubernetes")
    good = {"context": "prod", "enableServerSideApply": "true", "helmReleaseSettings": '{"driver":"secret"}'}
    assert not shared.package.check_config(call, good).failures
    (failure,) = shared.package.check_config(call, {"kubeConfig": "x"}).failures
    assert failure.path == "kubeConfig"
    assert "kubeconfig" in failure.reason


# --- diff ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("obj", VALID, ids=lambda obj: obj["kind"])
def test_no_change_is_no_difference(shared, obj):
    assert not shared.diff(obj, deepcopy(obj)).changes


def _places(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if (*path, key) not in (("apiVersion",), ("kind",)):
            yield (*path, key), item
            yield from _places(item, (*path, key))


def _bare(path: str) -> str:
    return path.replace('"', "").replace("[", ".").replace("]", "")


@given(st.data())
def test_a_change_is_reported_at_its_path_and_nowhere_else(shared, data):
    obj = data.draw(st.sampled_from(VALID))
    places = [(path, item) for path, item in _places(obj) if not isinstance(item, (dict, list))]
    path, value = data.draw(st.sampled_from(places))
    other = data.draw(st.one_of(st.text(max_size=3), st.integers(), st.booleans()))
    assume(other != value)
    found = shared.diff(obj, changed(obj, *path, to=other))
    assert [_bare(where) for where in found.changes] == [".".join(map(str, path))]
    assert set(found.changes.values()) == {Change.UPDATE}


@given(st.data())
def test_adding_and_dropping_mirror_each_other(shared, data):
    obj = data.draw(st.sampled_from(VALID))
    identity = {("metadata",), ("metadata", "namespace")}  # a namespace left out is the default one
    fields = [path for path, _ in _places(obj) if isinstance(path[-1], str) and path not in identity]
    path = data.draw(st.sampled_from(fields))
    without = changed(obj, *path, drop=True)
    dropped, added = shared.diff(obj, without), shared.diff(without, obj)
    assert dropped.changes.keys() == added.changes.keys()
    assert set(dropped.changes.values()) == {Change.DELETE}
    assert set(added.changes.values()) == {Change.ADD}


def test_the_default_namespace_may_be_spelt_out(shared):
    plain = changed(CONFIG_MAP, "metadata", "namespace", drop=True)
    assert not shared.diff(plain, changed(plain, "metadata", "namespace", to="default")).changes
    namespaced = changed(NODE_POOL, "metadata", "namespace", to="erroneous")
    assert not shared.diff(NODE_POOL, namespaced).changes


JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "load"},
    "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "load", "image": "acme/load:1"}]}}
    },
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "cache"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "resources": {"requests": {"storage": "10Gi"}},
    },
}
BINDING = next(obj for obj in VALID if obj["kind"] == "RoleBinding")
STORAGE_CLASS = next(obj for obj in VALID if obj["kind"] == "StorageClass")


@pytest.mark.parametrize(
    ("obj", "path", "to", "replaces"),
    [
        (DEPLOYMENT, ("spec", "replicas"), 3, False),
        (DEPLOYMENT, ("spec", "template", "spec", "containers", 0, "image"), "acme/x:2", False),
        (DEPLOYMENT, ("spec", "selector", "matchLabels", "tier"), "web", True),
        (DEPLOYMENT, ("metadata", "name"), "other", True),
        (DEPLOYMENT, ("metadata", "namespace"), "other", True),
        (DEPLOYMENT, ("metadata", "labels", "tier"), "web", False),
        (SERVICE, ("spec", "clusterIP"), "172.20.0.7", True),
        (SERVICE, ("spec", "type"), "LoadBalancer", False),
        (CONFIG_MAP, ("data", "runtime.json"), "{ }", True),
        (CONFIG_MAP, ("metadata", "labels"), {"a": "b"}, False),
        (JOB, ("spec", "template", "spec", "containers", 0, "image"), "acme/load:2", True),
        (JOB, ("spec", "backoffLimit"), 2, False),
        (CLAIM, ("spec", "storageClassName"), "gp2", True),
        (CLAIM, ("spec", "accessModes", 0), "ReadWriteMany", True),
        (CLAIM, ("spec", "resources", "requests", "storage"), "20Gi", False),
        (BINDING, ("roleRef", "name"), "edit", True),
        (BINDING, ("subjects", 0, "name"), "acme:ads", False),
        (STORAGE_CLASS, ("parameters", "type"), "io2", True),
        (EXTERNAL_SECRET, ("spec", "data", 0, "remoteRef", "key"), "other", False),
    ],
    ids=lambda part: part.get("kind") if isinstance(part, dict) else None,
)
def test_what_is_immutable_replaces(shared, obj, path, to, replaces):
    found = shared.diff(obj, changed(obj, *path, to=to))
    assert bool(found.replaces) is replaces
    renamed = path[-1] in ("name", "namespace") and path[0] == "metadata"
    assert found.delete_before_replace is (replaces and not renamed)


def test_a_replacement_with_a_made_up_name_need_not_wait(shared):
    autonamed = changed(CONFIG_MAP, "metadata", "annotations", to={"pulumi.com/autonamed": "true"})
    found = shared.diff(autonamed, changed(autonamed, "data", "runtime.json", to="{ }"))
    assert found.replaces
    assert not found.delete_before_replace


@pytest.mark.parametrize(
    ("kind", "field", "option"),
    [("ConfigMap", "data", "enableConfigMapMutable"), ("Secret", "stringData", "enableSecretMutable")],
)
def test_content_is_updated_in_place_only_when_the_provider_says_so(shared, kind, field, option):
    old = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, field: {"a": "1"}}
    new = changed(old, field, "a", to="2")
    assert shared.diff(old, new).replaces == {f"{field}.a"}
    assert not shared.diff(old, new, config={option: True}).replaces
    fixed = [changed(obj, "immutable", to=True) for obj in (old, new)]
    assert shared.diff(*fixed, config={option: True}).replaces


# --- create, update, delete, read ----------------------------------------------------------------------------------


def test_an_object_becomes_a_file_and_goes_with_it(harness):
    harness.create(NAMESPACE)
    created = harness.create(CONFIG_MAP)
    assert created.id == "plinth-system/gateway-config"
    assert harness.files() == ["_cluster/Namespace-plinth-system.yaml", "plinth-system/ConfigMap-gateway-config.yaml"]
    harness.package.delete(call_for("kubernetes:core/v1:ConfigMap"), created.id, CONFIG_MAP, created.outputs)
    assert harness.files() == ["_cluster/Namespace-plinth-system.yaml"]
    harness.package.delete(call_for("kubernetes:core/v1:ConfigMap"), created.id, CONFIG_MAP, created.outputs)


def test_what_is_rendered_is_the_object_in_a_stable_order(harness):
    obj = {
        "data": {"z": "two\nlines\n", "a": "1"},
        "metadata": {"labels": {"b": "2", "a": "1"}, "name": "x"},
        "kind": "ConfigMap",
        "apiVersion": "v1",
    }
    harness.create(obj)
    text = (harness.env_dir / "manifests/default/ConfigMap-x.yaml").read_text()
    assert text.splitlines()[1:] == [
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        "  name: x",
        "  namespace: default",
        "  labels:",
        "    a: '1'",
        "    b: '2'",
        "data:",
        "  a: '1'",
        "  z: |",
        "    two",
        "    lines",
    ]


def test_manifests_are_loaded_back(harness):
    for obj in (NAMESPACE, CONFIG_MAP, DEPLOYMENT):
        harness.create(obj)
    harness.create(ESO, token=RELEASE_TOKEN)
    harness.create(
        {"metadata": {"name": "gp2"}, "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"},
        token="kubernetes:storage.k8s.io/v1:StorageClassPatch",
    )
    loaded = manifests.load(harness.env_dir)
    assert [(m.kind, m.namespace, m.name) for m in loaded] == [
        ("Namespace", None, "plinth-system"),
        ("ConfigMap", "plinth-system", "gateway-config"),
        ("Deployment", "plinth-system", "gateway"),
    ]
    assert loaded[2].body == DEPLOYMENT
    assert [m.kind for m in manifests.load(harness.env_dir, patches=True) if m.patch] == ["StorageClass"]
    (release,) = manifests.load_releases(harness.env_dir)
    assert (release.namespace, release.name, release.body["version"]) == ("kube-system", "external-secrets", "2.9.0")
    assert release.body["repository"] == "https://charts.external-secrets.io"


def test_no_secret_reaches_a_file(harness):
    harness.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"password": CANARY}}
    )
    harness.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}, "data": Secret({CANARY: CANARY})})
    harness.create({**changed(CONFIG_MAP, "metadata", to={"name": "c"}), "data": {"x": Secret(f"a {CANARY}")}})
    values = {"grafana": {"adminPassword": Secret(CANARY)}, "more": Secret({"deep": [CANARY]})}
    harness.create({**ESO, "values": values}, token=RELEASE_TOKEN)
    texts = {name: (harness.env_dir / "manifests" / name).read_text() for name in harness.files()}
    assert len(texts) == 4
    assert [name for name, text in texts.items() if CANARY in text or "[secret]" not in text] == []
    assert "password" in texts["default/Secret-a.yaml"]


def test_the_data_of_a_secret_is_what_the_server_makes_of_string_data(harness):
    outputs = harness.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"password": CANARY}}
    ).outputs
    assert base64.b64decode(reveal(outputs["data"]["password"])).decode() == CANARY
    assert has_secret(outputs["data"])


def test_a_preview_creates_nothing_and_leaves_open_what_the_server_assigns(harness):
    created = harness.create(changed(SERVICE, "spec", "type", to="LoadBalancer"), preview=True)
    assert created.id == ""
    assert created.outputs["metadata"]["name"] == "gateway"
    assert created.outputs["metadata"]["namespace"] == "default"
    assert created.outputs["metadata"]["uid"] is UNKNOWN
    assert created.outputs["spec"]["clusterIP"] is UNKNOWN
    assert created.outputs["status"] is UNKNOWN
    assert harness.files() == []


def test_the_server_assigns_the_same_again(harness, tmp_path_factory):
    other = Harness(tmp_path_factory.mktemp("other"))
    obj = changed(SERVICE, "spec", "type", to="LoadBalancer")
    config = {"kubeconfig": "server: https://ABC.gr7.eu-central-1.eks.amazonaws.com"}
    first, second = (one.create(obj, config=config).outputs for one in (harness, other))
    assert first["metadata"]["uid"] == second["metadata"]["uid"]
    assert first["spec"] == second["spec"]
    assert first["spec"]["clusterIP"].startswith("172.20.")
    (address,) = first["status"]["loadBalancer"]["ingress"]
    assert address["hostname"].endswith(".elb.eu-central-1.amazonaws.com")


def test_a_headless_service_stays_headless(harness):
    spec = harness.create(changed(SERVICE, "spec", "clusterIP", to="None")).outputs["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])


def test_an_update_keeps_identity_and_counts_generations(harness):
    harness.create(NAMESPACE)
    before = harness.create(DEPLOYMENT).outputs
    new = changed(DEPLOYMENT, "spec", "replicas", to=5)
    call = call_for("kubernetes:apps/v1:Deployment")
    after = harness.package.update(call, "id", DEPLOYMENT, before, new)
    for field in ("uid", "creationTimestamp"):
        assert after["metadata"][field] == before["metadata"][field]
    assert (before["metadata"]["generation"], after["metadata"]["generation"]) == (1, 2)
    assert after["status"]["readyReplicas"] == 5
    assert manifests.load(harness.env_dir)[-1].body["spec"]["replicas"] == 5


def test_a_service_keeps_its_address_over_an_update(harness):
    before = harness.create(SERVICE).outputs
    call = call_for("kubernetes:core/v1:Service", incarnation=3)
    after = harness.package.update(call, "id", SERVICE, before, changed(SERVICE, "spec", "type", to="NodePort"))
    assert after["spec"]["clusterIP"] == before["spec"]["clusterIP"]


def test_a_name_that_is_taken_is_refused(harness):
    harness.create(SERVICE, name="one")
    with pytest.raises(Refusal, match=r"AlreadyExists: Service gateway in namespace default.*::one"):
        harness.create(SERVICE, name="two")
    harness.create(SERVICE, name="one", resumed=True)
    harness.create(SERVICE, name="two", config={"upsertExistingObjects": True})
    harness.package.adopt(call_for("kubernetes:core/v1:Service", "one"), "default/gateway", SERVICE)


def test_a_namespace_must_exist(harness):
    with pytest.raises(Refusal, match='namespaces "plinth-system" not found'):
        harness.create(CONFIG_MAP)
    harness.create(NAMESPACE)
    harness.create(CONFIG_MAP)
    harness.create(changed(CONFIG_MAP, "metadata", "namespace", to="kube-system"))


def test_a_release_may_bring_its_namespace(harness):
    with pytest.raises(Refusal, match="not found"):
        harness.create({**ESO, "namespace": "external-secrets"}, token=RELEASE_TOKEN)
    harness.create({**ESO, "namespace": "external-secrets", "createNamespace": True}, token=RELEASE_TOKEN)
    harness.create(changed(CONFIG_MAP, "metadata", "namespace", to="external-secrets"))


def test_a_namespace_takes_what_is_in_it_along(harness):
    harness.create(NAMESPACE)
    harness.create(CONFIG_MAP)
    harness.package.delete(call_for("kubernetes:core/v1:Namespace"), "plinth-system", NAMESPACE, {})
    assert harness.files() == []


@pytest.mark.parametrize(
    ("obj", "release"),
    [
        (NODE_POOL, {"chart": "oci://public.ecr.aws/karpenter/karpenter-crd"}),
        (NODE_POOL, {"chart": "oci://public.ecr.aws/karpenter/karpenter"}),
        (changed(EXTERNAL_SECRET, "metadata", "namespace", drop=True), {"chart": "external-secrets"}),
        (SERVICE_MONITOR, {"chart": "kube-prometheus-stack"}),
        (SCALED_OBJECT, {"chart": "keda", "values": {"crds": {"install": True}}}),
    ],
    ids=lambda part: part.get("kind") or part["chart"].rpartition("/")[2],
)
def test_a_custom_kind_needs_the_chart_that_brings_it(harness, obj, release):
    with pytest.raises(Refusal, match=f'no matches for kind "{obj["kind"]}" in version'):
        harness.create(obj)
    harness.create({**ESO, **release}, token=RELEASE_TOKEN)
    harness.create(obj)


@pytest.mark.parametrize(
    ("obj", "release"),
    [
        (NODE_POOL, {"chart": "karpenter", "skipCrds": True}),
        (SERVICE_MONITOR, {"chart": "kube-prometheus-stack", "values": {"crds": {"enabled": False}}}),
        (SCALED_OBJECT, {"chart": "keda", "values": {"crds": {"install": False}}}),
    ],
    ids=lambda part: part.get("kind") or part["chart"],
)
def test_a_release_without_its_definitions_brings_no_kind(harness, obj, release):
    harness.create({**ESO, **release}, token=RELEASE_TOKEN)
    with pytest.raises(Refusal, match="no matches for kind"):
        harness.create(obj)


def test_an_update_that_the_server_would_refuse_is_refused(harness):
    old = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high"},
        "value": 100,
    }
    call = call_for("kubernetes:scheduling.k8s.io/v1:PriorityClass")
    with pytest.raises(Refusal, match=r"immutable.*PriorityClass high.*replace_on_changes") as refused:
        harness.package.update(call, "high", old, {}, changed(old, "value", to=200))
    assert refused.value.path == "value"


def test_reading_finds_what_is_rendered(harness):
    call = call_for("kubernetes:core/v1:Service")
    assert harness.package.read(call, "default/gateway", SERVICE, {}) is None
    harness.create(SERVICE)
    assert harness.package.read(call, "default/gateway", SERVICE, {"x": 1}).outputs == {"x": 1}
    imported = harness.package.read(call, "default/gateway", {}, {})
    assert imported.inputs["spec"] == SERVICE["spec"]
    system = harness.package.read(call_for("kubernetes:core/v1:Namespace"), "kube-system", {}, {})
    assert system.outputs["metadata"]["name"] == "kube-system"


# --- Helm ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"version": None}, "version", "pin the version"),
        ({"version": ">=2"}, "version", "no range"),
        ({"version": "latest"}, "version", "one version"),
        ({"chart": None}, "chart", "required"),
        ({"chartt": "x"}, "chartt", "chart"),
        ({"values": ["x"]}, "values", "map"),
        ({"repositoryOpts": {"repo": "charts.example.com"}}, "repositoryOpts.repo", "https://"),
        ({"repositoryOpts": {"repo": "oci://registry.example.com/charts"}}, "repositoryOpts.repo", "chart"),
        ({"name": "Not_A_Name"}, "name", "lower case"),
        ({"name": "n" * 54}, "name", "at most 53"),
        ({"timeout": "5m"}, "timeout", "integer"),
    ],
)
def test_a_wrong_release_names_its_property(shared, change, path, words):
    inputs = {name: value for name, value in {**ESO, **change}.items() if value is not None}
    (failure,) = shared.check(inputs, token=RELEASE_TOKEN).failures
    assert failure.path == path
    assert words in failure.reason


def test_a_right_release_passes(shared):
    assert not shared.check({**ESO, "values": {"a": {"b": [1]}}, "skipCrds": True}, token=RELEASE_TOKEN).failures
    oci = {"chart": "oci://public.ecr.aws/karpenter/karpenter", "version": "1.14.1", "timeout": 300}
    checked = shared.check(oci, token=RELEASE_TOKEN, name="karpenter")
    assert not checked.failures
    assert checked.inputs["name"].startswith("karpenter-")
    assert checked.inputs["namespace"] == "default"
    again = shared.check(oci, token=RELEASE_TOKEN, name="karpenter", old=checked.inputs)
    assert again.inputs["name"] == checked.inputs["name"]


def test_a_release_reports_its_status_and_revisions(harness):
    created = harness.create(ESO, token=RELEASE_TOKEN)
    assert created.id == "kube-system/external-secrets"
    status = created.outputs["status"]
    assert (status["status"], status["namespace"], status["revision"]) == ("deployed", "kube-system", 1)
    new = {**ESO, "values": {"replicaCount": 2}}
    after = harness.package.update(call_for(RELEASE_TOKEN), created.id, ESO, created.outputs, new)
    assert after["status"]["revision"] == 2
    assert manifests.load_releases(harness.env_dir)[0].body["values"] == {"replicaCount": 2}
    with pytest.raises(Refusal, match="still in use"):
        harness.create(ESO, token=RELEASE_TOKEN, name="other")
    harness.package.delete(call_for(RELEASE_TOKEN), created.id, new, after)
    assert harness.files() == []


def test_a_release_moves_only_by_replacement(shared):
    assert shared.diff(ESO, {**ESO, "version": "2.9.1"}, token=RELEASE_TOKEN).replaces == frozenset()
    assert shared.diff(ESO, {**ESO, "namespace": "x"}, token=RELEASE_TOKEN).replaces == {"namespace"}


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "kind", "namespaced"),
    [
        ("kubernetes:core/v1:Namespace", "v1 Namespace", False),
        ("kubernetes:core/v1:Secret", "v1 Secret", True),
        ("kubernetes:apps/v1:DeploymentPatch", "apps/v1 Deployment", True),
        ("kubernetes:storage.k8s.io/v1:StorageClass", "storage.k8s.io/v1 StorageClass", False),
        ("kubernetes:karpenter.sh/v1:NodePool", "karpenter.sh/v1 NodePool", False),
        ("kubernetes:external-secrets.io/v1:ExternalSecret", "external-secrets.io/v1 ExternalSecret", True),
        ("kubernetes:external-secrets.io/v1:ClusterSecretStore", "external-secrets.io/v1 ClusterSecretStore", False),
        ("kubernetes:acme.example/v1:Rocket", "acme.example/v1 Rocket", True),
    ],
)
def test_tokens_name_kinds(token, kind, namespaced):
    found = of_token(token)
    assert str(found) == kind
    assert found.namespaced is namespaced


def test_outputs_have_no_unknown_once_created(harness):
    harness.create(NAMESPACE)
    for obj in (DEPLOYMENT, SERVICE, CONFIG_MAP):
        assert UNKNOWN not in list(walk(harness.create(obj).outputs))
