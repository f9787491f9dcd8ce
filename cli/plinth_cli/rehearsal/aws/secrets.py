"""Bindings of KMS and Secrets Manager."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from plinth_cli.rehearsal.aws.binding import Binding, Op, P, Target, document, retag, tags

# --- KMS -------------------------------------------------------------------------------------------------------

_KEY: Mapping[str, Any] = {"KeyId": "id"}
_KMS_TAGS = tags("TagKey", "TagValue")


def _later(target: Target) -> bool:
    return bool(target.old)


_KEY_BINDING = Binding(
    "kms",
    create=Op(
        "create_key",
        {
            "Description": "description",
            "KeyUsage": "keyUsage",
            "KeySpec": "customerMasterKeySpec",
            "Policy": document("policy"),
            "MultiRegion": "multiRegion",
            "BypassPolicyLockoutSafetyCheck": "bypassPolicyLockoutSafetyCheck",
            "Tags": _KMS_TAGS,
        },
        captures={"id": "KeyMetadata.KeyId", "keyId": "KeyMetadata.KeyId", "arn": "KeyMetadata.Arn"},
    ),
    settings=(
        Op(
            "enable_key_rotation",
            {**_KEY, "RotationPeriodInDays": "rotationPeriodInDays"},
            when=lambda target: bool(target.inputs.get("enableKeyRotation")),
            uses=("enableKeyRotation",),
        ),
        Op(
            "disable_key_rotation",
            _KEY,
            when=lambda target: (
                bool(target.old.get("enableKeyRotation")) and not target.inputs.get("enableKeyRotation")
            ),
            uses=("enableKeyRotation",),
        ),
        Op("disable_key", _KEY, when=lambda target: target.inputs.get("isEnabled") is False, uses=("isEnabled",)),
        Op(
            "enable_key",
            _KEY,
            when=lambda target: target.old.get("isEnabled") is False and target.inputs.get("isEnabled") is not False,
            uses=("isEnabled",),
        ),
        Op(
            "update_key_description",
            {**_KEY, "Description": P(lambda target: target.inputs.get("description") or "", ("description",))},
            when=_later,
        ),
        Op(
            "put_key_policy",
            {**_KEY, "PolicyName": "=default", "Policy": document("policy")},
            when=lambda target: bool(target.old and target.inputs.get("policy")),
        ),
        *retag("tag_resource", "untag_resource", _KEY, "Tags", "TagKeys", _KMS_TAGS),
    ),
    read=Op("describe_key", _KEY),
    delete=(
        Op(
            "schedule_key_deletion",
            {**_KEY, "PendingWindowInDays": P(lambda target: target.inputs.get("deletionWindowInDays") or 30)},
        ),
    ),
)

_ALIAS: Mapping[str, Any] = {"AliasName": "name", "TargetKeyId": "targetKeyId"}
_ALIAS_BINDING = Binding(
    "kms",
    create=Op("create_alias", _ALIAS),
    settings=(Op("update_alias", _ALIAS, when=_later),),
    read=Op("describe_key", {"KeyId": "name"}),
    delete=(Op("delete_alias", {"AliasName": "name"}),),
)

# --- Secrets Manager -------------------------------------------------------------------------------------------

_SECRET: Mapping[str, Any] = {"SecretId": "id"}


def _at_once(target: Target) -> bool:
    return target.inputs.get("recoveryWindowInDays") == 0


_SECRET_BINDING = Binding(
    "secretsmanager",
    create=Op(
        "create_secret",
        {
            "Name": "name",
            "Description": "description",
            "KmsKeyId": "kmsKeyId",
            "ForceOverwriteReplicaSecret": "forceOverwriteReplicaSecret",
            "Tags": tags(),
        },
        captures={"id": "ARN", "arn": "ARN"},
    ),
    settings=(
        Op("update_secret", {**_SECRET, "Description": "description", "KmsKeyId": "kmsKeyId"}, when=_later),
        Op(
            "put_resource_policy",
            {**_SECRET, "ResourcePolicy": document("policy")},
            when=lambda target: bool(target.inputs.get("policy")),
        ),
        *retag("tag_resource", "untag_resource", _SECRET, "Tags", "TagKeys", tags()),
    ),
    read=Op("describe_secret", _SECRET),
    find=Op("describe_secret", {"SecretId": "name"}, captures={"id": "ARN", "arn": "ARN"}),
    delete=(
        Op(
            "delete_secret",
            {
                **_SECRET,
                "ForceDeleteWithoutRecovery": P(lambda target: True if _at_once(target) else None),
                "RecoveryWindowInDays": P(
                    lambda t: None if _at_once(t) else t.inputs.get("recoveryWindowInDays") or 30
                ),
            },
        ),
    ),
)


def _binary(target: Target) -> Any:
    text = target.inputs.get("secretBinary")
    return None if text is None else base64.b64decode(text)


def _secret_text(target: Target) -> Any:
    return target.inputs.get("secretString") or target.inputs.get("secretStringWo")


_VERSION_BINDING = Binding(
    "secretsmanager",
    create=Op(
        "put_secret_value",
        {
            "SecretId": "secretId",
            "SecretString": P(_secret_text),
            "SecretBinary": P(_binary),
            "VersionStages": "versionStages",
            "ClientRequestToken": P(lambda target: target.outputs["versionId"]),
        },
        captures={"versionId": "VersionId", "arn": "ARN", "secretArn": "ARN", "versionStages": "VersionStages"},
    ),
    settings=(
        Op(
            "put_secret_value",
            {"SecretId": "secretId", "SecretString": P(_secret_text), "VersionStages": "versionStages"},
            when=lambda target: bool(target.old and target.inputs.get("secretStringWo")),
            captures={"versionId": "VersionId"},
            uses=("secretStringWoVersion",),
        ),
    ),
    read=Op(
        "get_secret_value", {"SecretId": "secretId", "VersionId": P(lambda target: target.outputs.get("versionId"))}
    ),
)

_SECRET_POLICY_BINDING = Binding(
    "secretsmanager",
    create=None,
    settings=(
        Op(
            "put_resource_policy",
            {"SecretId": "secretArn", "ResourcePolicy": document("policy"), "BlockPublicPolicy": "blockPublicPolicy"},
        ),
    ),
    read=Op("get_resource_policy", {"SecretId": "secretArn"}),
    delete=(Op("delete_resource_policy", {"SecretId": "secretArn"}),),
)

BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:kms/key:Key": _KEY_BINDING,
    "aws:kms/alias:Alias": _ALIAS_BINDING,
    "aws:secretsmanager/secret:Secret": _SECRET_BINDING,
    "aws:secretsmanager/secretVersion:SecretVersion": _VERSION_BINDING,
    "aws:secretsmanager/secretPolicy:SecretPolicy": _SECRET_POLICY_BINDING,
}
