"""Bindings of ECR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import Binding, Op, P, Target, document, retag, tags

_REPOSITORY: Mapping[str, Any] = {"repositoryName": "name"}


def _scanning(target: Target) -> Any:
    chosen = cast("dict[str, Any]", target.inputs.get("imageScanningConfiguration") or {})
    return {"scanOnPush": bool(chosen.get("scanOnPush"))}


def _repository_encryption(target: Target) -> Any:
    chosen = cast("list[dict[str, Any]]", target.inputs.get("encryptionConfigurations") or [])
    if not chosen:
        return None
    kind, key = chosen[0].get("encryptionType") or "AES256", chosen[0].get("kmsKey")
    return {"encryptionType": kind, **({"kmsKey": key} if key else {})}


_REPOSITORY_BINDING = Binding(
    "ecr",
    create=Op(
        "create_repository",
        {
            **_REPOSITORY,
            "imageTagMutability": "imageTagMutability",
            "imageScanningConfiguration": P(_scanning),
            "encryptionConfiguration": P(_repository_encryption),
            "tags": tags(),
        },
    ),
    settings=(
        Op(
            "put_image_tag_mutability",
            {**_REPOSITORY, "imageTagMutability": "imageTagMutability"},
            when=lambda target: bool(target.old and target.inputs.get("imageTagMutability")),
        ),
        Op(
            "put_image_scanning_configuration",
            {**_REPOSITORY, "imageScanningConfiguration": P(_scanning, ("imageScanningConfiguration",))},
            when=lambda target: bool(target.old),
        ),
        *retag(
            "tag_resource", "untag_resource", {"resourceArn": P(lambda t: t.outputs["arn"])}, "tags", "tagKeys", tags()
        ),
    ),
    read=Op("describe_repositories", {"repositoryNames": P(lambda target: [target.inputs["name"]])}),
    delete=(
        Op("delete_repository", {**_REPOSITORY, "force": P(lambda target: bool(target.inputs.get("forceDelete")))}),
    ),
)


def _repository_setting(put: str, parameter: str, get: str, delete: str) -> Binding:
    handle = {"repositoryName": "repository"}
    return Binding(
        "ecr",
        create=None,
        settings=(Op(put, {**handle, parameter: document("policy")}),),
        read=Op(get, handle),
        delete=(Op(delete, handle),),
    )


BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:ecr/repository:Repository": _REPOSITORY_BINDING,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _repository_setting(
        "put_lifecycle_policy", "lifecyclePolicyText", "get_lifecycle_policy", "delete_lifecycle_policy"
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _repository_setting(
        "set_repository_policy", "policyText", "get_repository_policy", "delete_repository_policy"
    ),
}
