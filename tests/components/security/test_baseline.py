import json
from pathlib import Path

import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.security import watch
from plinth.security.baseline import SecurityBaseline
from plinth.spec.security import AccountBudget, AuditTrail, GuardDuty, Inspector, Security

TRAIL = "aws:cloudtrail/trail:Trail"
TRAIL_ARN = "arn:aws:cloudtrail:us-east-1:123456789012:trail/plinth-dev"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
RULE = "aws:cloudwatch/eventRule:EventRule"
BUDGETED = Security(budget=AccountBudget(monthly_usd=1200))


def build(stage="development", section=BUDGETED, recorded_buckets=()):
    return lambda: SecurityBaseline(
        "security",
        section,
        environment=environment(stage),
        oncall_email="oncall@acme.example.com",
        bucket_arns={name: f"arn:aws:s3:::{name}" for name in recorded_buckets},
    )


@pytest.fixture(scope="module")
def recorded():
    return record(build())


def test_identities_are_pinned_and_the_same_in_a_preview(recorded):
    check_identities(recorded, Path(__file__).with_name("baseline.json"))
    assert record(build(), preview=True).identities == recorded.identities


def test_guardduty_watches_the_cluster_and_its_processes(recorded):
    features = {f.inputs["name"]: f.inputs for f in recorded.of("aws:guardduty/detectorFeature:DetectorFeature")}
    assert {"EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "EBS_MALWARE_PROTECTION"} <= features.keys()
    assert {feature["status"] for feature in features.values()} == {"ENABLED"}
    parts = {part["name"]: part["status"] for part in features["RUNTIME_MONITORING"]["additionalConfigurations"]}
    assert parts["EKS_ADDON_MANAGEMENT"] == "ENABLED"
    assert parts["ECS_FARGATE_AGENT_MANAGEMENT"] == "DISABLED"
    assert "additionalConfigurations" not in features["EKS_AUDIT_LOGS"]


def test_features_follow_the_section():
    assert "RUNTIME_MONITORING" not in watch.guardduty_features(GuardDuty(runtime=False))
    assert "EBS_MALWARE_PROTECTION" not in watch.guardduty_features(GuardDuty(malware_scan=False))


def test_inspector_scans_what_is_listed(recorded):
    enabler = recorded.one("aws:inspector2/enabler:Enabler").inputs
    assert enabler == {"accountIds": ["123456789012"], "resourceTypes": ["EC2", "ECR"]}
    assert watch.inspector_types(Inspector(scans=["ecr"])) == ["ECR"]


def test_the_trail_covers_all_regions_and_its_files_prove_themselves(recorded):
    trail = recorded.one(TRAIL)
    assert trail.inputs["name"] == "plinth-dev"
    assert trail.inputs["isMultiRegionTrail"]
    assert trail.inputs["includeGlobalServiceEvents"]
    assert trail.inputs["enableLogFileValidation"]
    assert recorded.value(recorded.result.trail_arn)
    # Its bucket's policy is there before CloudTrail tries to write.
    assert "security-trail-records-tls" in trail.depends_on
    assert [s["name"] for s in trail.inputs["advancedEventSelectors"]] == ["Management events"]


def test_only_this_trail_writes_to_the_bucket_and_uses_the_key(recorded):
    policy = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert set(statements) == {"TlsOnly", "Tls12", "TrailChecks", "TrailWrites"}
    writes = statements["TrailWrites"]
    assert writes["Resource"].endswith("/AWSLogs/123456789012/*")
    assert writes["Condition"]["StringEquals"] == {
        "aws:SourceArn": TRAIL_ARN,
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    assert statements["TrailChecks"]["Condition"]["StringEquals"] == {"aws:SourceArn": TRAIL_ARN}
    key = json.loads(recorded.one("aws:kms/key:Key").inputs["policy"])
    services = [s for s in key["Statement"] if "Service" in s["Principal"]]
    assert len(services) == 3
    assert all("Condition" in statement for statement in services)
    topic = "arn:aws:sns:us-east-1:123456789012:plinth-dev-findings"
    assert services[2]["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic}}
    assert recorded.one("aws:sns/topic:Topic").inputs["name"] == "plinth-dev-findings"


@pytest.mark.parametrize(
    ("stage", "mode", "locked"),
    [
        ("development", "governance", None),
        ("staging", "governance", {"mode": "GOVERNANCE", "days": 500}),
        ("production", "compliance", {"mode": "COMPLIANCE", "days": 500}),
    ],
)
def test_records_are_locked_where_the_stage_protects_data(stage, mode, locked):
    recorded = record(build(stage, Security(audit_trail=AuditTrail(keep_days=500, lock=mode))))
    bucket = recorded.one("aws:s3/bucket:Bucket").inputs
    assert bucket.get("objectLockEnabled", False) is (locked is not None)
    assert [lock.inputs["rule"]["defaultRetention"] for lock in recorded.of(LOCK)] == ([locked] if locked else [])
    rules = {
        r["id"]: r
        for r in recorded.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    }
    assert rules["expire"]["expiration"]["days"] == 500
    assert recorded.one(TRAIL).protect is (locked is not None)


def test_events_of_objects_are_recorded_where_they_are_to_be():
    recorded = record(build(recorded_buckets=["models"]))
    objects = recorded.one(TRAIL).inputs["advancedEventSelectors"][1]["fieldSelectors"]
    assert objects[2] == {"field": "resources.ARN", "startsWiths": ["arn:aws:s3:::models/"]}


def test_somebody_hears_of_serious_findings_and_of_tampering(recorded):
    patterns = {rule.name: json.loads(rule.inputs["eventPattern"]) for rule in recorded.of(RULE)}
    assert set(patterns) == {f"security-findings-{what}" for what in ("threats", "vulnerabilities", "tampering")}
    assert patterns["security-findings-threats"]["detail"]["severity"] == [{"numeric": [">=", 7]}]
    assert "StopLogging" in patterns["security-findings-tampering"]["detail"]["eventName"]
    assert recorded.one("aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "oncall@acme.example.com"
    targets = recorded.of("aws:cloudwatch/eventTarget:EventTarget")
    assert len(targets) == 3
    assert all("security-findings-policy" in target.depends_on for target in targets)


def test_who_hears_can_be_named():
    section = Security(
        findings_email="security@acme.example.com",
        budget=AccountBudget(monthly_usd=5, notify=["finops@acme.example.com"]),
    )
    recorded = record(build(section=section))
    assert recorded.one("aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "security@acme.example.com"
    notices = recorded.one("aws:budgets/budget:Budget").inputs["notifications"]
    assert {tuple(notice["subscriberEmailAddresses"]) for notice in notices} == {("finops@acme.example.com",)}


def test_the_accounts_budget_covers_everything(recorded):
    budget = recorded.one("aws:budgets/budget:Budget").inputs
    assert (budget["limitAmount"], budget["timeUnit"]) == ("1200", "MONTHLY")
    assert "costFilters" not in budget
    warned = {(n["notificationType"], n["threshold"], *n["subscriberEmailAddresses"]) for n in budget["notifications"]}
    assert ("FORECASTED", 100, "oncall@acme.example.com") in warned


def test_nothing_in_the_account_is_public_or_open_by_default(recorded):
    assert recorded.one("aws:ebs/encryptionByDefault:EncryptionByDefault").inputs["enabled"] is True
    assert recorded.one("aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults").inputs["httpTokens"] == "required"
    block = recorded.one("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock").inputs
    assert set(block.values()) == {True}


def test_an_organization_runs_what_it_says_it_runs():
    everything = record(build(section=Security(managed="organization")))
    assert [resource.type for resource in everything.resources] == ["plinth:index:SecurityBaseline"]
    assert everything.result.trail_arn is None
    section = Security(managed="organization", inspector=Inspector(managed="platform"))
    inspector_only = {r.type for r in record(build(section=section)).resources}
    assert "aws:inspector2/enabler:Enabler" in inspector_only
    assert not {TRAIL, "aws:guardduty/detector:Detector"} & inspector_only
