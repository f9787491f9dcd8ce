"""The account's security baseline: threat detection, vulnerability scans, the audit trail and the budget."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Email, Model

Manager = Literal["platform", "organization"]
"""Who runs a service of the account: this environment; or somebody else, such as the security team for the whole AWS
Organization, or another environment in the same account. An account and region has one of each."""


class GuardDuty(Model):
    """Amazon GuardDuty: looks for attacks in the account's logs and in running pods."""

    managed: Manager | None = None
    """Who runs it. Empty: as `security.managed` says."""

    runtime: bool = True
    """Whether an agent watches processes on every node; GuardDuty puts it there as an EKS add-on and keeps it new."""

    malware_scan: bool = True
    """Whether the volumes of an instance with a finding are scanned for malware."""


class Inspector(Model):
    """Amazon Inspector: looks for known vulnerabilities."""

    managed: Manager | None = None
    """Who runs it. Empty: as `security.managed` says."""

    scans: Annotated[list[Literal["ecr", "ec2"]], Field(min_length=1)] = ["ecr", "ec2"]
    """What is scanned: images in the registry, instances."""


class AuditTrail(Model):
    """AWS CloudTrail: who did what in the account, in all regions, in files that cannot be changed unseen."""

    managed: Manager | None = None
    """Who runs it. Empty: as `security.managed` says."""

    keep_days: Annotated[int, Field(ge=91, le=3653)] = 400
    """Days that records are kept; after 90 they move to Glacier Instant Retrieval."""

    lock: Literal["governance", "compliance"] = "governance"
    """How S3 Object Lock holds records until `keep_days` are over, in staging and production. governance: a role with
    a permission of its own may delete them; compliance: nobody can, AWS included, so the bucket cannot go either."""

    object_events: bool = False
    """Whether each read and write of an object in every bucket of the platform is recorded; it is paid by the event. In
    buckets of confidential and restricted data it is in any case."""


class AccountGuards(Model):
    """Defaults of the account and region that no single resource can forget.

    Encrypted volumes, nothing public in S3, no public images and snapshots, session tokens for instance metadata, and
    a search for what is shared with other accounts.
    """

    managed: Manager | None = None
    """Who sets them. Empty: as `security.managed` says."""


class AccountBudget(Model):
    """A budget for everything in the account. AWS Budgets warns; it stops nothing."""

    monthly_usd: Annotated[int, Field(ge=1)]
    """What a month may cost, in US dollars. A warning comes at 80 % and 100 %, and when 100 % are forecast."""

    notify: Annotated[list[Email], Field(max_length=10)] = []
    """Who is warned. Empty: `monitoring.oncall_email`."""


class Security(Model):
    """What watches the account as a whole."""

    managed: Manager = "platform"
    """Who runs the services below, where a service does not say itself."""

    findings_email: Email | None = None
    """Who hears of serious findings, and of attempts to switch the watching off. Empty: `monitoring.oncall_email`."""

    guardduty: GuardDuty = GuardDuty()
    """Threat detection."""

    inspector: Inspector = Inspector()
    """Vulnerability scans."""

    audit_trail: AuditTrail = AuditTrail()
    """Record of every call to AWS."""

    account_guards: AccountGuards = AccountGuards()
    """Safe defaults of the account."""

    budget: AccountBudget | None = None
    """Budget of the account. Empty: none here."""

    def runs(self, service: GuardDuty | Inspector | AuditTrail | AccountGuards) -> bool:
        """Whether this environment runs a service of the section."""
        return (service.managed or self.managed) == "platform"
