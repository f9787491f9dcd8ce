"""What is built in the second region, and what is copied there."""

import json
from functools import cache

import pytest
from support.recorder import record
from support.worlds import document, spec

from plinth.program import build
from plinth.spec import SpecError, load_spec
from plinth.storage import classes

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
    assert set(rules) == {f"replication-{bucket}" for bucket in classes.replicated(spec("prod").storage)}
    assert "replication-cases" not in rules  # restricted data stays in its region
    for rule in rules.values():
        assert rule["destination"]["replicationTime"]["time"] == {"minutes": 15}
        assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"]
        assert rule["sourceSelectionCriteria"]["sseKmsEncryptedObjects"] == {"status": "Enabled"}


def test_databases_are_backed_up_hourly_copied_and_restored_as_a_test(warm):
    (rule,) = warm.one("aws:backup/plan:Plan", "backups-plan").inputs["rules"]
    assert rule["schedule"] == "cron(0 * * * ? *)" and rule["copyActions"][0]["lifecycle"] == {"deleteAfter": 90}
    tested = warm.of("aws:backup/restoreTestingSelection:RestoreTestingSelection")
    assert {item.inputs["protectedResourceType"] for item in tested} == {"Aurora", "Neptune", "S3"}
    locks = warm.of("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
    assert len(locks) == 2 and all(lock.inputs["changeableForDays"] == 3 for lock in locks)


def test_what_may_not_leave_its_region_is_backed_up_and_the_backup_stays_too(warm):
    (rule,) = warm.one("aws:backup/plan:Plan", "backups-buckets-plan").inputs["rules"]
    assert "copyActions" not in rule
    (bucket,) = warm.one("aws:backup/selection:Selection", "backups-buckets").inputs["resources"]
    assert "storage-cases" in bucket


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


def of_regions(recording, type_):
    """Of a type that each region has one of: the first region's, and the other's. They are registered in any order."""
    return sorted(recording.of(type_), key=lambda item: "us-west-2" in item.provider)


@pytest.fixture
def followed():
    return recorded(answers_rto_minutes=15, database_rpo_minutes=1, enforce_database_rpo=True)


def test_postgres_there_follows_and_is_not_told_what_comes_with_the_data(followed):
    leader, follower = of_regions(followed, "aws:rds/cluster:Cluster")
    world = followed.one("aws:rds/globalCluster:GlobalCluster")
    assert world.inputs["sourceDbClusterIdentifier"].endswith("postgres-cluster")
    assert (world.protect, world.retain_on_delete) == (True, True)
    assert leader.ignore_changes == ("globalClusterIdentifier",)
    assert "globalClusterIdentifier" not in leader.inputs
    assert follower.inputs["globalClusterIdentifier"] == "global-database-id"
    assert follower.inputs["sourceRegion"] == "us-east-1"
    assert not {"masterUsername", "masterPasswordWo", "manageMasterUserPassword"} & follower.inputs.keys()
    assert follower.inputs["kmsKeyId"] != leader.inputs["kmsKeyId"] or "us-west-2" in follower.provider
    jobs = [job.name for job in followed.of("kubernetes:batch/v1:Job")]
    assert jobs.count("vector-job") == jobs.count("databases-job") == 1


def test_a_promise_about_the_rpo_makes_commits_wait(followed):
    groups = of_regions(followed, "aws:rds/clusterParameterGroup:ClusterParameterGroup")
    values = [{item["name"]: item["value"] for item in group.inputs["parameters"]} for group in groups]
    assert [value.get("rds.global_db_rpo") for value in values] == ["60", None]


def test_the_master_password_of_a_global_database_is_copied_and_rotates(followed):
    leader, _ = of_regions(followed, "aws:rds/cluster:Cluster")
    assert leader.inputs["masterPasswordWo"] == "canary-postgres-password"
    assert "masterPasswordWo" in leader.secrets and "masterPassword" not in leader.inputs
    assert followed.leaks("canary") == []
    secret = followed.one("aws:secretsmanager/secret:Secret", "postgres-master")
    assert [copy["region"] for copy in secret.inputs["replicas"]] == ["us-west-2"]
    version = followed.one("aws:secretsmanager/secretVersion:SecretVersion", "postgres-master-value")
    assert version.ignore_changes == ("secretString",)
    assert json.loads(version.inputs["secretString"])["engine"] == "postgres"
    rotation = followed.one("aws:secretsmanager/secretRotation:SecretRotation")
    assert rotation.inputs["rotationRules"] == {"automaticallyAfterDays": 7}
    function = followed.one("aws:serverlessrepository/cloudFormationStack:CloudFormationStack")
    assert rotation.inputs["rotationLambdaArn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{function.name}"


def test_tenants_logins_are_the_same_in_both_regions(followed):
    logins = [item for item in followed.of("aws:secretsmanager/secret:Secret") if item.name.startswith("vector-login-")]
    assert len(logins) == len(document("prod")["tenants"])
    assert all([copy["region"] for copy in item.inputs["replicas"]] == ["us-west-2"] for item in logins)


def test_a_cache_that_follows_is_told_nothing_that_comes_from_what_it_follows():
    recording = recorded(answers_rto_minutes=15, cache="follow")
    leader, follower = of_regions(recording, "aws:elasticache/replicationGroup:ReplicationGroup")
    world = recording.one("aws:elasticache/globalReplicationGroup:GlobalReplicationGroup")
    assert world.inputs["primaryReplicationGroupId"] == leader.name
    assert follower.inputs["globalReplicationGroupId"] == "ldgnf-global-cache"
    assert not {"engine", "nodeType", "engineVersion", "atRestEncryptionEnabled"} & follower.inputs.keys()
    assert follower.inputs["userGroupIds"] == leader.inputs["userGroupIds"]


@pytest.mark.parametrize(
    ("cache", "objectives", "path"),
    [
        ({"node_type": "cache.t4g.small"}, {"answers_rto_minutes": 15}, "cache.node_type"),
        ({"node_type": "cache.r7g.large", "replicas": 0}, {"answers_rto_minutes": 15}, "cache.replicas"),
        ({"node_type": "cache.r7g.large"}, {"answers_rto_minutes": 600}, "recovery.cache"),
    ],
)
def test_a_cache_that_cannot_be_followed_is_refused(cache, objectives, path):
    with pytest.raises(SpecError) as caught:
        load_spec({**document("prod"), "cache": cache, "recovery": {**SECTION, "cache": "follow", **objectives}})
    assert [problem.path for problem in caught.value.problems] == [path]


def test_somebody_is_told_when_the_other_region_falls_behind(followed):
    alarms = [alarm for alarm in followed.of("aws:cloudwatch/metricAlarm:MetricAlarm") if "behind" in alarm.name]
    assert [(alarm.name, alarm.inputs["threshold"]) for alarm in alarms] == [("store-watch-postgres-behind", 60_000)]
    assert "us-west-2" in alarms[0].provider
