"""Backups of databases, copied to the other region, and tests that they can be restored."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.recovery.plan import Mechanism
from plinth.security import documents
from plinth.security.roles import role
from plinth.spec.environment import Environment
from plinth.spec.recovery import Recovery

MANAGED_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
VALIDATION_HOURS = 4
"""Time that a restored database stays, for people and checks to look at it, before AWS Backup deletes it."""


class BackupVault(Component):
    """A vault in one region, encrypted, that nobody empties early where the stage protects data."""

    arn: pulumi.Output[str]
    """ARN of the vault, known once it is locked."""

    vault_name: pulumi.Output[str]
    """Name of the vault, known once it is locked."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        key_arn: pulumi.Input[str],
        keep_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("BackupVault", name, {"keepDays": keep_days}, environment=environment, opts=opts)
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=key_arn,
            force_destroy=not environment.protects_data,
            opts=self.options(aws.backup.Vault),
        )
        self.arn, self.vault_name = vault.arn, vault.name
        if environment.protects_data:
            # Governance mode: an administrator can lift it. Without `changeable_for_days` it never becomes permanent.
            lock = aws.backup.VaultLockConfiguration(
                f"{name}-lock",
                backup_vault_name=vault.name,
                min_retention_days=min(7, keep_days),
                opts=self.options(aws.backup.VaultLockConfiguration),
            )
            self.arn, self.vault_name = lock.backup_vault_arn, lock.backup_vault_name
        self.register_outputs({"arn": self.arn})


class Backups(Component):
    """A backup plan for databases: taken here, copied there, and restored every few days as a test."""

    def __init__(
        self,
        name: str,
        section: Recovery,
        *,
        environment: Environment,
        mechanism: Mechanism,
        vault: BackupVault,
        copy_vault: BackupVault,
        database_arns: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Backups", name, section, environment=environment, opts=opts)
        service = role(
            self,
            name,
            description="AWS Backup takes, copies and test-restores backups",
            trust=documents.service_trust("backup.amazonaws.com"),
            region=environment.region,
            managed_policies=MANAGED_POLICIES,
        )
        keep: aws.backup.PlanRuleLifecycleArgsDict = {"delete_after": section.backup_keep_days}
        copied: aws.backup.PlanRuleCopyActionLifecycleArgsDict = {"delete_after": section.backup_keep_days}
        plan = aws.backup.Plan(
            f"{name}-plan",
            rules=[
                {
                    "rule_name": "databases",
                    "target_vault_name": vault.vault_name,
                    "schedule": mechanism.schedule,
                    "start_window": 60,
                    "completion_window": 180,
                    "lifecycle": keep,
                    "copy_actions": [{"destination_vault_arn": copy_vault.arn, "lifecycle": copied}],
                }
            ],
            opts=self.options(aws.backup.Plan),
        )
        aws.backup.Selection(
            f"{name}-databases",
            plan_id=plan.id,
            iam_role_arn=service.arn,
            resources=list(database_arns),
            opts=self.options(aws.backup.Selection, depends_on=service.attachments),
        )
        self._restore_tests(name, section, vault, service.arn, database_arns, service.attachments)
        self.register_outputs({})

    def _restore_tests(
        self,
        name: str,
        section: Recovery,
        vault: BackupVault,
        role_arn: pulumi.Output[str],
        database_arns: Sequence[pulumi.Input[str]],
        ready: list[pulumi.Resource],
    ) -> None:
        """A backup that was never restored is a hope."""
        days = "*" if section.restore_test_days == 1 else f"1/{section.restore_test_days}"
        plan = aws.backup.RestoreTestingPlan(
            f"{name}-restore-tests",
            # Letters, digits and underscores only.
            name=f"plinth_{self._environment.name.replace('-', '_')}",
            schedule_expression=f"cron(0 6 {days} * ? *)",
            start_window_hours=1,
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [vault.arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": section.restore_test_days,
            },
            opts=self.options(aws.backup.RestoreTestingPlan),
        )
        aws.backup.RestoreTestingSelection(
            f"{name}-restored",
            name="databases",
            restore_testing_plan_name=plan.name,
            iam_role_arn=role_arn,
            protected_resource_type="Aurora",
            protected_resource_arns=list(database_arns),
            validation_window_hours=VALIDATION_HOURS,
            opts=self.options(aws.backup.RestoreTestingSelection, depends_on=ready),
        )
