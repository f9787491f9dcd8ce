"""A record of every connection in a VPC."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.spec.base import LogDays


def flow_logs(
    component: Component,
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    account_id: str,
    days: LogDays,
    key_arn: pulumi.Input[str],
    tags: Mapping[str, str],
) -> None:
    """Log every connection, accepted or refused, to an encrypted log group, as children `name` and `name-...`.

    Args:
        component: parent.
        name: logical name of the log group.
        vpc_id: the VPC.
        account_id: on whose behalf the service may write.
        days: how long the records are kept.
        key_arn: KMS key that admits CloudWatch Logs.
        tags: of the flow log.
    """
    group = aws.cloudwatch.LogGroup(
        name,
        retention_in_days=days,
        kms_key_id=key_arn,
        opts=component.options(aws.cloudwatch.LogGroup),
    )
    trust = documents.service_trust("vpc-flow-logs.amazonaws.com", account_id)
    role = aws.iam.Role(
        f"{name}-role",
        description="VPC flow logs write to their log group",
        assume_role_policy=pulumi.Output.json_dumps(trust),
        opts=component.options(aws.iam.Role),
    )
    aws.iam.RolePolicy(
        f"{name}-write",
        role=role.name,
        policy=pulumi.Output.json_dumps(documents.write_flow_logs(group.arn)),
        opts=component.options(aws.iam.RolePolicy),
    )
    aws.ec2.FlowLog(
        f"{name}-all",
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        tags=dict(tags),
        opts=component.options(aws.ec2.FlowLog),
    )
