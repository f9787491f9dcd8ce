"""The lake: what Snowflake may read in the platform's buckets, and how it hears of new files.

Two accounts must trust each other, each naming the other's identity. So the role's name is fixed: the integration
takes its ARN before it exists, and the role trusts what the integration then says it is. Source: Snowflake
documentation, "Configuring a Snowflake storage integration to access Amazon S3".
"""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_snowflake as snowflake

from plinth.security import documents
from plinth.snowflake.maker import Maker
from plinth.snowflake.platform import SnowflakePlatform
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake
from plinth.spec.snowflake.flow import SnowflakeStage
from plinth.spec.snowflake.names import parts

INTEGRATION = "PLINTH_LAKE"


def role_name(environment: Environment, what: str) -> str:
    """Name of a role that Snowflake takes on, fixed because Snowflake is told before the role exists."""
    return f"plinth-{environment.name}-snowflake-{what}"


def role_arn(environment: Environment, what: str) -> str:
    """ARN of that role."""
    partition = documents.partition(environment.region)
    return f"arn:{partition}:iam::{environment.account_id}:role/{role_name(environment, what)}"


def trusted_role(
    make: Maker,
    environment: Environment,
    what: str,
    *,
    user_arn: pulumi.Input[str],
    external_id: pulumi.Input[str],
    policy: pulumi.Input[str],
) -> pulumi.Resource:
    """The role, for Snowflake's identity and with the external id that Snowflake made; done when it may do its work."""
    trust = documents.document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": user_arn},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }
    )
    role = aws.iam.Role(
        make.logical(what, "role"),
        name=role_name(environment, what),
        description=f"Snowflake: {what}",
        assume_role_policy=pulumi.Output.json_dumps(trust),
        opts=make.component.options(aws.iam.Role, delete_before_replace=True),
    )
    return aws.iam.RolePolicy(
        make.logical(what, "policy"),
        role=role.name,
        policy=policy,
        opts=make.component.options(aws.iam.RolePolicy),
    )


def location(stage: SnowflakeStage, buckets: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """Address of a stage."""
    return pulumi.Output.concat("s3://", buckets[stage.bucket], "/", stage.prefix)


def reading(
    section: Snowflake, arns: Mapping[str, pulumi.Output[str]], key_arn: pulumi.Input[str], region: str
) -> documents.Document:
    """What Snowflake may do in the buckets: read below the stages' prefixes, and list them."""
    buckets = sorted({stage.bucket for stage in section.stages})
    prefixes = {bucket: sorted({each.prefix for each in section.stages if each.bucket == bucket}) for bucket in buckets}
    through_s3 = {
        "StringEquals": {
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": [arns[bucket] for bucket in buckets],
        }
    }
    objects = [pulumi.Output.concat(arns[bucket], f"/{prefix}*") for bucket in buckets for prefix in prefixes[bucket]]
    listing = [
        documents.allow(
            ["s3:ListBucket"],
            [arns[bucket]],
            condition={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes[bucket]]}},
        )
        for bucket in buckets
    ]
    return documents.document(
        *listing,
        documents.allow(["s3:GetBucketLocation"], [arns[bucket] for bucket in buckets], sid="Where"),
        documents.allow(["s3:GetObject", "s3:GetObjectVersion"], objects, sid="Read"),
        documents.allow(["kms:Decrypt"], [key_arn], condition=through_s3, sid="Key"),
    )


def lake(
    make: Maker, section: Snowflake, environment: Environment, platform: SnowflakePlatform
) -> tuple[pulumi.Output[str], pulumi.Resource]:
    """The integration that stages read through; gives its name, and what they wait for."""
    integration = snowflake.StorageIntegrationAws(
        make.logical("lake"),
        name=INTEGRATION,
        enabled=True,
        storage_provider="S3",
        storage_aws_role_arn=role_arn(environment, "lake"),
        storage_allowed_locations=[location(stage, platform.bucket_names) for stage in section.stages],
        comment=make.comment,
        opts=make.options(snowflake.StorageIntegrationAws),
    )
    said = integration.describe_outputs
    ready = trusted_role(
        make,
        environment,
        "lake",
        user_arn=said.apply(lambda outputs: str(outputs[0].iam_user_arn)),
        external_id=said.apply(lambda outputs: str(outputs[0].external_id)),
        policy=pulumi.Output.json_dumps(
            reading(section, platform.bucket_arns, platform.data_key_arn, environment.region)
        ),
    )
    return integration.name, ready


def notify(make: Maker, section: Snowflake, pipes: Mapping[str, snowflake.Pipe], platform: SnowflakePlatform) -> None:
    """Each bucket tells the pipes' queue of new files below the prefixes that are loaded.

    Snowflake has one queue for all pipes on a bucket, so each prefix is told once.
    """
    stages = {stage.name: stage for stage in section.stages}
    by_bucket: dict[str, list[tuple[str, pulumi.Output[str]]]] = {}
    for pipe in section.pipes:
        stage = stages[pipe.stage]
        by_bucket.setdefault(stage.bucket, []).append((stage.prefix, pipes[pipe.name].notification_channel))
    for bucket, told in by_bucket.items():
        aws.s3.BucketNotification(
            make.logical("notify", bucket),
            bucket=platform.bucket_names[bucket],
            queues=[
                {
                    "id": f"snowflake-{prefix.strip('/').replace('/', '-')}"[:255],
                    "queue_arn": queue,
                    "events": ["s3:ObjectCreated:*"],
                    "filter_prefix": prefix,
                }
                for prefix, queue in told
            ],
            opts=make.component.options(aws.s3.BucketNotification),
        )


def file_format(
    make: Maker, stage: SnowflakeStage, database: pulumi.Input[str], schema: pulumi.Input[str]
) -> pulumi.Resource:
    """How a stage's files are read."""
    _, _, own = parts(stage.name)
    logical, name = make.logical("format", stage.name), f"{own}_FORMAT"
    match stage.format:
        case "json":
            return snowflake.FileFormatJson(
                logical,
                name=name,
                database=database,
                schema=schema,
                compression="AUTO",
                strip_outer_array="false",
                comment=make.comment,
                opts=make.options(snowflake.FileFormatJson),
            )
        case "parquet":
            return snowflake.FileFormatParquet(
                logical,
                name=name,
                database=database,
                schema=schema,
                use_logical_type="true",
                comment=make.comment,
                opts=make.options(snowflake.FileFormatParquet),
            )
        case "csv":
            return snowflake.FileFormatCsv(
                logical,
                name=name,
                database=database,
                schema=schema,
                # Columns are matched by the names in the header, so there may be more or fewer of them.
                parse_header="true",
                error_on_column_count_mismatch="false",
                field_optionally_enclosed_by='"',
                comment=make.comment,
                opts=make.options(snowflake.FileFormatCsv),
            )


def stage(
    make: Maker,
    section: SnowflakeStage,
    *,
    database: pulumi.Input[str],
    schema: pulumi.Input[str],
    integration: pulumi.Input[str],
    platform: SnowflakePlatform,
    after: Sequence[pulumi.Resource],
) -> pulumi.Resource:
    """A stage with its file format."""
    _, _, own = parts(section.name)
    layout = file_format(make, section, database, schema)
    return snowflake.StageExternalS3(
        make.logical("stage", section.name),
        name=own,
        database=database,
        schema=schema,
        url=location(section, platform.bucket_names),
        storage_integration=integration,
        comment=make.comment,
        opts=make.options(snowflake.StageExternalS3, depends_on=[layout, *after]),
    )
