"""Bindings of DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import Binding, Op, P, Target, retag, tags


def _key_schema(table: Mapping[str, Any]) -> list[dict[str, str]]:
    keys = [{"AttributeName": table["hashKey"], "KeyType": "HASH"}] if table.get("hashKey") else []
    return [*keys, *([{"AttributeName": table["rangeKey"], "KeyType": "RANGE"}] if table.get("rangeKey") else [])]


def _attributes(target: Target) -> Any:
    named = cast("list[dict[str, str]]", target.inputs.get("attributes") or [])
    return [{"AttributeName": attribute["name"], "AttributeType": attribute["type"]} for attribute in named]


def _throughput(inputs: Mapping[str, Any], billing: str | None) -> Any:
    if billing == "PAY_PER_REQUEST":
        return None
    return {
        "ReadCapacityUnits": inputs.get("readCapacity") or 1,
        "WriteCapacityUnits": inputs.get("writeCapacity") or 1,
    }


def _indexes(name: str, local: bool) -> P:
    def make(target: Target) -> Any:
        made: list[dict[str, Any]] = []
        for index in cast("list[dict[str, Any]]", target.inputs.get(name) or []):
            projection = {"ProjectionType": index["projectionType"], "NonKeyAttributes": index.get("nonKeyAttributes")}
            keys = _key_schema({"hashKey": target.inputs.get("hashKey"), **index})
            entry = {
                "IndexName": index["name"],
                "KeySchema": keys,
                "Projection": {k: v for k, v in projection.items() if v},
            }
            throughput = None if local else _throughput(index, target.inputs.get("billingMode"))
            made.append({**entry, **({"ProvisionedThroughput": throughput} if throughput else {})})
        return made or None

    return P(make)


def _stream(target: Target) -> Any:
    if not target.inputs.get("streamEnabled"):
        return None
    return {"StreamEnabled": True, "StreamViewType": target.inputs.get("streamViewType") or "NEW_AND_OLD_IMAGES"}


def _table_encryption(target: Target) -> Any:
    chosen = cast("dict[str, Any]", target.inputs.get("serverSideEncryption") or {})
    if not chosen.get("enabled"):
        return None
    key = chosen.get("kmsKeyArn")
    return {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": key} if key else {})}


def _ttl_attribute(target: Target) -> str | None:
    return cast("dict[str, Any]", target.inputs.get("ttl") or {}).get("attributeName") or None


def _ttl(target: Target) -> Any:
    ttl = target.inputs["ttl"]
    return {"Enabled": bool(ttl.get("enabled", True)), "AttributeName": ttl["attributeName"]}


_TABLE: Mapping[str, Any] = {"TableName": "name"}
_TABLE_BINDING = Binding(
    "dynamodb",
    create=Op(
        "create_table",
        {
            **_TABLE,
            "AttributeDefinitions": P(_attributes),
            "KeySchema": P(lambda target: _key_schema(target.inputs)),
            "BillingMode": P(lambda target: target.inputs.get("billingMode") or "PROVISIONED"),
            "ProvisionedThroughput": P(lambda target: _throughput(target.inputs, target.inputs.get("billingMode"))),
            "GlobalSecondaryIndexes": _indexes("globalSecondaryIndexes", local=False),
            "LocalSecondaryIndexes": _indexes("localSecondaryIndexes", local=True),
            "StreamSpecification": P(_stream),
            "SSESpecification": P(_table_encryption),
            "TableClass": "tableClass",
            "DeletionProtectionEnabled": "deletionProtectionEnabled",
            "Tags": tags(),
        },
        captures={"arn": "TableDescription.TableArn", "streamArn": "TableDescription.LatestStreamArn"},
    ),
    settings=(
        Op(
            "update_table",
            {
                **_TABLE,
                "BillingMode": "billingMode",
                "ProvisionedThroughput": P(
                    lambda target: _throughput(target.inputs, target.inputs.get("billingMode")),
                    ("readCapacity", "writeCapacity"),
                ),
                "DeletionProtectionEnabled": "deletionProtectionEnabled",
                "StreamSpecification": P(_stream, ("streamEnabled", "streamViewType")),
                "SSESpecification": P(_table_encryption, ("serverSideEncryption",)),
            },
            when=lambda target: bool(target.old),
        ),
        Op(
            "update_time_to_live",
            {**_TABLE, "TimeToLiveSpecification": P(_ttl, ("ttl",))},
            when=lambda target: _ttl_attribute(target) is not None,
        ),
        Op(
            "update_continuous_backups",
            {
                **_TABLE,
                "PointInTimeRecoverySpecification": P(
                    lambda t: {"PointInTimeRecoveryEnabled": bool(t.inputs["pointInTimeRecovery"]["enabled"])},
                    ("pointInTimeRecovery",),
                ),
            },
            when=lambda target: bool(target.inputs.get("pointInTimeRecovery")),
        ),
        *retag(
            "tag_resource", "untag_resource", {"ResourceArn": P(lambda t: t.outputs["arn"])}, "Tags", "TagKeys", tags()
        ),
    ),
    read=Op("describe_table", _TABLE),
    delete=(Op("delete_table", _TABLE),),
)

BINDINGS: Final[Mapping[str, Binding]] = {"aws:dynamodb/table:Table": _TABLE_BINDING}
