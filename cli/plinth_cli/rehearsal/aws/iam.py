"""Bindings of IAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws.binding import Binding, Op, P, Target, document, retag, tag_list, tags


def _later(target: Target) -> bool:
    return bool(target.old)


_ROLE: Mapping[str, Any] = {"RoleName": "name"}


def _inline(client: Any, target: Target) -> None:
    """Inline and managed policies that are part of the role's own arguments."""
    name = target.inputs["name"]
    old = {policy.get("name") for policy in cast("list[dict[str, Any]]", target.old.get("inlinePolicies") or [])}
    given = cast("list[dict[str, Any]]", target.inputs.get("inlinePolicies") or [])
    new = {str(policy["name"]): policy["policy"] for policy in given if policy.get("name")}
    for policy, text in new.items():
        client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)
    for policy in old - new.keys() - {None}:
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    before, after = set(target.old.get("managedPolicyArns") or ()), set(target.inputs.get("managedPolicyArns") or ())
    for arn in sorted(after - before):
        client.attach_role_policy(RoleName=name, PolicyArn=arn)
    for arn in sorted(before - after):
        client.detach_role_policy(RoleName=name, PolicyArn=arn)


def _strip(client: Any, target: Target) -> None:
    """A role can be deleted only without policies; those of other resources went before it or are forced off."""
    bare = Target(target.id, {"name": target.inputs["name"]}, {}, target.account, target.region, target.inputs)
    _inline(client, bare)
    if target.inputs.get("forceDetachPolicies"):
        for attached in client.list_attached_role_policies(RoleName=target.inputs["name"])["AttachedPolicies"]:
            client.detach_role_policy(RoleName=target.inputs["name"], PolicyArn=attached["PolicyArn"])


_ROLE_BINDING = Binding(
    "iam",
    create=Op(
        "create_role",
        {
            **_ROLE,
            "Path": "path",
            "AssumeRolePolicyDocument": document("assumeRolePolicy"),
            "Description": "description",
            "MaxSessionDuration": "maxSessionDuration",
            "PermissionsBoundary": "permissionsBoundary",
            "Tags": tags(),
        },
        captures={"arn": "Role.Arn", "uniqueId": "Role.RoleId"},
    ),
    settings=(
        Op(_inline, uses=("inlinePolicies", "managedPolicyArns")),
        Op(
            "update_role",
            {
                **_ROLE,
                "Description": P(lambda target: target.inputs.get("description") or "", ("description",)),
                "MaxSessionDuration": P(lambda t: t.inputs.get("maxSessionDuration") or 3600, ("maxSessionDuration",)),
            },
            when=_later,
        ),
        Op("update_assume_role_policy", {**_ROLE, "PolicyDocument": document("assumeRolePolicy")}, when=_later),
        Op(
            "put_role_permissions_boundary",
            {**_ROLE, "PermissionsBoundary": "permissionsBoundary"},
            when=lambda target: bool(target.old and target.inputs.get("permissionsBoundary")),
        ),
        *retag("tag_role", "untag_role", _ROLE, "Tags", "TagKeys", tags()),
    ),
    read=Op("get_role", _ROLE),
    find=Op("get_role", _ROLE, captures={"arn": "Role.Arn", "uniqueId": "Role.RoleId"}),
    delete=(Op(_strip), Op("delete_role", _ROLE)),
)


def _new_version(client: Any, target: Target) -> None:
    """A policy keeps five versions at most (IAM quotas): the oldest makes room."""
    versions = [v for v in client.list_policy_versions(PolicyArn=target.id)["Versions"] if not v["IsDefaultVersion"]]
    if len(versions) >= 4:
        oldest = min(versions, key=lambda version: int(version["VersionId"][1:]))
        client.delete_policy_version(PolicyArn=target.id, VersionId=oldest["VersionId"])
    text = document("policy").make(target)
    client.create_policy_version(PolicyArn=target.id, PolicyDocument=text, SetAsDefault=True)


