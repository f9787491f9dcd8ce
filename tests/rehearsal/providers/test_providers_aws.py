"""The AWS stand-in: what is really created, and the shape of what is not."""

from __future__ import annotations

import json
import re

import pulumi
import pulumi_aws as aws
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


TRUST = document(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")


def everything_real(change: dict):
    """One of each type that the rehearsal's cloud really creates, with everything that can change in place."""
    tags = {"stage": change["stage"]}
    key = aws.kms.Key("key", description=change["stage"], enable_key_rotation=change["on"], tags=tags)
    aws.kms.Alias("alias", name="alias/acme", target_key_id=key.key_id)
    secret = aws.secretsmanager.Secret("secret", description=change["stage"], kms_key_id=key.arn, tags=tags)
    aws.secretsmanager.SecretVersion("version", secret_id=secret.id, secret_string=change["stage"])
    aws.secretsmanager.SecretPolicy(
        "secret-policy",
        secret_arn=secret.arn,
        policy=document(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="secretsmanager:*", Resource="*"),
    )
    dead = aws.sqs.Queue("dead", tags=tags)
    queue = aws.sqs.Queue("queue", visibility_timeout_seconds=change["number"], tags=tags)
    aws.sqs.RedrivePolicy(
        "redrive",
        queue_url=queue.id,
        redrive_policy=dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 4})),
    )
    aws.sqs.QueuePolicy(
        "queue-policy",
        queue_url=queue.id,
        policy=queue.arn.apply(lambda arn: document(Principal="*", Action="sqs:SendMessage", Resource=arn, Sid="send")),
    )
    topic = aws.sns.Topic("topic", display_name=change["stage"], tags=tags)
    aws.sns.TopicSubscription("subscription", topic=topic.arn, protocol="sqs", endpoint=queue.arn)
    aws.dynamodb.Table(
        "table",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        range_key="sk",
        attributes=[{"name": name, "type": "S"} for name in ("pk", "sk", "other")],
        global_secondary_indexes=[{"name": "by-other", "hash_key": "other", "projection_type": "ALL"}],
        ttl={"attribute_name": "expires", "enabled": True},
        point_in_time_recovery={"enabled": change["on"]},
        tags=tags,
    )
    bus = aws.cloudwatch.EventBus("bus")
    rule = aws.cloudwatch.EventRule(
        "rule", event_bus_name=bus.name, event_pattern=json.dumps({"source": [change["stage"]]}), tags=tags
    )
    aws.cloudwatch.EventTarget("target", rule=rule.name, event_bus_name=bus.name, arn=queue.arn)
    role = aws.iam.Role("role", assume_role_policy=TRUST, description=change["stage"], tags=tags)
    policy = aws.iam.Policy("policy", policy=document(Action=f"s3:Get{change['stage'].title()}", Resource="*"))
    aws.iam.RolePolicyAttachment("attached", role=role.name, policy_arn=policy.arn)
    aws.iam.RolePolicyAttachment(
        "managed", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    )
    aws.iam.RolePolicy(
        "inline", role=role.name, policy=document(Action="s3:*", Resource=f"arn:aws:s3:::{change['stage']}")
    )
    aws.iam.InstanceProfile("profile", role=role.name)
    aws.iam.OpenIdConnectProvider(
        "oidc", url="https://oidc.eks.eu-central-1.amazonaws.com/id/ABC", client_id_lists=["sts.amazonaws.com"]
    )
    aws.cloudwatch.LogGroup("logs", retention_in_days=change["retention"], tags=tags)
    repository = aws.ecr.Repository("images", image_tag_mutability=change["mutability"], tags=tags)
    rules = [
        {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 9}}
    ]
    aws.ecr.LifecyclePolicy(
        "expire",
        repository=repository.name,
        policy=json.dumps({"rules": [{**rule, "action": {"type": "expire"}} for rule in rules]}),
    )
    aws.ssm.Parameter("parameter", type="String", value=change["stage"])
    aws.budgets.Budget(
        "budget",
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=f"{change['number']}.0",
        limit_unit="USD",
        notifications=[
            {
                "comparison_operator": "GREATER_THAN",
                "threshold": 80,
                "threshold_type": "PERCENTAGE",
                "notification_type": "ACTUAL",
                "subscriber_email_addresses": ["platform@acme.example"],
            }
        ],
    )
    bucket = aws.s3.Bucket("bucket", force_destroy=True, tags=tags)
    aws.s3.BucketObjectv2("object", bucket=bucket.bucket, key="hello.txt", content=change["stage"])
    for name, value in {
        "queue": queue.id, "role": role.name, "policy": policy.arn, "key": key.arn, "secret": secret.arn,
        "bucket": bucket.bucket, "logs_role_id": role.unique_id, "topic": topic.arn,
        "repository": repository.repository_url,
    }.items():  # fmt: skip
        pulumi.export(name, value)


