"""What watches an environment's account as a whole."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents, watch
from plinth.security.trail import audit_trail
from plinth.spec.environment import Environment
from plinth.spec.security import AccountBudget, Security

BUDGET_ALERTS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""What is compared with the budget, and at how many percent somebody hears of it."""


class SecurityBaseline(Component):
    """GuardDuty, Inspector, the audit trail, safe defaults and a budget: of each what the environment runs itself.

    Serious findings, and calls that switch the watching off, are sent to a person.
    """

    detector_id: pulumi.Output[str] | None
    """GuardDuty's detector; None where somebody else runs it."""

    trail_arn: pulumi.Output[str] | None
    """ARN of the audit trail; None where somebody else runs it."""

    audit_bucket: pulumi.Output[str] | None
    """Bucket with the audit records; None where somebody else has them."""

    findings_topic_arn: pulumi.Output[str] | None
    """Topic that serious findings go to; None where the environment runs nothing that finds any."""

    def __init__(
        self,
        name: str,
        section: Security,
        *,
        environment: Environment,
        oncall_email: str,
        bucket_arns: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SecurityBaseline", name, section, environment=environment, opts=opts)
        self._name = name
        self.detector_id = self.trail_arn = self.audit_bucket = self.findings_topic_arn = None
        patterns = watch.event_patterns(section)
        if patterns:
            key_arn = self._key()
            self.findings_topic_arn = self._findings(patterns, section.findings_email or oncall_email, key_arn)
            if section.runs(section.audit_trail):
                self.trail_arn, self.audit_bucket = audit_trail(
                    self,
                    f"{name}-trail",
                    section.audit_trail,
                    environment=environment,
                    key_arn=key_arn,
                    bucket_arns=bucket_arns,
                )
        if section.runs(section.guardduty):
            self.detector_id = self._guardduty(section)
        if section.runs(section.inspector):
            aws.inspector2.Enabler(
                f"{name}-inspector",
                account_ids=[environment.account_id],
                resource_types=watch.inspector_types(section.inspector),
                opts=self.options(aws.inspector2.Enabler),
            )
        if section.runs(section.account_guards):
            self._account_guards()
        if section.budget:
            self._budget(section.budget, oncall_email)
        self.register_outputs(
            {
                "detector_id": self.detector_id,
                "trail_arn": self.trail_arn,
                "audit_bucket": self.audit_bucket,
                "findings_topic_arn": self.findings_topic_arn,
            }
        )

    def _key(self) -> pulumi.Output[str]:
        """A key of its own, so that reading data is not reading who read it."""
        environment = self._environment
        policy = documents.key_policy(environment.region, environment.account_id, watch.key_statements(environment))
        key = aws.kms.Key(
            f"{self._name}-key",
            description=f"Plinth {environment.name}: audit records and findings",
            enable_key_rotation=True,
            deletion_window_in_days=30 if environment.protects_data else 7,
            policy=pulumi.Output.json_dumps(policy),
            opts=self.options(aws.kms.Key),
        )
        aws.kms.Alias(
            f"{self._name}-key-alias",
            name=f"alias/plinth/{environment.name}/audit",
            target_key_id=key.key_id,
            opts=self.options(aws.kms.Alias),
        )
        return key.arn

    def _guardduty(self, section: Security) -> pulumi.Output[str]:
        detector = aws.guardduty.Detector(
            f"{self._name}-guardduty",
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            opts=self.options(aws.guardduty.Detector),
        )
        for feature, parts in watch.guardduty_features(section.guardduty).items():
            aws.guardduty.DetectorFeature(
                f"{self._name}-guardduty-{feature.lower().replace('_', '-')}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                additional_configurations=[
                    {"name": part, "status": "ENABLED" if on else "DISABLED"} for part, on in parts.items()
                ]
                or None,
                opts=self.options(aws.guardduty.DetectorFeature),
            )
        return detector.id

    def _findings(self, patterns: Mapping[str, str], email: str, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        """What must be heard of at once goes to a topic, and from there to a person."""
        name = f"{self._name}-findings"
        topic = aws.sns.Topic(
            name,
            name=watch.topic_name(self._environment),
            display_name="Plinth security findings",
            kms_master_key_id=key_arn,
            opts=self.options(aws.sns.Topic),
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(documents.document(watch.publish_findings(topic.arn))),
            opts=self.options(aws.sns.TopicPolicy),
        )
        aws.sns.TopicSubscription(
            f"{name}-email",
            topic=topic.arn,
            protocol="email",
            endpoint=email,
            opts=self.options(aws.sns.TopicSubscription),
        )
        for label, pattern in patterns.items():
            rule = aws.cloudwatch.EventRule(
                f"{name}-{label}",
                description=f"Security: {label}",
                event_pattern=pattern,
                opts=self.options(aws.cloudwatch.EventRule),
            )
            aws.cloudwatch.EventTarget(
                f"{name}-{label}-target",
                rule=rule.name,
                arn=topic.arn,
                opts=self.options(aws.cloudwatch.EventTarget, depends_on=[policy]),
            )
        return topic.arn

    def _account_guards(self) -> None:
        """Defaults that hold for whatever else is made in the account."""
        name = self._name
        aws.ebs.EncryptionByDefault(
            f"{name}-volumes-encrypted", enabled=True, opts=self.options(aws.ebs.EncryptionByDefault)
        )
        aws.ebs.SnapshotBlockPublicAccess(
            f"{name}-snapshots-private",
            state="block-all-sharing",
            opts=self.options(aws.ebs.SnapshotBlockPublicAccess),
        )
        aws.ec2.ImageBlockPublicAccess(
            f"{name}-images-private",
            state="block-new-sharing",
            opts=self.options(aws.ec2.ImageBlockPublicAccess),
        )
        aws.ec2.InstanceMetadataDefaults(
            f"{name}-metadata-by-token",
            http_tokens="required",
            http_put_response_hop_limit=1,
            opts=self.options(aws.ec2.InstanceMetadataDefaults),
        )
        aws.s3.AccountPublicAccessBlock(
            f"{name}-buckets-private",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.options(aws.s3.AccountPublicAccessBlock),
        )
        aws.accessanalyzer.Analyzer(
            f"{name}-shared-outside",
            analyzer_name=f"plinth-{self._environment.name}",
            type="ACCOUNT",
            opts=self.options(aws.accessanalyzer.Analyzer),
        )

    def _budget(self, section: AccountBudget, oncall_email: str) -> None:
        aws.budgets.Budget(
            f"{self._name}-budget",
            budget_type="COST",
            limit_amount=str(section.monthly_usd),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=list(section.notify) or [oncall_email],
                )
                for kind, percent in BUDGET_ALERTS
            ],
            opts=self.options(aws.budgets.Budget),
        )
