"""The master password of a PostgreSQL cluster: RDS's own where it can be, else one of ours that rotates as well.

RDS manages no password of a cluster that is part of a global database (Amazon Aurora user guide, "Password management
with Amazon Aurora and AWS Secrets Manager", limitations).
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.network.vpc import Network
from plinth.security import documents
from plinth.security.secrets import SecretCopies
from plinth.spec.environment import Environment

ROTATION_APPLICATION = "SecretsManagerRDSPostgreSQLRotationSingleUser"
"""AWS's own rotation function for PostgreSQL, in the AWS Serverless Application Repository."""

ROTATION_PUBLISHER = "us-east-1:297356227824"
"""Region and account that AWS publishes its rotation functions from."""


@dataclass(frozen=True, slots=True)
class OwnPassword:
    """A password that the program made; Secrets Manager changes it from then on."""

    value: pulumi.Output[str]
    secret: aws.secretsmanager.Secret


def own_password(
    component: Component,
    name: str,
    *,
    environment: Environment,
    key_arn: pulumi.Input[str],
    copies: SecretCopies,
) -> OwnPassword:
    """The first password and its secret, copied to the other region, as children of `component`."""
    password = random.RandomPassword(
        f"{name}-password", length=48, special=False, opts=component.options(random.RandomPassword)
    )
    secret = aws.secretsmanager.Secret(
        f"{name}-master",
        name=naming.postgres_master_secret(environment),
        description="Master user of PostgreSQL",
        kms_key_id=key_arn,
        recovery_window_in_days=30 if environment.protects_data else 0,
        replicas=[{"region": copies.region, "kms_key_id": copies.key_arn}],
        opts=component.options(aws.secretsmanager.Secret),
    )
    return OwnPassword(password.result, secret)


def keep_password(
    component: Component, name: str, own: OwnPassword, cluster: aws.rds.Cluster, user: str
) -> aws.secretsmanager.SecretVersion:
    """The secret's first value, in the shape that the rotation function reads and writes."""
    document = pulumi.Output.all(own.value, cluster.endpoint, cluster.port).apply(
        lambda parts: json.dumps(
            {
                "engine": "postgres",
                "host": parts[1],
                "port": parts[2],
                "dbname": "postgres",
                "username": user,
                "password": parts[0],
            }
        )
    )
    return aws.secretsmanager.SecretVersion(
        f"{name}-master-value",
        secret_id=own.secret.id,
        secret_string=pulumi.Output.secret(document),
        # Rotation writes the next ones.
        opts=component.options(aws.secretsmanager.SecretVersion, ignore_changes=["secretString"]),
    )


def rotate_managed(component: Component, name: str, secret_arn: pulumi.Output[str], days: int) -> None:
    """RDS changes the password that it manages every so many days; without this every seven."""
    aws.secretsmanager.SecretRotation(
        f"{name}-rotation",
        secret_id=secret_arn,
        rotate_immediately=False,
        rotation_rules={"automatically_after_days": days},
        opts=component.options(aws.secretsmanager.SecretRotation),
    )


def rotate_own(
    component: Component,
    name: str,
    *,
    environment: Environment,
    network: Network,
    database_group_id: pulumi.Input[str],
    port: int,
    version: aws.secretsmanager.SecretVersion,
    key_arn: pulumi.Input[str],
    days: int,
    ready: list[pulumi.Resource],
) -> None:
    """AWS's rotation function in the private subnets, let in to the database, and the schedule on which it runs."""
    region = environment.region
    group = aws.ec2.SecurityGroup(
        f"{name}-rotation-access",
        vpc_id=network.vpc_id,
        description="Rotation of the PostgreSQL master password",
        opts=component.options(aws.ec2.SecurityGroup),
    )
    doors = [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-rotation-to-database",
            security_group_id=group.id,
            description="Change the password",
            referenced_security_group_id=database_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=component.options(aws.vpc.SecurityGroupEgressRule),
        ),
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-rotation-to-aws",
            security_group_id=group.id,
            description="Secrets Manager",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=component.options(aws.vpc.SecurityGroupEgressRule),
        ),
    ]
    door = aws.vpc.SecurityGroupIngressRule(
        f"{name}-access-rotation",
        security_group_id=database_group_id,
        description="PostgreSQL from the rotation of its password",
        referenced_security_group_id=group.id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.options(aws.vpc.SecurityGroupIngressRule),
    )
    function = aws.serverlessrepository.CloudFormationStack(
        f"{name}-rotation-function",
        application_id=(
            f"arn:{documents.partition(region)}:serverlessrepo:{ROTATION_PUBLISHER}:applications/{ROTATION_APPLICATION}"
        ),
        capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
        parameters={
            "endpoint": f"https://secretsmanager.{region}.amazonaws.com",
            "functionName": f"plinth-{environment.name}-{name}-rotation",
            "vpcSubnetIds": pulumi.Output.all(*network.private_subnet_ids).apply(lambda ids: ",".join(map(str, ids))),
            "vpcSecurityGroupIds": group.id,
            "kmsKeyArn": key_arn,
        },
        opts=component.options(aws.serverlessrepository.CloudFormationStack, depends_on=[*doors, door]),
    )
    aws.secretsmanager.SecretRotation(
        f"{name}-rotation",
        secret_id=version.secret_id,
        rotation_lambda_arn=function.outputs.apply(lambda outputs: outputs["RotationLambdaARN"]),
        rotate_immediately=False,
        rotation_rules={"automatically_after_days": days},
        opts=component.options(aws.secretsmanager.SecretRotation, depends_on=[version, *ready]),
    )
