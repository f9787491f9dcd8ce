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


def test_only_what_decides_about_validity_is_kept(fetch):
    schema = {
        "description": "words",
        "type": "object",
        "required": ["mode", "name"],
        "x-kubernetes-validations": [{"rule": "self.name != ''"}],
        "properties": {
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "name": {"type": "string", "description": "words", "pattern": "^x"},
            "list": {"type": "array", "items": {"type": "string", "title": "t"}, "x-kubernetes-list-type": "set"},
        },
        "anyOf": [{"required": ["name"], "description": "words"}],
    }
    assert fetch.trim(schema) == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "mode": {"type": "string", "enum": ["a", "b"]},
            "name": {"type": "string", "pattern": "^x"},
            "list": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        },
        "anyOf": [{"required": ["name"]}],
    }


def test_a_field_may_be_called_like_a_keyword(fetch):
    schema = {"properties": {"description": {"type": "string"}, "default": {"type": "object", "title": "t"}}}
    assert fetch.trim(schema) == {"properties": {"description": {"type": "string"}, "default": {"type": "object"}}}


def test_served_versions_are_taken_without_what_every_object_has(fetch):
    def version(name, served):
        properties = {key: {"type": "object"} for key in ("apiVersion", "kind", "metadata", "spec", "status")}
        return {"name": name, "served": served, "schema": {"openAPIV3Schema": {"properties": properties}}}

    crd = {
        "spec": {
            "group": "acme.example",
            "names": {"kind": "Rocket"},
            "scope": "Cluster",
            "versions": [version("v1", True), version("v1beta1", True), version("v1alpha1", False)],
        }
    }
    ((identity, schema),) = fetch.extract(crd, ("v1", "v1alpha1"))
    assert identity == {"group": "acme.example", "version": "v1", "kind": "Rocket", "scope": "Cluster"}
    assert schema == {"properties": {"spec": {"type": "object"}}}
