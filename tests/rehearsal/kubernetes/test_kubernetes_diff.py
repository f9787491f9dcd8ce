"""What changed, what is replaced, and what must go first."""

from copy import deepcopy

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kubernetes_samples import (
    CONFIG_MAP,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NODE_POOL,
    SERVICE,
    VALID,
    changed,
)

from plinth_cli.rehearsal.differ import Change


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
