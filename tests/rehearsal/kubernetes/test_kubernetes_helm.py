"""Helm releases: pinned, recorded, and moved only by replacement."""

import pytest
from kubernetes_harness import ESO, call_for

from plinth_cli.rehearsal.kubernetes import manifests
from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN
from plinth_cli.rehearsal.package import Refusal


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
