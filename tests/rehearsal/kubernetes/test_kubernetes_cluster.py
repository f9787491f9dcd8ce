"""Objects as files: created, changed, read and deleted by the rules of a cluster."""

import base64

import pytest
from kubernetes_harness import CANARY, ESO, NAMESPACE, Harness, call_for
from kubernetes_samples import (
    CONFIG_MAP,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NODE_POOL,
    SCALED_OBJECT,
    SERVICE,
    SERVICE_MONITOR,
    changed,
)

from plinth_cli.rehearsal.kubernetes import manifests
from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN
from plinth_cli.rehearsal.package import Refusal
from plinth_cli.rehearsal.values import UNKNOWN, Secret, has_secret, reveal, walk


def test_an_object_becomes_a_file_and_goes_with_it(harness):
    harness.create(NAMESPACE)
    created = harness.create(CONFIG_MAP)
    assert created.id == "plinth-system/gateway-config"
    assert harness.files() == ["_cluster/Namespace-plinth-system.yaml", "plinth-system/ConfigMap-gateway-config.yaml"]
    harness.package.delete(call_for("kubernetes:core/v1:ConfigMap"), created.id, CONFIG_MAP, created.outputs)
    assert harness.files() == ["_cluster/Namespace-plinth-system.yaml"]
    harness.package.delete(call_for("kubernetes:core/v1:ConfigMap"), created.id, CONFIG_MAP, created.outputs)


def test_a_cluster_of_a_further_region_is_a_cluster_of_its_own(harness):
    there = {"config": {"clusterIdentifier": "plinth-prod.us-west-2"}}
    harness.create(NAMESPACE)
    with pytest.raises(Refusal, match="namespace"):
        harness.create(CONFIG_MAP, **there)
    harness.create(NAMESPACE, **there)
    harness.create(CONFIG_MAP, **there)
    assert harness.files() == ["_cluster/Namespace-plinth-system.yaml"]
    folder = harness.env_dir / "regions" / "us-west-2"
    assert [item.name for item in manifests.load(folder)] == ["plinth-system", "gateway-config"]
    call = call_for("kubernetes:core/v1:ConfigMap", **there)
    harness.package.delete(call, "plinth-system/gateway-config", CONFIG_MAP, {})
    assert [item.name for item in manifests.load(folder)] == ["plinth-system"]


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
        (NODE_POOL, {"chart": "./components/plinth/tables/crds/karpenter-1.14.1.tgz"}),
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
        (SCALED_OBJECT, {"chart": "./components/plinth/tables/crds/karpenter-1.14.1.tgz"}),
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


def test_outputs_have_no_unknown_once_created(harness):
    harness.create(NAMESPACE)
    for obj in (DEPLOYMENT, SERVICE, CONFIG_MAP):
        assert UNKNOWN not in list(walk(harness.create(obj).outputs))
