"""The stand-ins under the real engine: what a user of `--rehearse` sees."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws
import pulumi_random as random
import pytest
from botocore.exceptions import ClientError

CANARY = "canary-7f3a9c51e2"


def test_create_then_unchanged_then_update_replace_delete(playground, stack_name):
    shape = {"tags": {"team": "search"}, "cidr": "10.0.0.0/16", "topic": True}

    def program():
        vpc = aws.ec2.Vpc("net", cidr_block=shape["cidr"], tags=shape["tags"])
        bucket = aws.s3.Bucket("data", tags=shape["tags"])
        random.RandomPet("pet")
        if shape["topic"]:
            aws.sns.Topic("alerts")
        pulumi.export("vpc", vpc.id)
        pulumi.export("bucket", bucket.bucket)
        pulumi.export("arn", bucket.arn)

    first = playground.up(stack_name, program)
    assert first.error is None, first.text
    assert first.changes == {"create": 5}, "the stack itself, and four resources"
    assert first.outputs["vpc"].startswith("vpc-")
    assert first.outputs["arn"] == f"arn:aws:s3:::{first.outputs['bucket']}"
    assert first.outputs["bucket"].startswith("data-")

    again = playground.up(stack_name, program)
    assert set(again.changes) == {"same"}

    shape["tags"] = {"team": "ranking"}
    tagged = playground.up(stack_name, program)
    assert tagged.changes["update"] == 2
    assert tagged.outputs == first.outputs
    found = playground.aws("s3").get_bucket_tagging(Bucket=first.outputs["bucket"])["TagSet"]
    assert found == [{"Key": "team", "Value": "ranking"}]

    shape["cidr"] = "10.1.0.0/16"
    moved = playground.up(stack_name, program)
    assert moved.changes["replace"] == 1
    assert moved.outputs["vpc"] != first.outputs["vpc"]

    shape["topic"] = False
    smaller = playground.up(stack_name, program)
    assert smaller.changes["delete"] == 1
    assert playground.aws("sns").list_topics()["Topics"] == []

    gone = playground.destroy(stack_name)
    assert gone.error is None, gone.text
    with pytest.raises(ClientError):
        playground.aws("s3").head_bucket(Bucket=first.outputs["bucket"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"bucket": "b", "versioning_configuration": {"statuss": "Enabled"}},
            ["property versioningConfiguration.statuss", "did you mean 'status'", "Allowed: mfaDelete, status"],
        ),
        (
            {"bucket": "b", "versioning_configuration": {"mfaDelete": "Disabled"}},
            ["property versioningConfiguration.status is required but missing"],
        ),
        (
            {"bucket": "b", "versioning_configuration": {"status": True}},
            ["property versioningConfiguration.status must be a string, not the boolean true"],
        ),
        (
            {"bucket": pulumi.Output.from_input(7), "versioning_configuration": {"status": "Enabled"}},
            ["property bucket must be a string, not the number 7"],
        ),
    ],
    ids=["misspelt", "missing", "wrong type", "wrong type in an output"],
)
def test_a_wrong_input_fails_and_names_resource_and_property(playground, stack_name, arguments, said):
    def program():
        aws.s3.BucketVersioning("history", **arguments)

    for operation in (playground.preview, playground.up):
        outcome = operation(stack_name, program)
        assert outcome.error is not None
        assert "aws:s3/bucketVersioning:BucketVersioning resource 'history' has a problem" in outcome.error
        for part in said:
            assert part in outcome.error


def test_the_cloud_refuses_what_aws_would_refuse(playground, stack_name):
    def program():
        aws.s3.Bucket("data", bucket="Not_A_Bucket!")

    outcome = playground.up(stack_name, program)
    assert outcome.error is not None
    assert "data" in outcome.error
    assert "ucket" in outcome.error
    assert "Traceback" not in outcome.error


def test_a_secret_is_in_no_state_file_and_no_output(playground, stack_name):
    def program():
        secret = aws.secretsmanager.Secret("token")
        aws.secretsmanager.SecretVersion("token", secret_id=secret.id, secret_string=pulumi.Output.secret(CANARY))
        aws.ssm.Parameter("copy", type="SecureString", value=pulumi.Output.secret(f"prefix {CANARY}"))
        aws.s3.Bucket("tagged", tags={"leak": pulumi.Output.secret(CANARY)})
        password = random.RandomPassword("password", length=24)
        pulumi.export("password", password.result)
        pulumi.export("arn", secret.arn)

    up = playground.up(stack_name, program)
    assert up.error is None, up.text
    password = up.outputs["password"]
    assert len(password) == 24
    for hay in (playground.state(stack_name), up.text, playground.preview(stack_name, program).text):
        assert CANARY not in hay
        assert password not in hay
    stored = playground.aws("secretsmanager").get_secret_value(SecretId=up.outputs["arn"])
    assert stored["SecretString"] == CANARY
    for path in playground.env_dir.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_a_preview_knows_only_what_the_real_provider_would(playground, stack_name):
    seen: dict[str, bool] = {}

    def program():
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        bucket = aws.s3.Bucket("data")
        seen["previewing"] = pulumi.runtime.is_dry_run()

        def note(name):
            def know(value):
                seen[name] = True
                return value

            return know

        vpc.id.apply(note("vpc id"))
        vpc.default_security_group_id.apply(note("default security group"))
        vpc.cidr_block.apply(note("cidr"))
        bucket.arn.apply(note("arn"))
        bucket.bucket.apply(note("bucket"))

    assert playground.preview(stack_name, program).error is None
    assert seen == {"previewing": True, "cidr": True, "bucket": True}
    seen.clear()
    assert playground.up(stack_name, program).error is None
    assert seen == dict.fromkeys(["vpc id", "default security group", "cidr", "arn", "bucket"], True) | {
        "previewing": False
    }


def test_a_preview_creates_nothing(playground, stack_name):
    before = playground.aws("s3").list_buckets()["Buckets"]
    playground.preview(stack_name, lambda: aws.s3.Bucket("nothing") and None)
    assert playground.aws("s3").list_buckets()["Buckets"] == before


def test_a_bucket_with_its_settings_is_really_there(playground, stack_name):
    def program():
        key = aws.kms.Key("key", enable_key_rotation=True)
        bucket = aws.s3.Bucket("data", bucket="acme-data", tags={"a": "b"})
        aws.s3.BucketVersioning("versions", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
        aws.s3.BucketServerSideEncryptionConfiguration(
            "encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key.arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
        )
        aws.s3.BucketPublicAccessBlock("private", bucket=bucket.id, block_public_acls=True, block_public_policy=True)
        aws.s3.BucketLifecycleConfiguration(
            "lifecycle",
            bucket=bucket.id,
            rules=[{"id": "old", "status": "Enabled", "expiration": {"days": 30}, "filter": {"prefix": "logs/"}}],
        )
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        aws.s3.BucketPolicy(
            "policy", bucket=bucket.id, policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        aws.s3.BucketOwnershipControls("owner", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
        pulumi.export("key", key.arn)

    up = playground.up(stack_name, program)
    assert up.error is None, up.error
    s3 = playground.aws("s3")
    assert s3.get_bucket_location(Bucket="acme-data")["LocationConstraint"] == "eu-central-1"
    assert s3.get_bucket_versioning(Bucket="acme-data")["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket="acme-data")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == up.outputs["key"]
    assert s3.get_public_access_block(Bucket="acme-data")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket="acme-data")["Rules"]
    assert (lifecycle["Filter"], lifecycle["Expiration"]["Days"]) == ({"Prefix": "logs/"}, 30)
    assert "Deny" in s3.get_bucket_policy(Bucket="acme-data")["Policy"]
    assert playground.aws("kms").get_key_rotation_status(KeyId=up.outputs["key"])["KeyRotationEnabled"] is True
    assert set(playground.up(stack_name, program).changes) == {"same"}
    assert playground.destroy(stack_name).error is None


def test_what_somebody_else_deleted_is_noticed_by_a_refresh(playground, stack_name):
    def program():
        pulumi.export("bucket", aws.s3.Bucket("data").bucket)
        aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")

    first = playground.up(stack_name, program)
    assert set(playground.refresh(stack_name, program).changes) == {"same"}
    playground.aws("s3").delete_bucket(Bucket=first.outputs["bucket"])
    assert playground.refresh(stack_name, program).changes["delete"] == 1
    again = playground.up(stack_name, program)
    assert again.changes["create"] == 1
    playground.aws("s3").head_bucket(Bucket=again.outputs["bucket"])


def test_a_program_reads_what_is_there_and_what_only_the_real_account_has(playground, stack_name):
    playground.aws("secretsmanager").create_secret(Name="shared/token", SecretString=CANARY)

    def program():
        existing = aws.ec2.Vpc.get("shared", "vpc-0123456789abcdef0")
        pulumi.export("arn", existing.arn)
        for name in ("shared/token", "elsewhere"):
            pulumi.export(name, aws.secretsmanager.get_secret_version_output(secret_id=name).secret_string)
        pulumi.export("ami", aws.ssm.get_parameter_output(name="/aws/service/eks/optimized-ami/x86_64").insecure_value)

    up = playground.up(stack_name, program)
    assert up.error is None, up.error
    assert up.outputs["arn"] == "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-0123456789abcdef0"
    assert (up.outputs["shared/token"], up.outputs["elsewhere"]) == (CANARY, "{}")
    assert up.outputs["ami"].startswith("ami-")
    assert CANARY not in playground.state(stack_name) + up.text