def test_every_real_type_is_created_updated_in_place_and_deleted(playground, stack_name):
    change = {"stage": "first", "on": True, "number": 30, "retention": 7, "mutability": "MUTABLE"}
    program = lambda: everything_real(change)  # noqa: E731

    first = playground.up(stack_name, program)
    assert first.error is None, first.error
    assert set(playground.up(stack_name, program).changes) == {"same"}

    sqs, iam, kms = playground.aws("sqs"), playground.aws("iam"), playground.aws("kms")
    assert first.outputs["queue"].startswith(f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/queue-")
    assert first.outputs["repository"].startswith(f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/images-")
    role = iam.get_role(RoleName=first.outputs["role"])["Role"]
    assert role["RoleId"] == first.outputs["logs_role_id"]
    assert kms.describe_key(KeyId="alias/acme")["KeyMetadata"]["Arn"] == first.outputs["key"]

    change |= {"stage": "second", "on": False, "number": 45, "retention": 14, "mutability": "IMMUTABLE"}
    second = playground.up(stack_name, program)
    assert second.error is None, second.error
    assert second.outputs == first.outputs
    assert second.changes["replace"] == 1, "a new secret value is a new version"
    assert "create" not in second.changes
    queue = sqs.get_queue_attributes(QueueUrl=first.outputs["queue"], AttributeNames=["All"])["Attributes"]
    assert queue["VisibilityTimeout"] == "45"
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 4
    assert json.loads(queue["Policy"])["Statement"][0]["Sid"] == "send"
    assert iam.get_role(RoleName=first.outputs["role"])["Role"]["Description"] == "second"
    assert iam.list_role_tags(RoleName=first.outputs["role"])["Tags"] == [{"Key": "stage", "Value": "second"}]
    version = iam.get_policy(PolicyArn=first.outputs["policy"])["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=first.outputs["policy"], VersionId=version)["PolicyVersion"]["Document"]
    assert found["Statement"][0]["Action"] == "s3:GetSecond"
    assert kms.get_key_rotation_status(KeyId=first.outputs["key"])["KeyRotationEnabled"] is False
    value = playground.aws("secretsmanager").get_secret_value(SecretId=first.outputs["secret"])
    assert value["SecretString"] == "second"
    body = playground.aws("s3").get_object(Bucket=first.outputs["bucket"], Key="hello.txt")["Body"].read()
    assert body == b"second"

    playground.aws("s3").put_object(Bucket=first.outputs["bucket"], Key="other", Body=b"left behind")
    gone = playground.destroy(stack_name)
    assert gone.error is None, gone.error
    for look in (
        lambda: sqs.get_queue_attributes(QueueUrl=first.outputs["queue"], AttributeNames=["All"]),
        lambda: iam.get_role(RoleName=first.outputs["role"]),
        lambda: playground.aws("s3").head_bucket(Bucket=first.outputs["bucket"]),
        lambda: playground.aws("sns").get_topic_attributes(TopicArn=first.outputs["topic"]),
    ):
        try:
            look()
        except ClientError:
            continue
        raise AssertionError("something of the destroyed stack is left in the cloud")


def test_outputs_have_the_shape_of_the_real_ones(playground, stack_name):
    def program():
        provider = aws.Provider(
            "tokyo",
            region="ap-northeast-1",
            allowed_account_ids=["210987654321"],
            default_tags={"tags": {"owner": "platform", "stage": "default"}},
        )
        options = pulumi.ResourceOptions(provider=provider)
        cluster = aws.eks.Cluster(
            "acme", role_arn="arn:aws:iam::210987654321:role/eks", vpc_config={"subnet_ids": ["subnet-1"]}, opts=options
        )
        database = aws.rds.Cluster(
            "db", engine="aurora-postgresql", master_username="plinth", manage_master_user_password=True, opts=options
        )
        cache = aws.elasticache.ReplicationGroup("cache", description="sessions", opts=options)
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", tags={"stage": "dev"}, opts=options)
        pulumi.export("endpoint", cluster.endpoint)
        pulumi.export("certificate", cluster.certificate_authority.data)
        pulumi.export("issuer", cluster.identities[0].oidcs[0].issuer)
        pulumi.export("security_group", cluster.vpc_config.cluster_security_group_id)
        pulumi.export("cluster_arn", cluster.arn)
        pulumi.export("writer", database.endpoint)
        pulumi.export("reader", database.reader_endpoint)
        pulumi.export("port", database.port)
        pulumi.export("master_secret", database.master_user_secrets[0].secret_arn)
        pulumi.export("cache", cache.primary_endpoint_address)
        pulumi.export("tags_all", vpc.tags_all)
        pulumi.export("vpc_arn", vpc.arn)
        pulumi.export("region", aws.get_region_output(opts=pulumi.InvokeOptions(provider=provider)).name)
        pulumi.export(
            "account", aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=provider)).account_id
        )
        zones = aws.get_availability_zones_output(state="available", opts=pulumi.InvokeOptions(provider=provider))
        pulumi.export("zones", zones.names)
        pulumi.export("home", aws.get_region_output().name)

    up = playground.up(stack_name, program)
    assert up.error is None, up.error
    shapes = {
        "endpoint": r"https://[0-9a-f]{32}\.gr7\.ap-northeast-1\.eks\.amazonaws\.com",
        "certificate": r"[A-Za-z0-9+/=]+",
        "issuer": r"https://oidc\.eks\.ap-northeast-1\.amazonaws\.com/id/[0-9A-F]{32}",
        "security_group": r"sg-[0-9a-f]{17}",
        "cluster_arn": r"arn:aws:eks:ap-northeast-1:210987654321:cluster/acme-[0-9a-f]{7}",
        "writer": r"db-[0-9a-f]{7}\.cluster-[0-9a-f]{12}\.ap-northeast-1\.rds\.amazonaws\.com",
        "reader": r"db-[0-9a-f]{7}\.cluster-ro-[0-9a-f]{12}\.ap-northeast-1\.rds\.amazonaws\.com",
        "master_secret": r"arn:aws:secretsmanager:ap-northeast-1:210987654321:secret:rds!cluster-[0-9a-f-]{36}-\w{6}",
        "cache": r"master\.cache-[0-9a-f]{7}\.[0-9a-f]{6}\.apne1\.cache\.amazonaws\.com",
        "vpc_arn": r"arn:aws:ec2:ap-northeast-1:210987654321:vpc/vpc-[0-9a-f]{17}",
    }
    for name, shape in shapes.items():
        assert re.fullmatch(shape, up.outputs[name]), (name, up.outputs[name])
    assert up.outputs["port"] == 5432
    assert up.outputs["tags_all"] == {"owner": "platform", "stage": "dev"}
    assert (up.outputs["region"], up.outputs["home"]) == ("ap-northeast-1", "eu-central-1")
    assert up.outputs["account"] == "210987654321"
    assert up.outputs["zones"] == ["ap-northeast-1a", "ap-northeast-1b", "ap-northeast-1c"]
    assert set(playground.up(stack_name, program).changes) == {"same"}


def test_a_policy_document_is_written_like_the_providers_own(playground, stack_name):
    def program():
        made = aws.iam.get_policy_document(
            statements=[
                {
                    "sid": "read",
                    "actions": ["s3:GetObject", "s3:*Tagging"],
                    "resources": ["arn:aws:s3:::acme/*"],
                    "principals": [{"type": "AWS", "identifiers": ["123456789012"]}],
                    "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}],
                }
            ]
        )
        pulumi.export("json", made.json)

    up = playground.up(stack_name, program)
    assert up.error is None, up.error
    assert json.loads(up.outputs["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "read",
                "Effect": "Allow",
                "Action": ["s3:*Tagging", "s3:GetObject"],
                "Resource": "arn:aws:s3:::acme/*",
                "Principal": {"AWS": "123456789012"},
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }
        ],
    }


def test_a_wrong_provider_configuration_fails(playground, stack_name):
    def program():
        aws.Provider("wrong", default_tags={"tagz": {"a": "b"}})

    outcome = playground.preview(stack_name, program)
    assert outcome.error is not None
    assert "defaultTags.tagz" in outcome.error
    assert "tags" in outcome.error
