"""One S3 bucket, as every bucket of the platform is: private, versioned, encrypted, TLS only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.storage import lifecycle


@dataclass(frozen=True, slots=True)
class PrivateBucket:
    """A bucket that exists and is closed."""

    name: pulumi.Output[str]
    """Physical name; known once the bucket is closed to the public."""

    arn: pulumi.Output[str]
    """ARN of the bucket."""


def private_bucket(
    component: Component,
    name: str,
    *,
    key_arn: pulumi.Input[str],
    rules: Sequence[lifecycle.Rule],
    keep_on_destroy: bool,
    tags: Mapping[str, str],
    admit: Sequence[documents.Statement] | None = None,
    objects_admit: Mapping[str, documents.Statement] | None = None,
    lock: tuple[str, int] | None = None,
    organization_id: str | None = None,
) -> PrivateBucket:
    """A bucket with all that closes it, as children `name` and `name-...` of `component`.

    Args:
        component: parent.
        name: logical name.
        key_arn: KMS key of its objects.
        rules: what happens to objects as they age.
        keep_on_destroy: whether `pulumi destroy` stops at a bucket that has objects.
        tags: of the bucket.
        admit: statements about the bucket itself for its policy; their `Resource` is added.
        objects_admit: statements for its policy about the objects below a prefix; their `Resource` is added.
        lock: Object Lock mode (GOVERNANCE, COMPLIANCE) and days; None: objects are not locked.
        organization_id: AWS Organization whose principals alone are let in; None: what IAM says.
    """
    bucket = aws.s3.Bucket(
        name,
        force_destroy=not keep_on_destroy,
        object_lock_enabled=True if lock else None,
        tags=dict(tags),
        opts=component.options(aws.s3.Bucket),
    )
    versioning = aws.s3.BucketVersioning(
        f"{name}-versioning",
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=component.options(aws.s3.BucketVersioning),
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn},
                "bucket_key_enabled": True,
            }
        ],
        opts=component.options(aws.s3.BucketServerSideEncryptionConfiguration),
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-lifecycle",
        bucket=bucket.id,
        rules=[_rule(rule) for rule in rules],
        opts=component.options(aws.s3.BucketLifecycleConfiguration, depends_on=[versioning]),
    )
    if lock:
        mode, days = lock
        aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket.id,
            rule={"default_retention": {"mode": mode, "days": days}},
            opts=component.options(aws.s3.BucketObjectLockConfiguration, depends_on=[versioning]),
        )
    more = [documents.own_organization(bucket.arn, organization_id)] if organization_id else []
    more += [{**statement, "Resource": bucket.arn} for statement in admit or ()]
    more += [
        {**statement, "Resource": pulumi.Output.concat(bucket.arn, f"/{prefix}*")}
        for prefix, statement in (objects_admit or {}).items()
    ]
    return PrivateBucket(_close(component, name, bucket, more), bucket.arn)


def _close(
    component: Component, name: str, bucket: aws.s3.Bucket, more: Sequence[documents.Statement]
) -> pulumi.Output[str]:
    """No ACLs, nothing public, TLS only; gives the bucket's name once that holds."""
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.id,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=component.options(aws.s3.BucketOwnershipControls),
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=component.options(aws.s3.BucketPublicAccessBlock),
    )
    policy = documents.tls_only(bucket.arn)
    return aws.s3.BucketPolicy(
        f"{name}-tls",
        bucket=bucket.id,
        policy=pulumi.Output.json_dumps({**policy, "Statement": [*policy["Statement"], *more]}),
        # S3 refuses two changes of a bucket's access at the same time.
        opts=component.options(aws.s3.BucketPolicy, depends_on=[block]),
    ).bucket


def _rule(rule: lifecycle.Rule) -> aws.s3.BucketLifecycleConfigurationRuleArgsDict:
    """A rule of the plan in the provider's words, for every object of the bucket."""
    match rule:
        case lifecycle.Archive(days):
            return {
                "id": "archive",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "transitions": [{"days": days, "storage_class": "GLACIER_IR"}],
            }
        case lifecycle.Expire(days):
            return {"id": "expire", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}}
        case lifecycle.CleanUp(old_version_days, unfinished_upload_days):
            return {
                "id": "clean-up",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": old_version_days},
                "abort_incomplete_multipart_upload": {"days_after_initiation": unfinished_upload_days},
            }
