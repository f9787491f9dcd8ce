"""The audit trail: who did what in the account."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import watch
from plinth.spec.data import Bucket
from plinth.spec.environment import Environment
from plinth.spec.security import AuditTrail
from plinth.storage import lifecycle
from plinth.storage.bucket import private_bucket


def audit_trail(
    component: Component,
    name: str,
    section: AuditTrail,
    *,
    environment: Environment,
    key_arn: pulumi.Input[str],
    bucket_arns: Mapping[str, pulumi.Input[str]],
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """A trail over all regions and the bucket that it writes to, as children `name` and `name-...`.

    Args:
        component: parent.
        name: logical name of the trail.
        section: how long records are kept, and what is recorded.
        environment: names the trail, and decides whether records are locked.
        key_arn: KMS key that admits the trail.
        bucket_arns: buckets whose objects' events are recorded, by name.

    Returns:
        ARN of the trail and name of the bucket.
    """
    bucket = private_bucket(
        component,
        f"{name}-records",
        key_arn=key_arn,
        rules=lifecycle.plan(
            Bucket(name="records", archive_after_days=watch.ARCHIVE_AFTER_DAYS, expire_after_days=section.keep_days)
        ),
        keep_on_destroy=environment.protects_data,
        tags={"data-class": "confidential"},
        admit=[watch.trail_reads_bucket(environment)],
        objects_admit={watch.trail_folder(environment): watch.trail_writes_objects(environment)},
        lock=watch.object_lock(section, environment),
    )
    selectors: list[aws.cloudtrail.TrailAdvancedEventSelectorArgsDict] = [
        {"name": "Management events", "field_selectors": [{"field": "eventCategory", "equals": ["Management"]}]}
    ]
    if bucket_arns:
        objects = [pulumi.Output.concat(arn, "/") for arn in bucket_arns.values()]
        selectors.append(
            {
                "name": "Objects of the platform",
                "field_selectors": [
                    {"field": "eventCategory", "equals": ["Data"]},
                    {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                    {"field": "resources.ARN", "starts_withs": objects},
                ],
            }
        )
    trail = aws.cloudtrail.Trail(
        name,
        name=watch.trail_name(environment),
        s3_bucket_name=bucket.name,
        kms_key_id=key_arn,
        is_multi_region_trail=True,
        include_global_service_events=True,
        enable_log_file_validation=True,
        advanced_event_selectors=selectors,
        opts=component.options(aws.cloudtrail.Trail),
    )
    return trail.arn, bucket.name
