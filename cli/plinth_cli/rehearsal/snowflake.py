"""The stand-in for the package `snowflake`: ids and names the way Snowflake and its provider write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from plinth_cli.rehearsal.immutable import SNOWFLAKE, SNOWFLAKE_RENAMES
from plinth_cli.rehearsal.naming import NameRule
from plinth_cli.rehearsal.package import Call, Failure
from plinth_cli.rehearsal.schema import SdkSchema
from plinth_cli.rehearsal.sdk import Row, SdkPackage, Tables
from plinth_cli.rehearsal.values import Props, reveal

_LONGEST = 255
"""Characters of an identifier (Snowflake SQL reference, "Identifier requirements")."""
_NAME = NameRule(longest=_LONGEST, upper=True, separator="_")
_FORBIDDEN = frozenset('"|.')
"""Characters that break the provider's ids (snowflakedb/snowflake, "Identifiers guide")."""

_IN_ACCOUNT = (
    *("accountRole:AccountRole", "database:Database", "warehouse:Warehouse", "resourceMonitor:ResourceMonitor"),
    *("user:User", "serviceUser:ServiceUser", "networkPolicy:NetworkPolicy", "computePool:ComputePool"),
    *("storageIntegration:StorageIntegration", "storageIntegrationAws:StorageIntegrationAws"),
    "notificationIntegration:NotificationIntegration",
)
_IN_DATABASE = ("schema:Schema", "databaseRole:DatabaseRole")
_IN_SCHEMA = (
    *("table:Table", "view:View", "stage:Stage", "stageInternal:StageInternal", "fileFormat:FileFormat"),
    *("sequence:Sequence", "task:Task", "streamOnTable:StreamOnTable", "pipe:Pipe"),
    *("stageExternalS3:StageExternalS3", "dynamicTable:DynamicTable", "alert:Alert", "semanticView:SemanticView"),
    *("fileFormatJson:FileFormatJson", "fileFormatParquet:FileFormatParquet", "fileFormatCsv:FileFormatCsv"),
    *("tag:Tag", "maskingPolicy:MaskingPolicy", "rowAccessPolicy:RowAccessPolicy", "networkRule:NetworkRule"),
    *("authenticationPolicy:AuthenticationPolicy", "sessionPolicy:SessionPolicy", "passwordPolicy:PasswordPolicy"),
    *("cortexSearchService:CortexSearchService", "secretWithGenericString:SecretWithGenericString"),
)

_IDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_IN_ACCOUNT, '"{name}"'),
    **dict.fromkeys(_IN_DATABASE, '"{in.database}"."{name}"'),
    **dict.fromkeys(_IN_SCHEMA, '"{in.database}"."{in.schema}"."{name}"'),
    "accountParameter:AccountParameter": "{in.key}",
    "execute:Execute": "{uuid}",
}
_SNOWFLAKES_USER = "arn:aws:iam::{digits12.account}:user/{hex8.user}-s"
"""The identity with which a Snowflake account comes to AWS."""

_OUTPUTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "storageIntegrationAws:StorageIntegrationAws": {
        "describeOutputs": [{"iamUserArn": _SNOWFLAKES_USER, "externalId": "REHEARSAL_SFCRole=2_{hex16.external}="}],
    },
    "notificationIntegration:NotificationIntegration": {
        "awsSnsIamUserArn": _SNOWFLAKES_USER,
        "awsSnsExternalId": "REHEARSAL_SFCRole=3_{hex16.external}=",
    },
    "pipe:Pipe": {
        "notificationChannel": "arn:aws:sqs:us-east-1:{digits12.account}:sf-snowpipe-{HEX20.queue}",
        "owner": "ACCOUNTADMIN",
    },
}
"""What Snowflake says of itself."""

_NOT_NAMED = ("grant", "tagAssociation", "execute", "accountParameter")


def _rows() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for token in _IDS.keys() | SNOWFLAKE.keys():
        id = _IDS.get(token)
        named = None if token.startswith(_NOT_NAMED) else _NAME
        outputs: dict[str, Any] = {"fullyQualifiedName": id} if id and named else {}
        outputs |= _OUTPUTS.get(token, {})
        rows[f"snowflake:index/{token}"] = Row(id, outputs, tuple(SNOWFLAKE.get(token, "").split()), named)
    return rows


_TABLES: Final = Tables(rows=_rows(), id="{logical}|{hex8}", renames_in_place=SNOWFLAKE_RENAMES)


class SnowflakePackage(SdkPackage):
    """What `StandIn` asks about resources of the package `snowflake`."""

    def __init__(self, schema: SdkSchema) -> None:
        super().__init__(schema, _TABLES)

    @override
    def name_rule(self, token: str) -> NameRule | None:
        rule = super().name_rule(token)
        return _NAME if rule is not None else None

    @override
    def refine(self, call: Call, inputs: Props) -> list[Failure]:
        failures: list[Failure] = []
        for part in ("name", "database", "schema"):
            text = reveal(inputs.get(part))
            if not isinstance(text, str):
                continue
            if not text or len(text) > _LONGEST:
                failures.append(Failure(part, f"must have 1 to {_LONGEST} characters"))
            elif _FORBIDDEN.intersection(text):
                failures.append(Failure(part, 'must not contain any of the characters " | .'))
        return failures
