"""IAM policy documents, as plain data.

Strings in them may be Outputs: `pulumi.Output.json_dumps` resolves them. No document allows every action on every
resource; where an action knows no resource (`ec2:Describe*`, say), a condition narrows it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

Text = pulumi.Input[str]
Document = dict[str, Any]
Statement = dict[str, Any]

VERSION = "2012-10-17"


def partition(region: str) -> str:
    """Partition of a region, the second part of every ARN in it."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def document(*statements: Statement) -> Document:
    """A policy document of these statements."""
    return {"Version": VERSION, "Statement": list(statements)}


def allow(
    actions: Sequence[str],
    resources: Sequence[Text] | pulumi.Output[Any],
    *,
    condition: Mapping[str, Mapping[str, Any]] | None = None,
    sid: str | None = None,
) -> Statement:
    """A statement of an identity policy that allows `actions` on `resources`."""
    named = resources if isinstance(resources, pulumi.Output) else list(resources)
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": named}
    if condition:
        statement["Condition"] = {operator: dict(test) for operator, test in condition.items()}
    return {"Sid": sid, **statement} if sid else statement


def service_trust(service: str, account_id: str | None = None) -> Document:
    """Who may take on a role: an AWS service, on behalf of this account only where the service says so.

    Args:
        service: for example `ec2.amazonaws.com`.
        account_id: guards against the confused deputy; absent for services that send no source account.
    """
    statement: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account_id:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return document(statement)


def pod_identity_trust(account_id: str, cluster_arn: Text, namespace: Text, service_account: str) -> Document:
    """Who may take on a workload's role: EKS Pod Identity, for one service account of one cluster.

    Source: Amazon EKS user guide, "EKS Pod Identity role trust policy".
    """
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": account_id,
                    "aws:RequestTag/kubernetes-namespace": namespace,
                    "aws:RequestTag/kubernetes-service-account": service_account,
                },
                "ArnEquals": {"aws:SourceArn": cluster_arn},
            },
        }
    )


def key_policy(region: str, account_id: str, statements: Sequence[Statement] = ()) -> Document:
    """Policy of a KMS key: the account decides through IAM who may use it; `statements` add services."""
    root = f"arn:{partition(region)}:iam::{account_id}:root"
    administer: Statement = {
        "Sid": "AccountDecidesThroughIam",
        "Effect": "Allow",
        "Principal": {"AWS": root},
        "Action": "kms:*",
        "Resource": "*",
    }
    return document(administer, *statements)


