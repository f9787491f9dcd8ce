"""Names, namespaces, tokens and what is refused at once."""

from copy import deepcopy

import pytest
from kubernetes_harness import CANARY, call_for
from kubernetes_samples import (
    CONFIG_MAP,
    changed,
)

from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN, of_token
from plinth_cli.rehearsal.package import Call, Naming, Refusal
from plinth_cli.rehearsal.values import Secret, reveal


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
