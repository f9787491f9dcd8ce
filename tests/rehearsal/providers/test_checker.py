"""Inputs against the SDK's own types, without an engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plinth_cli.rehearsal import schema
from plinth_cli.rehearsal.checker import check_inputs
from plinth_cli.rehearsal.differ import Change, difference
from plinth_cli.rehearsal.values import UNKNOWN, Asset, Secret


@pytest.fixture(scope="module")
def sdks():
    return schema.installed()


def complaints(sdks, token, inputs):
    package = token.split(":")[0]
    return {failure.path: failure.reason for failure in check_inputs(sdks[package].resource(token).inputs, inputs)}


BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
POOL = "aws:eks/nodeGroup:NodeGroup"


def test_good_inputs_pass(sdks):
    assert complaints(sdks, VERSIONING, {"bucket": "b", "versioningConfiguration": {"status": "Enabled"}}) == {}
    assert complaints(sdks, BUCKET, {"policy": '{"Version": "2012-10-17"}'}) == {}
    assert complaints(sdks, BUCKET, {"policy": {"Version": "2012-10-17", "Statement": []}}) == {}
    assert complaints(sdks, "aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "source": Asset(text="x")}) == {}


def test_unknown_and_secret_values_are_accepted_anywhere(sdks):
    for value in (UNKNOWN, Secret(UNKNOWN), Secret({"status": UNKNOWN}), {"status": Secret("Enabled")}):
        assert complaints(sdks, VERSIONING, {"bucket": UNKNOWN, "versioningConfiguration": value}) == {}


@pytest.mark.parametrize(
    ("token", "inputs", "path", "said"),
    [
        (BUCKET, {"buckett": "x"}, "buckett", "did you mean 'bucket'"),
        (BUCKET, {"force_destroy": True}, "force_destroy", "did you mean 'forceDestroy'"),
        (BUCKET, {"forceDestroy": "yes"}, "forceDestroy", "a boolean, not the string 'yes'"),
        (BUCKET, {"tags": {"a": 1}}, "tags.a", "a string, not the number 1"),
        (BUCKET, {"tags": {"a.b": 1}}, 'tags["a.b"]', "a string"),
        (BUCKET, {"lifecycleRules": {"id": "x"}}, "lifecycleRules", "a list"),
        (BUCKET, {"lifecycleRules": [{"enabled": True}, {"enabled": 1}]}, "lifecycleRules[1].enabled", "a boolean"),
        (BUCKET, {"policy": 3}, "policy", "a string or an object"),
        (POOL, {"scalingConfig": {"maxSize": 1.5, "minSize": 0, "desiredSize": 1}}, "scalingConfig.maxSize", "integer"),
        (POOL, {"clusterName": "c"}, "nodeRoleArn", "is required but missing"),
        (POOL, {"clusterName": None}, "clusterName", "is required but missing"),
    ],
)
def test_mistakes_are_found_where_they_are(sdks, token, inputs, path, said):
    found = complaints(sdks, token, inputs)
    assert said in found[path]


def test_a_secret_is_not_quoted(sdks):
    found = complaints(sdks, BUCKET, {"forceDestroy": Secret("canary-1"), "bucket": Secret({"canary-2": 1})})
    assert set(found) == {"forceDestroy", "bucket"}
    assert "canary" not in str(found)


def test_only_the_module_that_is_asked_about_is_imported():
    code = (
        "import sys; from plinth_cli.rehearsal import schema; s = schema.installed()['aws'];"
        "assert s.resource('aws:sqs/queue:Queue'); assert 'pulumi_aws.sqs.queue' in sys.modules;"
        "assert 'pulumi_aws.ec2.vpc' not in sys.modules and 'pulumi_snowflake' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_differences_name_paths_and_replacements():
    old = {"a": 1, "tags": {"x.y": "1"}, "rules": [{"n": 1}, {"n": 2}], "gone": True, "same": Secret("s")}
    new = {"a": 2, "tags": {"x.y": "2"}, "rules": [{"n": 1}], "new": None, "same": "s", "later": UNKNOWN}
    found = difference(old, new, immutable=["rules"], delete_before_replace=True)
    assert found.changes == {
        "a": Change.UPDATE,
        'tags["x.y"]': Change.UPDATE,
        "rules[1]": Change.DELETE,
        "gone": Change.DELETE,
        "later": Change.ADD,
    }
    assert found.replaces == {"rules[1]"}
    assert found.delete_before_replace
    assert not difference(old, old, immutable=["a"], delete_before_replace=True).delete_before_replace


def test_true_is_not_one_and_an_asset_is_its_hash():
    assert difference({"a": True}, {"a": 1}).changes == {"a": Change.UPDATE}
    assert difference({"a": Asset(hash="1")}, {"a": Asset(text="x", hash="1")}).changes == {}
    assert difference({"a": Asset(hash="1")}, {"a": Asset(text="x", hash="2")}).changes == {"a": Change.UPDATE}
