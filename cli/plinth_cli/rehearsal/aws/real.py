"""What AWS assigns to the types that are really created; what the rehearsal's cloud says itself comes before this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plinth_cli.rehearsal.aws.shapes import TIME, Assigned, arn, by_arn, named

REAL: Final[Mapping[str, Assigned]] = {
    "s3/bucket:Bucket": (
        "{name}",
        {
            "arn": arn("s3", "{name}", region="", account=""),
            "bucketDomainName": "{name}.s3.amazonaws.com",
            "bucketRegion": "{region}",
            "bucketRegionalDomainName": "{name}.s3.{region}.amazonaws.com",
            "hostedZoneId": "Z{hex13.zone}",
        },
    ),
    "s3/vectorsVectorBucket:VectorsVectorBucket": (
        "{in.vectorBucketName}",
        {"vectorBucketArn": arn("s3vectors", "bucket/{in.vectorBucketName}"), "creationTime": TIME},
    ),
    "s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": ("{in.vectorBucketArn}", {}),
    "kms/key:Key": ("{uuid}", {"arn": arn("kms", "key/{id}"), "keyId": "{id}"}),
    "kms/alias:Alias": ("{name}", {"arn": arn("kms", "{name}"), "targetKeyArn": "{target_key_arn}"}),
    "secretsmanager/secret:Secret": by_arn(arn("secretsmanager", "secret:{name}-{hex6}")),
    "secretsmanager/secretVersion:SecretVersion": (
        "{in.secretId}|{uuid}",
        {"arn": "{in.secretId}", "secretArn": "{in.secretId}", "versionId": "{uuid}", "versionStages": ["AWSCURRENT"]},
    ),
    "secretsmanager/secretPolicy:SecretPolicy": ("{in.secretArn}", {}),
    "sqs/queue:Queue": (
        "https://sqs.{region}.amazonaws.com/{account}/{name}",
        {"arn": arn("sqs", "{name}"), "url": "{id}"},
    ),
    "sqs/queuePolicy:QueuePolicy": ("{in.queueUrl}", {}),
    "sqs/redrivePolicy:RedrivePolicy": ("{in.queueUrl}", {}),
    "sqs/redriveAllowPolicy:RedriveAllowPolicy": ("{in.queueUrl}", {}),
    "sns/topic:Topic": by_arn(arn("sns", "{name}"), owner="{account}", beginningArchiveTime=""),
    "sns/topicPolicy:TopicPolicy": ("{in.arn}", {"owner": "{account}"}),
    "sns/topicSubscription:TopicSubscription": by_arn("{in.topic}:{uuid}", ownerId="{account}"),
    "dynamodb/table:Table": named(
        "dynamodb", "table/{name}", streamArn="", streamLabel="", **{"pointInTimeRecovery.recoveryPeriodInDays": 35}
    ),
    "cloudwatch/logGroup:LogGroup": named("logs", "log-group:{name}", logGroupClass="STANDARD"),
    "cloudwatch/eventBus:EventBus": named("events", "event-bus/{name}"),
    "cloudwatch/eventRule:EventRule": named("events", "rule/{name}"),
    "cloudwatch/eventTarget:EventTarget": ("{in.rule}-{in.targetId}", {}),
    "iam/role:Role": (
        "{name}",
        {"arn": arn("iam", "role{path}{name}", region=""), "createDate": TIME, "uniqueId": "AROA{HEX17}"},
    ),
    "iam/policy:Policy": by_arn(arn("iam", "policy{path}{name}", region=""), attachmentCount=0, policyId="ANPA{HEX17}"),
    "iam/rolePolicy:RolePolicy": ("{in.role}:{name}", {}),
    "iam/rolePolicyAttachment:RolePolicyAttachment": ("{in.role}/{in.policyArn}", {}),
    "iam/instanceProfile:InstanceProfile": (
        "{name}",
        {"arn": arn("iam", "instance-profile{path}{name}", region=""), "createDate": TIME, "uniqueId": "AIPA{HEX17}"},
    ),
    "iam/openIdConnectProvider:OpenIdConnectProvider": by_arn(
        arn("iam", "oidc-provider/{issuer}", region=""), thumbprintLists=["{hex40}"]
    ),
    "ecr/repository:Repository": named(
        "ecr",
        "repository/{name}",
        registryId="{account}",
        repositoryUrl="{account}.dkr.ecr.{region}.amazonaws.com/{name}",
    ),
    "ecr/lifecyclePolicy:LifecyclePolicy": ("{in.repository}", {"registryId": "{account}"}),
    "ecr/repositoryPolicy:RepositoryPolicy": ("{in.repository}", {"registryId": "{account}"}),
    "budgets/budget:Budget": (
        "{account}:{name}",
        {"arn": arn("budgets", "budget/{name}", region=""), "accountId": "{account}"},
    ),
    "ssm/parameter:Parameter": (
        "{name}",
        {"arn": arn("ssm", "parameter{slash_name}"), "version": 1, "tier": "Standard", "dataType": "text"},
    ),
}
