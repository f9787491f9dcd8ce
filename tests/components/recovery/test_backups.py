"""Backups of environments with one region."""

import pytest
from support.platforms import recorded_platform
from support.recorder import record
from support.worlds import document, spec

from plinth.program import build
from plinth.spec import load_spec
from plinth.storage import classes


def test_staging_is_backed_up_every_night_and_restored_as_a_test():
    staging = recorded_platform("staging")
    (rule,) = staging.one("aws:backup/plan:Plan", "backups-plan").inputs["rules"]
    assert rule["schedule"] == "cron(0 3 * * ? *)" and "copyActions" not in rule
    assert rule["lifecycle"] == {"deleteAfter": spec("staging").backups.keep_days}
    (lock,) = staging.of("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
    assert lock.inputs["minRetentionDays"] == 7 and "changeableForDays" not in lock.inputs
    tests = staging.of("aws:backup/restoreTestingSelection:RestoreTestingSelection")
    assert "Aurora" in {item.inputs["protectedResourceType"] for item in tests}


def test_sensitive_buckets_without_a_copy_elsewhere_are_backed_up():
    prod = recorded_platform("prod")
    resources = prod.one("aws:backup/selection:Selection", "backups-buckets").inputs["resources"]
    wanted = classes.backed_up(spec("prod").storage, second_region=False)
    assert wanted == classes.recorded(spec("prod").storage) and len(resources) == len(wanted)


def test_somebody_is_told_of_a_backup_or_a_restore_that_failed():
    prod = recorded_platform("prod")
    alarm = prod.one("aws:cloudwatch/metricAlarm:MetricAlarm", "backup-watch-backups-failed").inputs
    assert alarm["metricName"] == "NumberOfBackupJobsFailed" and alarm["threshold"] == 0
    assert alarm["dimensions"].keys() == {"BackupVaultName"}


@pytest.mark.parametrize("name", ["local", "dev"])
def test_what_protects_no_data_is_not_backed_up(name):
    assert not recorded_platform(name).of("aws:backup/vault:Vault")


def test_without_sensitive_data_databases_alone_are_backed_up():
    plain = {
        **document("staging"),
        "storage": {"buckets": [{"name": "models"}, {"name": "logs"}, {"name": "artifacts"}]},
    }
    recorded = record(lambda: build(load_spec(plain)), stack="staging")
    assert [plan.name for plan in recorded.of("aws:backup/plan:Plan")] == ["backups-plan"]
