"""Bindings of S3."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import TAG_INPUTS, Binding, Op, P, Target, document, renamed, tag_list
from plinth_cli.rehearsal.package import Refusal
from plinth_cli.rehearsal.values import Asset

_BUCKET: Mapping[str, Any] = {"Bucket": "bucket"}


def _location(target: Target) -> Any:
    """us-east-1 is the default and must not be named (Amazon S3 API, CreateBucket)."""
    return None if target.region == "us-east-1" else {"LocationConstraint": target.region}


_S3_SPELLING = {
    "sseAlgorithm": "SSEAlgorithm",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "id": "ID",
    "mfaDelete": "MFADelete",
    "tags": "Tags",
}


def _rules(name: str, spelling: Mapping[str, str] | None = None) -> P:
    return P(lambda target: {"Rules": renamed(target.inputs["rules"], {**_S3_SPELLING, **(spelling or {})})}, (name,))


def _lifecycle(target: Target) -> Any:
    return {"Rules": [_lifecycle_rule(rule) for rule in cast("list[dict[str, Any]]", target.inputs.get("rules") or [])]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> Any:
    """A rule without a filter or prefix covers the whole bucket."""
    made = renamed(rule, _S3_SPELLING)
    made.setdefault("Filter", {"Prefix": made.pop("Prefix", "")})
    if not made["Filter"]:
        made["Filter"] = {"Prefix": ""}
    both = made["Filter"].get("And")
    if both and isinstance(both.get("Tags"), dict):
        both["Tags"] = [{"Key": key, "Value": value} for key, value in both["Tags"].items()]
    return made


def _empty(client: Any, target: Target) -> None:
    """Deletes every version of every object, as `forceDestroy` promises."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=target.inputs["bucket"]):
        for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            client.delete_object(Bucket=target.inputs["bucket"], Key=found["Key"], VersionId=found["VersionId"])


_BUCKET_BINDING = Binding(
    "s3",
    create=Op(
        "create_bucket",
        {
            "Bucket": "bucket",
            "CreateBucketConfiguration": P(_location),
            "ObjectLockEnabledForBucket": "objectLockEnabled",
        },
    ),
    settings=(
        Op(
            "put_bucket_tagging",
            {**_BUCKET, "Tagging": P(lambda target: {"TagSet": tag_list(target)}, TAG_INPUTS)},
            when=lambda target: bool(target.tags),
        ),
        Op(
            "delete_bucket_tagging",
            _BUCKET,
            when=lambda target: bool(target.old_tags and not target.tags),
            uses=TAG_INPUTS,
        ),
        Op(
            "put_bucket_versioning",
            {
                **_BUCKET,
                "VersioningConfiguration": P(
                    lambda target: {"Status": "Enabled" if target.inputs["versioning"].get("enabled") else "Suspended"},
                    ("versioning",),
                ),
            },
            when=lambda target: bool(target.inputs.get("versioning")),
        ),
    ),
    read=Op("head_bucket", _BUCKET),
    delete=(
        Op(_empty, when=lambda target: bool(target.inputs.get("forceDestroy"))),
        Op("delete_bucket", _BUCKET),
    ),
)


def _versioning(target: Target) -> Any:
    return renamed(target.inputs["versioningConfiguration"], _S3_SPELLING)


def _content(target: Target) -> Any:
    """The body of an object: text, base64, or a file."""
    inputs = target.inputs
    if inputs.get("contentBase64") is not None:
        return base64.b64decode(inputs["contentBase64"])
    source = inputs.get("source")
    if isinstance(source, Asset) and source.path is not None:
        path = Path(source.path)
        if not path.is_file():
            raise Refusal(f"there is no file {source.path}", "source")
        return path.read_bytes()
    text = source.text if isinstance(source, Asset) else inputs.get("content")
    return None if text is None else str(text).encode()


_OBJECT_INPUTS = ("content", "contentBase64", "source", "sourceHash", "etag")
_OBJECT: Mapping[str, Any] = {"Bucket": "bucket", "Key": "key"}
_OBJECT_BINDING = Binding(
    "s3",
    create=None,
    settings=(
        Op(
            "put_object",
            {
                **_OBJECT,
                "Body": P(_content, _OBJECT_INPUTS),
                "ContentType": "contentType",
                "Metadata": "metadata",
                "StorageClass": "storageClass",
                "ServerSideEncryption": "serverSideEncryption",
                "SSEKMSKeyId": "kmsKeyId",
            },
            captures={"versionId": "VersionId"},
        ),
    ),
    read=Op("head_object", _OBJECT),
    delete=(Op("delete_object", _OBJECT),),
    always_update=True,
)


def _setting(put: str, parameter: str, value: P, delete: str | None, read: str | None = None) -> Binding:
    """A type that is one configuration of a bucket."""
    return Binding(
        "s3",
        create=None,
        settings=(Op(put, {**_BUCKET, parameter: value}),),
        read=Op(read, _BUCKET) if read else None,
        delete=(Op(delete, _BUCKET),) if delete else (),
        always_update=True,
    )


_PUBLIC_ACCESS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _public_access(target: Target) -> Any:
    return {name[0].upper() + name[1:]: bool(target.inputs.get(name)) for name in _PUBLIC_ACCESS}


BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:s3/bucket:Bucket": _BUCKET_BINDING,
    "aws:s3/bucketObject:BucketObject": _OBJECT_BINDING,
    "aws:s3/bucketObjectv2:BucketObjectv2": _OBJECT_BINDING,
    "aws:s3/bucketVersioning:BucketVersioning": _setting(
        "put_bucket_versioning", "VersioningConfiguration", P(_versioning), None, "get_bucket_versioning"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        _rules("rules", {"blockedEncryptionTypes": ""}),
        "delete_bucket_encryption",
        "get_bucket_encryption",
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        P(_lifecycle),
        "delete_bucket_lifecycle",
        "get_bucket_lifecycle_configuration",
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        P(_public_access),
        "delete_public_access_block",
        "get_public_access_block",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(
        "put_bucket_policy", "Policy", document("policy"), "delete_bucket_policy", "get_bucket_policy"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls",
        "OwnershipControls",
        P(lambda target: {"Rules": [renamed(target.inputs["rule"])]}),
        "delete_bucket_ownership_controls",
        "get_bucket_ownership_controls",
    ),
}
