import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.spec.data import Bucket, Storage
from plinth.storage import lifecycle
from plinth.storage.object_store import ObjectStore

SECTION = Storage(
    buckets=[
        Bucket(name="models", data_class="confidential"),
        Bucket(name="logs", archive_after_days=30, expire_after_days=400),
    ]
)


def build(stage="development"):
    return lambda: ObjectStore("storage", SECTION, environment=environment(stage), key_arn="arn:data")


@pytest.fixture(scope="module")
def recorded():
    return record(build())


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("identities.json"))
    assert record(build(), preview=True).identities == recorded.identities


@pytest.mark.parametrize("bucket", ["models", "logs"])
def test_every_bucket_is_closed_versioned_and_encrypted(recorded, bucket):
    def inputs(kind, suffix):
        return recorded.one(f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}", f"storage-{bucket}-{suffix}").inputs

    block = inputs("BucketPublicAccessBlock", "public-access")
    assert all(
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert inputs("BucketOwnershipControls", "ownership")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert inputs("BucketVersioning", "versioning")["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = inputs("BucketServerSideEncryptionConfiguration", "encryption")["rules"]
    assert rule["bucketKeyEnabled"] is True
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:data"}
    policy = json.loads(inputs("BucketPolicy", "tls")["policy"])
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Deny"}


def test_lifecycle_rules_reach_the_bucket_after_its_versioning(recorded):
    logs = recorded.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "storage-logs-lifecycle")
    assert [rule["id"] for rule in logs.inputs["rules"]] == ["clean-up", "archive", "expire"]
    assert "storage-logs-versioning" in logs.depends_on


@pytest.mark.parametrize(
    ("stage", "protect", "retain"), [("local", False, False), ("staging", True, False), ("production", True, True)]
)
def test_buckets_are_as_hard_to_lose_as_the_stage_says(stage, protect, retain):
    for bucket in record(build(stage)).of("aws:s3/bucket:Bucket"):
        assert (bucket.protect, bucket.retain_on_delete) == (protect, retain)
        assert bucket.inputs["forceDestroy"] is not protect


def test_outputs_are_by_the_names_of_the_spec(recorded):
    store = recorded.result
    assert {name: recorded.value(output) for name, output in store.names.items()} == {
        "models": "storage-models-id",
        "logs": "storage-logs-id",
    }
    assert set(store.arns) == {"models", "logs"}


@given(
    st.builds(
        Bucket,
        name=st.just("logs"),
        archive_after_days=st.none() | st.integers(30, 300),
        expire_after_days=st.none() | st.integers(301, 4000),
        old_version_days=st.integers(1, 4000),
    )
)
def test_the_plan_always_cleans_up_and_does_no_more_than_asked(bucket):
    clean_up, *others = lifecycle.plan(bucket)
    assert clean_up == lifecycle.CleanUp(bucket.old_version_days)
    wanted = [
        *([lifecycle.Archive(bucket.archive_after_days)] if bucket.archive_after_days else []),
        *([lifecycle.Expire(bucket.expire_after_days)] if bucket.expire_after_days else []),
    ]
    assert others == wanted