def logs_may_use_key(region: str, account_id: str) -> Statement:
    """CloudWatch Logs encrypts this account's log groups with the key that carries this statement."""
    groups = f"arn:{partition(region)}:logs:{region}:{account_id}:log-group:*"
    return {
        "Sid": "CloudWatchLogs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }


def services_may_use_key(services: Sequence[str], account_id: str) -> Statement:
    """AWS services send to this account's encrypted topics and queues: alarms to people, events to consumers.

    Sources: Amazon SNS developer guide, "Managing encryption keys and costs"; Amazon EventBridge user guide, "Encrypted
    Amazon SQS queues".
    """
    return {
        "Sid": "ServicesSend",
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def volumes_may_use_key(region: str, account_id: str) -> list[Statement]:
    """EC2 encrypts volumes for this account's principals: Auto Scaling, Karpenter and the EBS CSI driver among them.

    Source: Karpenter troubleshooting, "Node terminates before ready on failed encrypted EBS volume".
    """
    through_ec2 = {"StringEquals": {"kms:ViaService": f"ec2.{region}.amazonaws.com", "kms:CallerAccount": account_id}}
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    common: Statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": "*"}
    return [
        {"Sid": "EbsVolumes", **common, "Action": use, "Condition": through_ec2},
        {
            "Sid": "EbsGrants",
            **common,
            "Action": "kms:CreateGrant",
            "Condition": {**through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


def vectors_may_use_key(region: str, account_id: str) -> Statement:
    """S3 Vectors keeps the indexes of this account's vector buckets in order, which takes reading them.

    Source: Amazon S3 user guide, "Data protection and encryption in S3 Vectors".
    """
    return {
        "Sid": "S3Vectors",
        "Effect": "Allow",
        "Principal": {"Service": "indexing.s3vectors.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{partition(region)}:s3vectors:{region}:{account_id}:bucket/*"},
            "StringEquals": {"aws:SourceAccount": account_id},
            "ForAnyValue:StringEquals": {
                "kms:EncryptionContextKeys": ["aws:s3vectors:arn", "aws:s3vectors:resource-id"]
            },
        },
    }


def endpoint_policy(account_id: str, *extra: Statement) -> Document:
    """Policy of a VPC endpoint: only principals of this account, so that nothing leaves through a foreign one."""
    own: Statement = {
        "Sid": "OwnAccount",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": account_id}},
    }
    return document(own, *extra)


def image_layers(region: str) -> Statement:
    """Registries hand out image layers from buckets of their own, to nobody in particular or by signed address.

    ECR always does; registry.k8s.io, Docker Hub and quay.io do it for callers in AWS, who would get a 403 without this.
    Source: Amazon ECR user guide, "Minimum Amazon S3 bucket permissions for Amazon ECR"; the registries' redirects.
    """
    buckets = [
        f"prod-{region}-starport-layer-bucket",
        f"prod-registry-k8s-io-{region}",
        "docker-images-prod*",
        "quayio-production-s3",
    ]
    return {
        "Sid": "ImageLayers",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "s3:GetObject",
        "Resource": [f"arn:{partition(region)}:s3:::{bucket}/*" for bucket in buckets],
    }


def tls_only(bucket_arn: Text) -> Document:
    """Bucket policy that refuses what is not TLS 1.2 or newer."""
    objects = pulumi.Output.concat(bucket_arn, "/*") if isinstance(bucket_arn, pulumi.Output) else f"{bucket_arn}/*"
    common: Statement = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [bucket_arn, objects],
    }
    return document(
        {"Sid": "TlsOnly", **common, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "Tls12", **common, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
    )


def own_organization(bucket_arn: Text, organization_id: str) -> Statement:
    """Statement of a bucket policy that refuses principals of other organizations; AWS services are nobody's.

    Source: AWS whitepaper "Building a data perimeter on AWS", resource perimeter.
    """
    return {
        "Sid": "OwnOrganization",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
        "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization_id},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    }


def write_flow_logs(log_group_arn: Text) -> Document:
    """What VPC flow logs need to write to one log group."""
    streams = (
        pulumi.Output.concat(log_group_arn, ":*") if isinstance(log_group_arn, pulumi.Output) else f"{log_group_arn}:*"
    )
    actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    return document(allow(actions, [log_group_arn, streams]))


def read_secrets(secret_arns: Sequence[Text], key_arn: Text, region: str) -> Document:
    """Read secrets, and decrypt them, through Secrets Manager only."""
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
    return document(
        allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], secret_arns, sid="Read"),
        allow(["kms:Decrypt"], [key_arn], condition=via, sid="Decrypt"),
    )


def use_prefix(
    bucket_arns: Sequence[Text],
    prefix: str,
    key_arns: Sequence[Text] | pulumi.Output[Any],
    region: str,
    *,
    write: bool = True,
) -> Document:
    """Read, and where `write` also write, objects whose keys start with `prefix`, and see no others.

    The keys are for these buckets alone: with bucket keys, the encryption context is the bucket's ARN (Amazon S3 user
    guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
    """
    objects = [pulumi.Output.concat(arn, f"/{prefix}*") for arn in bucket_arns]
    reading = ["s3:GetObject", "s3:GetObjectVersion"]
    writing = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    through_s3 = {
        "StringEquals": {
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": list(bucket_arns),
        }
    }
    return document(
        allow(["s3:ListBucket"], bucket_arns, condition={"StringLike": {"s3:prefix": [f"{prefix}*"]}}, sid="List"),
        allow([*reading, *(writing if write else [])], objects, sid="Objects"),
        allow(["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])], key_arns, condition=through_s3, sid="Key"),
    )
