"""S3 buckets."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.spec.data import Bucket, Storage
from plinth.spec.environment import Environment
from plinth.storage import lifecycle


class ObjectStore(Component):
    """The platform's buckets: private, versioned, encrypted with the platform's key, TLS only."""

    names: dict[str, pulumi.Output[str]]
    """Physical bucket name by the bucket's name in the spec; known once the bucket is closed to the public."""

    arns: dict[str, pulumi.Output[str]]
    """Bucket ARN by the bucket's name in the spec."""

    def __init__(
        self,
        name: str,
        section: Storage,
        *,
        environment: Environment,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ObjectStore", name, section, environment=environment, opts=opts)
        self.names, self.arns = {}, {}
        for bucket in section.buckets:
            resource = self._bucket(f"{name}-{bucket.name}", bucket, key_arn)
            self.arns[bucket.name] = resource.arn
            self.names[bucket.name] = self._close(f"{name}-{bucket.name}", resource)
        self.register_outputs({"names": self.names, "arns": self.arns})

    def _bucket(self, name: str, section: Bucket, key_arn: pulumi.Input[str]) -> aws.s3.Bucket:
        """The bucket with its versions, encryption and lifecycle."""
        bucket = aws.s3.Bucket(
            name,
            # Where nothing protects the data, `pulumi destroy` must not stop at a bucket that has objects.
            force_destroy=not self._environment.protects_data,
            tags={"data-class": section.data_class},
            opts=self.options(aws.s3.Bucket),
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=self.options(aws.s3.BucketVersioning),
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self.options(aws.s3.BucketServerSideEncryptionConfiguration),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[_rule(rule) for rule in lifecycle.plan(section)],
            opts=self.options(aws.s3.BucketLifecycleConfiguration, depends_on=[versioning]),
        )
        return bucket

    def _close(self, name: str, bucket: aws.s3.Bucket) -> pulumi.Output[str]:
        """No ACLs, nothing public, TLS only; gives the bucket's name once that holds."""
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self.options(aws.s3.BucketOwnershipControls),
        )
        block = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.options(aws.s3.BucketPublicAccessBlock),
        )
        policy = aws.s3.BucketPolicy(
            f"{name}-tls",
            bucket=bucket.id,
            policy=pulumi.Output.json_dumps(documents.tls_only(bucket.arn)),
            # S3 refuses two changes of a bucket's access at the same time.
            opts=self.options(aws.s3.BucketPolicy, depends_on=[block]),
        )
        return policy.bucket


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
