"""Somebody hears when a task or a pipe fails or lags: Snowflake publishes to a topic, which writes to the on-call."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_snowflake as snowflake

from plinth.security import documents
from plinth.snowflake import sql
from plinth.snowflake.lake import role_arn, trusted_role
from plinth.snowflake.maker import Maker
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake
from plinth.spec.snowflake.flow import SnowflakePipe
from plinth.spec.snowflake.names import parts

INTEGRATION = "PLINTH_ALARMS"


def alarms(
    make: Maker, environment: Environment, platform: SnowflakePlatform
) -> tuple[pulumi.Output[str], pulumi.Resource]:
    """The way from Snowflake to the on-call; gives the integration's name, and what must exist before it works.

    Source: Snowflake documentation, "Pushing notifications: Amazon SNS".
    """
    topic = aws.sns.Topic(
        make.logical("alarms", "topic"),
        kms_master_key_id=platform.data_key_arn,
        opts=make.component.options(aws.sns.Topic),
    )
    aws.sns.TopicSubscription(
        make.logical("alarms", "oncall"),
        topic=topic.arn,
        protocol="email",
        endpoint=platform.oncall_email,
        opts=make.component.options(aws.sns.TopicSubscription),
    )
    integration = snowflake.NotificationIntegration(
        make.logical("alarms"),
        name=INTEGRATION,
        enabled=True,
        notification_provider="AWS_SNS",
        aws_sns_topic_arn=topic.arn,
        aws_sns_role_arn=role_arn(environment, "alarms"),
        comment=make.comment,
        opts=make.options(snowflake.NotificationIntegration),
    )
    via = {"StringEquals": {"kms:ViaService": f"sns.{environment.region}.amazonaws.com"}}
    ready = trusted_role(
        make,
        environment,
        "alarms",
        user_arn=integration.aws_sns_iam_user_arn,
        external_id=integration.aws_sns_external_id,
        policy=pulumi.Output.json_dumps(
            documents.document(
                documents.allow(["sns:Publish"], [topic.arn], sid="Tell"),
                documents.allow(
                    ["kms:Decrypt", "kms:GenerateDataKey"], [platform.data_key_arn], condition=via, sid="Key"
                ),
            )
        ),
    )
    return integration.name, ready


def lags(pipe: SnowflakePipe) -> str:
    """True when a pipe stands still, or its oldest waiting file has waited too long.

    Source: Snowflake SQL reference, SYSTEM$PIPE_STATUS.
    """
    status = f"PARSE_JSON(SYSTEM$PIPE_STATUS({sql.text(sql.name(pipe.name))}))"
    oldest = f"{status}:oldestFileTimestamp::TIMESTAMP_TZ"
    return (
        f"SELECT 1 WHERE {status}:executionState::VARCHAR <> 'RUNNING'"
        f" OR {oldest} < DATEADD('MINUTE', -{pipe.lag_alert_minutes}, CURRENT_TIMESTAMP())"
    )


def tell(subject: str) -> str:
    """The statement that sends a message through the integration."""
    message = json.dumps({"source": "snowflake", "alarm": subject})
    return (
        "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION("
        f"SNOWFLAKE.NOTIFICATION.APPLICATION_JSON({sql.text(message)}),"
        f" SNOWFLAKE.NOTIFICATION.INTEGRATION({sql.text(INTEGRATION)}))"
    )


def watch(
    make: Maker,
    section: Snowflake,
    pipes: Mapping[str, snowflake.Pipe],
    warehouse: pulumi.Output[str],
    after: pulumi.Resource,
) -> None:
    """An alert for each pipe that lags, looked at every quarter of an hour."""
    for pipe in section.pipes:
        _, _, own = parts(pipe.name)
        made = pipes[pipe.name]
        snowflake.Alert(
            make.logical("alert", pipe.name),
            name=f"{own}_LAGS",
            database=made.database,
            schema=made.schema,
            warehouse=warehouse,
            alert_schedule={"interval": 15},
            condition=lags(pipe),
            action=tell(f"pipe {pipe.name} lags"),
            enabled=True,
            comment=make.comment,
            opts=make.options(snowflake.Alert, depends_on=[after]),
        )