def _drop_versions(client: Any, target: Target) -> None:
    for version in client.list_policy_versions(PolicyArn=target.id)["Versions"]:
        if not version["IsDefaultVersion"]:
            client.delete_policy_version(PolicyArn=target.id, VersionId=version["VersionId"])


_POLICY: Mapping[str, Any] = {"PolicyArn": "id"}
_POLICY_BINDING = Binding(
    "iam",
    create=Op(
        "create_policy",
        {
            "PolicyName": "name",
            "Path": "path",
            "PolicyDocument": document("policy"),
            "Description": "description",
            "Tags": tags(),
        },
        captures={"id": "Policy.Arn", "arn": "Policy.Arn", "policyId": "Policy.PolicyId"},
    ),
    settings=(
        Op(_new_version, when=_later, uses=("policy",)),
        *retag("tag_policy", "untag_policy", _POLICY, "Tags", "TagKeys", tags()),
    ),
    read=Op("get_policy", _POLICY),
    find=Op("get_policy", _POLICY, captures={"policyId": "Policy.PolicyId"}),
    delete=(Op(_drop_versions), Op("delete_policy", _POLICY)),
)

_ATTACHMENT: Mapping[str, Any] = {"RoleName": "role", "PolicyArn": "policyArn"}
_ROLE_POLICY: Mapping[str, Any] = {"RoleName": "role", "PolicyName": "name"}


def _swap_role(client: Any, target: Target) -> None:
    name, old, new = target.inputs["name"], target.old.get("role"), target.inputs.get("role")
    if old and old != new:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=old)
    if new and old != new:
        client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=new)


_PROFILE: Mapping[str, Any] = {"InstanceProfileName": "name"}
_PROFILE_BINDING = Binding(
    "iam",
    create=Op(
        "create_instance_profile",
        {**_PROFILE, "Path": "path", "Tags": tags()},
        captures={"arn": "InstanceProfile.Arn", "uniqueId": "InstanceProfile.InstanceProfileId"},
    ),
    settings=(Op(_swap_role, uses=("role",)),),
    read=Op("get_instance_profile", _PROFILE),
    delete=(
        Op(
            "remove_role_from_instance_profile",
            {**_PROFILE, "RoleName": "role"},
            when=lambda t: bool(t.inputs.get("role")),
        ),
        Op("delete_instance_profile", _PROFILE),
    ),
)

_OIDC: Mapping[str, Any] = {"OpenIDConnectProviderArn": "id"}
_OIDC_BINDING = Binding(
    "iam",
    create=Op(
        "create_open_id_connect_provider",
        {
            "Url": "url",
            "ClientIDList": "clientIdLists",
            "ThumbprintList": P(lambda target: target.inputs.get("thumbprintLists") or ["0" * 40]),
            "Tags": P(tag_list),
        },
        captures={"id": "OpenIDConnectProviderArn", "arn": "OpenIDConnectProviderArn"},
    ),
    settings=(
        Op(
            "update_open_id_connect_provider_thumbprint",
            {**_OIDC, "ThumbprintList": "thumbprintLists"},
            when=lambda target: bool(target.old and target.inputs.get("thumbprintLists")),
        ),
    ),
    read=Op("get_open_id_connect_provider", _OIDC),
    delete=(Op("delete_open_id_connect_provider", _OIDC),),
)

BINDINGS: Final[Mapping[str, Binding]] = {
    "aws:iam/role:Role": _ROLE_BINDING,
    "aws:iam/policy:Policy": _POLICY_BINDING,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Binding(
        "iam",
        create=Op("attach_role_policy", _ATTACHMENT),
        read=Op("get_role", {"RoleName": "role"}),
        delete=(Op("detach_role_policy", _ATTACHMENT),),
    ),
    "aws:iam/rolePolicy:RolePolicy": Binding(
        "iam",
        create=None,
        settings=(Op("put_role_policy", {**_ROLE_POLICY, "PolicyDocument": document("policy")}),),
        read=Op("get_role_policy", _ROLE_POLICY),
        delete=(Op("delete_role_policy", _ROLE_POLICY),),
    ),
    "aws:iam/instanceProfile:InstanceProfile": _PROFILE_BINDING,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _OIDC_BINDING,
}
