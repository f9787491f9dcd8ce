"""Backups of stores, copied to the other region where there is one, and tests that they can be restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.security.roles import role
from plinth.spec.backups import Backups as BackupsSection
from plinth.spec.environment import Environment

MANAGED_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
)
BUCKET_POLICIES = ("AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore")
VALIDATION_HOURS = 4
"""Time that what was restored stays, for people and checks to look at it, before AWS Backup deletes it."""

LEAST_DAYS = 7
"""Days that a vault holds every backup, whoever asks to delete it."""

GRACE_DAYS = 3
"""Days in which a lock in compliance mode can still be taken back: the fewest that AWS Backup allows."""

DAILY = "cron(0 3 * * ? *)"
"""When backups are taken where nothing asks for more: once a night, in UTC."""

Protected = Literal["Aurora", "Neptune", "S3"]
"""Kinds of stores, as AWS Backup names them."""


@dataclass(frozen=True, slots=True)
class Backed:
    """Stores of one kind that are backed up together."""

    kind: Protected
    arns: Sequence[pulumi.Input[str]]

    @property
    def label(self) -> str:
        """What the plan calls them."""
        return {"Aurora": "databases", "Neptune": "graph", "S3": "buckets"}[self.kind]

    @property
    def travels(self) -> bool:
        """Whether backups are how it reaches another region. Buckets are replicated, or have to stay."""
        return self.kind != "S3"


class BackupVault(Component):
    """A vault in one region, encrypted, that nobody empties early where the stage protects data."""

    arn: pulumi.Output[str]
    """ARN of the vault, known once it is locked."""

    vault_name: pulumi.Output[str]
    """Name of the vault, known once it is locked."""

    def __init__(
        self,
        name: str,
        section: BackupsSection,
        *,
        environment: Environment,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("BackupVault", name, section, environment=environment, opts=opts)
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=key_arn,
            force_destroy=not environment.protects_data,
            opts=self.options(aws.backup.Vault),
        )
        self.arn, self.vault_name = vault.arn, vault.name
        if environment.protects_data:
            # Without `changeable_for_days` the lock is in governance mode: it never becomes permanent.
            lock = aws.backup.VaultLockConfiguration(
                f"{name}-lock",
                backup_vault_name=vault.name,
                min_retention_days=min(LEAST_DAYS, section.keep_days),
                changeable_for_days=GRACE_DAYS if section.lock == "compliance" else None,
                opts=self.options(aws.backup.VaultLockConfiguration),
            )
            self.arn, self.vault_name = lock.backup_vault_arn, lock.backup_vault_name
        self.register_outputs({"arn": self.arn})


class Backups(Component):
    """A backup plan: taken here, copied there where there is another region, and restored every few days as a test."""

    def __init__(
        self,
        name: str,
        section: BackupsSection,
        *,
        environment: Environment,
        vault: BackupVault,
        backed: Sequence[Backed],
        schedule: str = DAILY,
        copy_vault: BackupVault | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Backups", name, section, environment=environment, opts=opts)
        buckets = any(item.kind == "S3" for item in backed)
        service = role(
            self,
            name,
            description="AWS Backup takes, copies and test-restores backups",
            trust=documents.service_trust("backup.amazonaws.com"),
            region=environment.region,
            managed_policies=[*MANAGED_POLICIES, *(BUCKET_POLICIES if buckets else ())],
        )
        for item in backed:
            target = copy_vault if item.travels else None
            plan = self._plan(name, section, item, vault, schedule, target)
            aws.backup.Selection(
                f"{name}-{item.label}",
                plan_id=plan.id,
                iam_role_arn=service.arn,
                resources=list(item.arns),
                opts=self.options(aws.backup.Selection, depends_on=service.attachments),
            )
        self._restore_tests(name, section, vault, service.arn, backed, service.attachments)
        self.register_outputs({})

    def _plan(
        self,
        name: str,
        section: BackupsSection,
        item: Backed,
        vault: BackupVault,
        schedule: str,
        copy_vault: BackupVault | None,
    ) -> aws.backup.Plan:
        keep: aws.backup.PlanRuleLifecycleArgsDict = {"delete_after": section.keep_days}
        rule: aws.backup.PlanRuleArgsDict = {
            "rule_name": item.label,
            "target_vault_name": vault.vault_name,
            "schedule": schedule if item.travels else DAILY,
            "start_window": 60,
            "completion_window": 180,
            "lifecycle": keep,
        }
        if copy_vault:
            copied: aws.backup.PlanRuleCopyActionLifecycleArgsDict = {"delete_after": section.keep_days}
            rule["copy_actions"] = [{"destination_vault_arn": copy_vault.arn, "lifecycle": copied}]
        suffix = "plan" if item.kind == "Aurora" else f"{item.label}-plan"
        return aws.backup.Plan(f"{name}-{suffix}", rules=[rule], opts=self.options(aws.backup.Plan))

    def _restore_tests(
        self,
        name: str,
        section: BackupsSection,
        vault: BackupVault,
        role_arn: pulumi.Output[str],
        backed: Sequence[Backed],
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
        for item in backed:
            aws.backup.RestoreTestingSelection(
                f"{name}-restored" if item.kind == "Aurora" else f"{name}-restored-{item.label}",
                name=item.label,
                restore_testing_plan_name=plan.name,
                iam_role_arn=role_arn,
                protected_resource_type=item.kind,
                protected_resource_arns=list(item.arns),
                validation_window_hours=VALIDATION_HOURS,
                opts=self.options(aws.backup.RestoreTestingSelection, depends_on=ready),
            )


def backed_up(
    database_arn: pulumi.Input[str],
    graph_arn: pulumi.Input[str] | None,
    bucket_arns: Mapping[str, pulumi.Input[str]],
    buckets: Sequence[str],
) -> list[Backed]:
    """What is backed up: PostgreSQL, the graph if there is one, and these buckets if there are any."""
    found = [Backed("Aurora", [database_arn])]
    if graph_arn is not None:
        found.append(Backed("Neptune", [graph_arn]))
    if buckets:
        found.append(Backed("S3", [bucket_arns[bucket] for bucket in buckets]))
    return found
