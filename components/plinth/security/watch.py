"""What the security baseline watches for, and who may write where: a plan without Pulumi resources."""

import json
from collections.abc import Mapping
from typing import Any

from plinth.security.documents import Statement, Text, partition
from plinth.spec.environment import Environment
from plinth.spec.security import AuditTrail, GuardDuty, Inspector, Security

SERIOUS = 7
"""GuardDuty severity from which on a finding is high or critical."""

ARCHIVE_AFTER_DAYS = 90
"""Days after which audit records move to Glacier Instant Retrieval."""

TAMPERING: dict[str, list[str]] = {
    "cloudtrail.amazonaws.com": ["DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"],
    "guardduty.amazonaws.com": ["DeleteDetector", "UpdateDetector"],
    "inspector2.amazonaws.com": ["Disable"],
    "kms.amazonaws.com": ["DisableKey", "ScheduleKeyDeletion"],
}
"""Calls that switch the watching off or make data unreadable, by the service that gets them."""


def trail_name(environment: Environment) -> str:
    """Name of the trail: fixed, because its bucket and key admit it by its ARN before it exists."""
    return f"plinth-{environment.name}"


def topic_name(environment: Environment) -> str:
    """Name of the topic of findings: fixed, because its key admits EventBridge for this topic before it exists."""
    return f"plinth-{environment.name}-findings"


def _arn(environment: Environment, service: str, resource: str) -> str:
    region = environment.region
    return f"arn:{partition(region)}:{service}:{region}:{environment.account_id}:{resource}"


def guardduty_features(section: GuardDuty) -> dict[str, dict[str, bool]]:
    """Features that are on, each with its parts and whether they are on.

    Source: Amazon GuardDuty API reference, DetectorFeatureConfiguration.
    """
    features: dict[str, dict[str, bool]] = {
        "EKS_AUDIT_LOGS": {},
        "S3_DATA_EVENTS": {},
        "RDS_LOGIN_EVENTS": {},
        "LAMBDA_NETWORK_LOGS": {},
    }
    if section.malware_scan:
        features["EBS_MALWARE_PROTECTION"] = {}
    if section.runtime:
        # The platform has neither instances beside the cluster's nodes nor tasks on Fargate.
        features["RUNTIME_MONITORING"] = {
            "EKS_ADDON_MANAGEMENT": True,
            "EC2_AGENT_MANAGEMENT": False,
            "ECS_FARGATE_AGENT_MANAGEMENT": False,
        }
    return features


def inspector_types(section: Inspector) -> list[str]:
    """Resource types as Amazon Inspector names them."""
    return sorted(scan.upper() for scan in section.scans)


def event_patterns(section: Security) -> dict[str, str]:
    """EventBridge patterns of what somebody has to hear of at once, by label."""
    patterns: dict[str, Mapping[str, Any]] = {}
    if section.runs(section.guardduty):
        patterns["threats"] = {
            "source": ["aws.guardduty"],
            "detail-type": ["GuardDuty Finding"],
            "detail": {"severity": [{"numeric": [">=", SERIOUS]}]},
        }
    if section.runs(section.inspector):
        patterns["vulnerabilities"] = {
            "source": ["aws.inspector2"],
            "detail-type": ["Inspector2 Finding"],
            "detail": {"severity": ["CRITICAL"], "status": ["ACTIVE"]},
        }
    if section.runs(section.audit_trail):
        patterns["tampering"] = {
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "eventSource": sorted(TAMPERING),
                "eventName": sorted(name for names in TAMPERING.values() for name in names),
            },
        }
    return {label: json.dumps(pattern) for label, pattern in patterns.items()}


def key_statements(environment: Environment) -> list[Statement]:
    """CloudTrail encrypts this trail's files, and EventBridge what it sends to the topic of findings.

    Sources: AWS CloudTrail user guide, "Configure AWS KMS key policies for CloudTrail"; Amazon SNS developer guide,
    "Managing encryption keys and costs" (encryption context).
    """
    trail = _arn(environment, "cloudtrail", f"trail/{trail_name(environment)}")
    service: Statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Resource": "*"}
    from_trail = {"aws:SourceArn": trail}
    topic = _arn(environment, "sns", topic_name(environment))
    return [
        {
            "Sid": "CloudTrailEncrypts",
            **service,
            "Action": "kms:GenerateDataKey*",
            "Condition": {"StringEquals": {**from_trail, "kms:EncryptionContext:aws:cloudtrail:arn": trail}},
        },
        {
            "Sid": "CloudTrailDescribes",
            **service,
            "Action": "kms:DescribeKey",
            "Condition": {"StringEquals": from_trail},
        },
        {
            "Sid": "EventBridgePublishes",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic}},
        },
    ]


def trail_reads_bucket(environment: Environment) -> Statement:
    """CloudTrail looks whether the bucket is this account's."""
    return _trail(environment, "TrailChecks", "s3:GetBucketAcl", {})


def trail_writes_objects(environment: Environment) -> Statement:
    """CloudTrail writes, and the bucket's owner owns what it wrote."""
    return _trail(environment, "TrailWrites", "s3:PutObject", {"s3:x-amz-acl": "bucket-owner-full-control"})


def _trail(environment: Environment, sid: str, action: str, more: Mapping[str, str]) -> Statement:
    trail = _arn(environment, "cloudtrail", f"trail/{trail_name(environment)}")
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": action,
        "Condition": {"StringEquals": {"aws:SourceArn": trail, **more}},
    }


def trail_folder(environment: Environment) -> str:
    """Start of the keys of this account's records in the bucket."""
    return f"AWSLogs/{environment.account_id}/"


def object_lock(section: AuditTrail, environment: Environment) -> tuple[str, int] | None:
    """Mode and days of the lock on audit records; None where the stage protects no data."""
    return (section.lock.upper(), section.keep_days) if environment.protects_data else None


def publish_findings(topic_arn: Text) -> Statement:
    """EventBridge publishes to the topic. For topics it documents no condition on the rule."""
    return {
        "Sid": "EventBridge",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
    }
