"""Amazon S3 Vectors."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.vectors import S3VectorStore as S3VectorSection
from plinth_runtime.vectors.config import S3VectorsEndpoint

READING = ("s3vectors:GetIndex", "s3vectors:GetVectors", "s3vectors:ListVectors", "s3vectors:QueryVectors")
WRITING = ("s3vectors:CreateIndex", "s3vectors:PutVectors", "s3vectors:DeleteVectors")


class S3VectorStore(Component):
    """A vector bucket: encrypted with the platform's key, for this account only.

    AWS keeps it in three zones; indexes in it are made by whoever may, one for each collection and tenant.
    """

    store: BuiltStore
    """The store."""

    bucket_arn: pulumi.Output[str]
    """ARN of the vector bucket."""

    def __init__(
        self,
        name: str,
        section: S3VectorSection,
        *,
        environment: Environment,
        store: str,
        platform: VectorPlatform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("S3VectorStore", name, section, environment=environment, opts=opts)
        key, region = platform.data_key_arn, environment.region
        bucket = aws.s3.VectorsVectorBucket(
            f"{name}-bucket",
            vector_bucket_name=bucket_name(environment, store),
            encryption_configurations=[{"sse_type": "aws:kms", "kms_key_arn": key}],
            # Where nothing protects the data, `pulumi destroy` must not stop at a bucket that has indexes.
            force_destroy=not environment.protects_data,
            opts=self.options(aws.s3.VectorsVectorBucket),
        )
        closed = aws.s3.VectorsVectorBucketPolicy(
            f"{name}-policy",
            vector_bucket_arn=bucket.vector_bucket_arn,
            policy=pulumi.Output.json_dumps(own_account(bucket.vector_bucket_arn, environment.account_id)),
            opts=self.options(aws.s3.VectorsVectorBucketPolicy),
        )
        self.bucket_arn = bucket.vector_bucket_arn
        endpoint = pulumi.Output.all(bucket.vector_bucket_name, key, closed.id).apply(
            lambda parts: S3VectorsEndpoint(
                kind="s3_vectors", bucket=str(parts[0]), region=region, kms_key_arn=str(parts[1])
            )
        )
        self.store = BuiltStore(name=store, endpoint=endpoint, ready=[bucket, closed])
        self.register_outputs({"bucketArn": self.bucket_arn})


def bucket_arn(environment: Environment, store: str) -> str:
    """ARN of the vector bucket."""
    region, account = environment.region, environment.account_id
    return f"arn:{documents.partition(region)}:s3vectors:{region}:{account}:bucket/{bucket_name(environment, store)}"


def bucket_name(environment: Environment, store: str) -> str:
    """Name of the vector bucket: unique within account and region."""
    return f"plinth-{environment.name}-{store}-vectors"


def own_account(bucket_arn: documents.Text, account: str) -> documents.Document:
    """Policy of the bucket: nobody of another account, and nothing that is not TLS."""
    resources = [bucket_arn, pulumi.Output.concat(bucket_arn, "/index/*")]
    refused: documents.Statement = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3vectors:*",
        "Resource": resources,
    }
    return documents.document(
        {"Sid": "OwnAccount", **refused, "Condition": {"StringNotEquals": {"aws:PrincipalAccount": account}}},
        {"Sid": "TlsOnly", **refused, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    )


def access(
    bucket_arn: documents.Text, indexes: Sequence[documents.Text], key_arn: documents.Text, region: str
) -> documents.Document:
    """Make, write and read these indexes, and use the bucket's key through S3 Vectors only.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3 Vectors".
    """
    via = {"StringEquals": {"kms:ViaService": f"s3vectors.{region}.amazonaws.com"}}
    return documents.document(
        documents.allow(["s3vectors:GetVectorBucket", "s3vectors:ListIndexes"], [bucket_arn], sid="Bucket"),
        documents.allow([*READING, *WRITING], indexes, sid="Indexes"),
        documents.allow(["kms:Decrypt", "kms:GenerateDataKey"], [key_arn], condition=via, sid="Key"),
    )
