"""What tools/crds/fetch.py keeps of a CustomResourceDefinition."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def fetch():
    spec = importlib.util.spec_from_file_location("crd_fetch", Path(__file__).parents[3] / "tools/crds/fetch.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def definition(*versions, **metadata):
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rockets.acme.example", **metadata},
        "spec": {
            "group": "acme.example",
            "names": {"kind": "Rocket", "plural": "rockets"},
            "scope": "Cluster",
            "preserveUnknownFields": False,
            "versions": list(versions),
        },
    }


def version(name, *, served=True, storage=False, schema=None):
    return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": schema or {}}}


def test_only_words_are_dropped(fetch):
    rule = {"rule": "self.name != ''", "message": "words that the API server says"}
    schema = {
        "description": "words",
        "required": ["mode"],
        "x-kubernetes-validations": [rule],
        "properties": {
            "mode": {"type": "string", "default": "a", "description": "words"},
            "list": {"items": {"type": "string", "title": "t"}, "default": [{"description": "a value"}]},
        },
        "anyOf": [{"required": ["mode"], "description": "words"}],
    }
    assert fetch.strip(schema) == {
        "required": ["mode"],
        "x-kubernetes-validations": [rule],
        "properties": {
            "mode": {"type": "string", "default": "a"},
            "list": {"items": {"type": "string"}, "default": [{"description": "a value"}]},
        },
        "anyOf": [{"required": ["mode"]}],
    }


def test_a_field_may_be_called_like_a_keyword(fetch):
    schema = {"properties": {"description": {"type": "string"}, "title": {"type": "object", "title": "t"}}}
    assert fetch.strip(schema) == {"properties": {"description": {"type": "string"}, "title": {"type": "object"}}}


def test_versions_that_are_not_served_are_left_out(fetch):
    crd = definition(version("v1", storage=True), version("v1beta1"), version("v1alpha1", served=False))
    assert [each["name"] for each in fetch.lean(crd)["spec"]["versions"]] == ["v1", "v1beta1"]
    assert [each["name"] for each in fetch.lean(crd, ("v1",))["spec"]["versions"]] == ["v1"]


def test_the_stored_version_stays(fetch):
    with pytest.raises(ValueError, match=r"rockets\.acme\.example: the stored version is not among v1beta1"):
        fetch.lean(definition(version("v1", storage=True), version("v1beta1")), ("v1beta1",))


def test_what_generators_wrote_about_themselves_is_dropped(fetch):
    annotations = {"controller-gen.kubebuilder.io/version": "v0.19.0", "api-approved.kubernetes.io": "yes"}
    crd = fetch.lean(definition(version("v1", storage=True), annotations=annotations))
    kept = {"api-approved.kubernetes.io": "yes", "helm.sh/resource-policy": "keep"}
    assert crd["metadata"] == {"name": "rockets.acme.example", "annotations": kept}
    assert set(crd["spec"]) == {"group", "names", "scope", "versions"}


def test_a_chart_has_the_same_bytes_whenever_it_is_packaged(fetch):
    crd = fetch.lean(definition(version("v1", storage=True)))
    assert fetch.package("rockets", "v1.2.3", [crd]) == fetch.package("rockets", "v1.2.3", [crd])


def test_what_helm_would_evaluate_is_refused(fetch):
    crd = fetch.lean(definition(version("v1", storage=True, schema={"pattern": "{{ .Values }}"})))
    with pytest.raises(ValueError, match=r"rockets\.acme\.example has {{ in it"):
        fetch.package("rockets", "v1.2.3", [crd])
