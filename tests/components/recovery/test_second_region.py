"""What is built in the second region, and what is copied there."""

import json
from functools import cache

import pytest
from support.recorder import record
from support.worlds import document

from plinth.program import build
from plinth.spec import load_spec

SECTION = {"region": "us-west-2", "cidr": "10.60.0.0/16", "zones": ["a", "b"], "data_rpo_minutes": 120}


@cache
def recorded(**objectives):
    spec = load_spec({**document("prod"), "recovery": {**SECTION, **objectives}})
    return record(lambda: build(spec), stack="prod")


@pytest.fixture
def warm():
    return recorded(answers_rto_minutes=15)


def test_the_first_region_is_what_it_would_be_alone(warm):
    alone = record(lambda: build(load_spec(document("prod"))), stack="prod")
    assert set(alone.identities) <= set(warm.identities)


def test_keys_are_copied_and_not_made_again(warm):
    keys = [item for item in warm.of("aws:secretsmanager/secret:Secret") if item.name.startswith("gateway-")]
    assert len(keys) == len(document("prod")["tenants"]) + 1
    assert all([replica["region"] for replica in item.inputs["replicas"]] == ["us-west-2"] for item in keys)


def test_every_bucket_is_replicated_on_time_with_the_other_regions_key(warm):
    configured = warm.of("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    rules = {item.name: item.inputs["rules"][0] for item in configured}
    assert set(rules) == {f"replication-{bucket['name']}" for bucket in document("prod")["storage"]["buckets"]}
    for rule in rules.values():
        assert rule["destination"]["replicationTime"]["time"] == {"minutes": 15}
        assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"]
        assert rule["sourceSelectionCriteria"]["sseKmsEncryptedObjects"] == {"status": "Enabled"}


def test_databases_are_backed_up_hourly_copied_and_restored_as_a_test(warm):
    (rule,) = warm.one("aws:backup/plan:Plan").inputs["rules"]
    assert rule["schedule"] == "cron(0 * * * ? *)" and rule["copyActions"][0]["lifecycle"] == {"deleteAfter": 35}
    assert (
        warm.one("aws:backup/restoreTestingSelection:RestoreTestingSelection").inputs["protectedResourceType"]
        == "Aurora"
    )
    locks = warm.of("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
    assert len(locks) == 2 and all("changeableForDays" not in lock.inputs for lock in locks)


def test_s3_may_copy_and_nothing_else(warm):
    policy = json.loads(warm.one("aws:iam/rolePolicy:RolePolicy", "replication-copy").inputs["policy"])
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert not any("*" in action for action in actions)
    assert all(statement["Resource"] != ["*"] for statement in policy["Statement"])


def test_a_rebuilt_region_has_copies_and_nothing_that_runs():
    rebuilt = recorded(answers_rto_minutes=600)
    assert len(rebuilt.of("aws:eks/cluster:Cluster")) == 1
    assert len(rebuilt.of("aws:backup/vault:Vault")) == 2


def test_budgets_are_made_once_and_clusters_twice(warm):
    names = [item.name for item in warm.of("aws:budgets/budget:Budget")]
    assert len(names) == len(set(names)) >= len(document("prod")["tenants"])
    assert len(warm.of("aws:eks/cluster:Cluster")) == 2
