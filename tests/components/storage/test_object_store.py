import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import document, environment, spec

from plinth.program import build as build_platform
from plinth.spec import load_spec
from plinth.spec.storage import Bucket, ObjectLock, Storage
from plinth.storage import classes, lifecycle
from plinth.storage.object_store import ObjectStore

SECTION = Storage(
    buckets=[
        Bucket(name="models", data_class="confidential"),
        Bucket(name="logs", archive_after_days=30, expire_after_days=400),
    ]
)


def build(stage="development", section=SECTION):
    keys = {"data": "arn:data", "restricted": "arn:restricted"}
    return lambda: ObjectStore("storage", section, environment=environment(stage), key_arns=keys)


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
        old_version_days=st.none() | st.integers(1, 4000),
    )
)
def test_the_plan_always_cleans_up_and_does_no_more_than_asked(bucket):
    clean_up, *others = lifecycle.plan(bucket)
    assert clean_up == lifecycle.CleanUp(30 if bucket.old_version_days is None else bucket.old_version_days)
    wanted = [
        *([lifecycle.Archive(bucket.archive_after_days)] if bucket.archive_after_days else []),
        *([lifecycle.Expire(bucket.expire_after_days)] if bucket.expire_after_days else []),
    ]
    assert others == wanted


RECORDS = Bucket(name="records", data_class="confidential", lock=ObjectLock(mode="compliance", days=400))


@pytest.mark.parametrize(("stage", "locked"), [("development", False), ("staging", True), ("production", True)])
def test_records_are_locked_where_the_stage_protects_data(stage, locked):
    recorded = record(build(stage, Storage(buckets=[RECORDS])))
    locks = recorded.of("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    assert [lock.inputs["rule"] for lock in locks] == (
        [{"defaultRetention": {"mode": "COMPLIANCE", "days": 400}}] if locked else []
    )
    assert recorded.one("aws:s3/bucket:Bucket").inputs.get("objectLockEnabled", False) is locked


def test_restricted_data_has_a_key_of_its_own_and_stays_in_its_region():
    section = Storage(buckets=[Bucket(name="cases", data_class="restricted"), Bucket(name="logs")])
    recorded = record(build(section=section))
    rules = recorded.of("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    keys = {
        rule.name: rule.inputs["rules"][0]["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] for rule in rules
    }
    assert keys == {"storage-cases-encryption": "arn:restricted", "storage-logs-encryption": "arn:data"}
    assert classes.replicated(section) == ["logs"]
    assert classes.recorded(section) == ["cases"]
    assert not classes.needs_restricted_key(SECTION)


def test_strangers_to_the_organization_are_refused():
    section = Storage(buckets=[Bucket(name="logs")], organization_id="o-a1b2c3d4e5")
    policy = json.loads(record(build(section=section)).one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    (refusal,) = [statement for statement in policy["Statement"] if statement["Sid"] == "OwnOrganization"]
    assert refusal["Effect"] == "Deny" and len(refusal["Resource"]) == 2
    assert refusal["Condition"]["StringNotEqualsIfExists"] == {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}


def test_what_a_lock_holds_is_not_to_expire_earlier():
    with pytest.raises(ValueError, match=r"below lock.days 400"):
        Bucket(name="records", expire_after_days=300, lock=ObjectLock(days=400))


@pytest.mark.parametrize(("events", "recorded_too"), [(False, set()), (True, {"artifacts"})])
def test_the_trail_records_sensitive_buckets_in_any_case_and_all_when_asked(events, recorded_too):
    wanted = {**document("prod"), "security": {"audit_trail": {"object_events": events}}}
    recorded = record(lambda: build_platform(load_spec(wanted)), stack="prod")
    selectors = recorded.one("aws:cloudtrail/trail:Trail").inputs["advancedEventSelectors"]
    names = {arn.rstrip("/").rpartition("storage-")[2] for arn in selectors[1]["fieldSelectors"][2]["startsWiths"]}
    assert names == {*classes.recorded(spec("prod").storage), *recorded_too}
