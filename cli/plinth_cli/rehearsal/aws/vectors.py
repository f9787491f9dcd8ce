"""Bindings of S3 Vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import TAG_INPUTS, Binding, Op, P, Target, document, retag

_NAME: Mapping[str, Any] = {"vectorBucketName": "vectorBucketName"}
_ARN: Mapping[str, Any] = {"vectorBucketArn": "vectorBucketArn"}


def _encryption(target: Target) -> Any:
    chosen = cast("list[dict[str, Any]]", target.inputs.get("encryptionConfigurations") or [])
    return chosen[0] if chosen else None


def _tag_map(target: Target) -> Any:
    return target.tags or None


def _empty(client: Any, target: Target) -> None:
    """Deletes the indexes of a bucket that may be deleted with them."""
    bucket = {"vectorBucketName": target.inputs["vectorBucketName"]}
    for index in client.list_indexes(**bucket)["indexes"]:
        client.delete_index(**bucket, indexName=index["indexName"])


_BUCKET = Binding(
    "s3vectors",
    create=Op("create_vector_bucket", {**_NAME, "encryptionConfiguration": P(_encryption), "tags": P(_tag_map)}),
    settings=retag(
        "tag_resource",
        "untag_resource",
        {"resourceArn": P(lambda target: target.outputs["vectorBucketArn"])},
        "tags",
        "tagKeys",
        P(_tag_map, TAG_INPUTS),
    ),
    read=Op("get_vector_bucket", _NAME),
    delete=(
        Op(_empty, when=lambda target: bool(target.inputs.get("forceDestroy"))),
        Op("delete_vector_bucket", _NAME),
    ),
)

_POLICY = Binding(
    "s3vectors",
    create=None,
    settings=(Op("put_vector_bucket_policy", {**_ARN, "policy": document("policy")}),),
    read=Op("get_vector_bucket_policy", _ARN),
    delete=(Op("delete_vector_bucket_policy", _ARN),),
)

BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": _BUCKET,
    "aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": _POLICY,
}
