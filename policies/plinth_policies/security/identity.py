"""Rules on IAM: who may do what."""

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import SecretText, Value, absent, at, is_list, items, plain, shown, texts

_READING = ("describe*", "list*")
"""Verbs of actions that show what exists, not what is in it."""

_UNSCOPED = frozenset(
    {
        "aws-marketplace:viewsubscriptions",
        "ce:getcostandusage",
        "cloudwatch:getmetricdata",
        "cloudwatch:putmetricdata",
        "ec2:getspotplacementscores",
        "ecr:getauthorizationtoken",
        "eks-auth:assumeroleforpodidentity",
        "pricing:getproducts",
        "sts:getcalleridentity",
        "xray:putmetricdata",
        "xray:puttelemetryrecords",
        "xray:puttracesegments",
    }
)
"""Actions that do no harm on `*` and for which IAM knows no narrower resource (Service Authorization Reference)."""

_BROAD_MANAGED = ("*/AdministratorAccess", "*/PowerUserAccess", "*/IAMFullAccess", "*FullAccess")
_FIX = (
    "name the actions and the ARNs in the component's policy; where a resource cannot be named, add a Condition. "
    "A workload gets its own role with plinth:index:WorkloadIdentity"
)


def _policy(resource: Resource) -> Iterator[Finding]:
    yield from _document(resource.get("policy"))


def _role(resource: Resource) -> Iterator[Finding]:
    for inline in items(resource.get("inlinePolicies")):
        yield from _document(at(inline, "policy"))
    yield from _managed(resource.get("managedPolicyArns"))
    for statement in _statements(resource.get("assumeRolePolicy")):
        principal = at(statement, "Principal")
        anyone = "*" in [*texts(principal), *texts(at(principal, "AWS"))]
        if _allows(statement) and anyone and absent(at(statement, "Condition")):
            yield Finding(
                "assumeRolePolicy has Principal * without a Condition",
                "anyone with an AWS account could take the role",
                "name the account, service or role that may assume it",
            )


def _attachment(resource: Resource) -> Iterator[Finding]:
    yield from _managed(resource.get("policyArn"))


def _managed(arns: Value) -> Iterator[Finding]:
    for arn in texts(arns):
        if any(fnmatchcase(arn, pattern) for pattern in _BROAD_MANAGED):
            why = "a leaked credential would open everything that it covers"
            yield Finding(f"managed policy {shown(arn, 120)} is attached", why, _FIX)


def _document(document: Value) -> Iterator[Finding]:
    for number, statement in enumerate(_statements(document)):
        if not _allows(statement):
            continue
        where = f"statement {shown(at(statement, 'Sid')) if not absent(at(statement, 'Sid')) else number}"
        if not absent(at(statement, "NotAction")):
            yield Finding(f"{where} allows NotAction", "it allows every action that AWS adds later", _FIX)
        actions = texts(at(statement, "Action"))
        for action in actions:
            if action == "*" or action.endswith(":*"):
                yield Finding(f"{where} allows {shown(action)}", "it allows deleting and sharing as well", _FIX)
        everything = [arn for arn in texts(at(statement, "Resource")) if _is_everything(arn)]
        unscoped = [action for action in actions if not _harmless(action)]
        if everything and unscoped and absent(at(statement, "Condition")):
            listed = ", ".join(shown(action) for action in unscoped)
            what = f"{where} allows {listed} on resource {shown(everything[0])}"
            yield Finding(what, "it reaches every resource of the account", _FIX)


def _is_everything(arn: str) -> bool:
    """Whether an ARN is `*`, or names a service and nothing in it (`arn:aws:s3:::*`)."""
    return arn == "*" or (arn.startswith("arn:") and arn.split(":", 5)[-1] == "*")


def _harmless(action: str) -> bool:
    name = action.lower()
    verb = name.partition(":")[2]
    return name in _UNSCOPED or any(fnmatchcase(verb, pattern) for pattern in _READING)


def _allows(statement: Value) -> bool:
    return at(statement, "Effect") == "Allow"


def _statements(document: Value) -> Sequence[Value]:
    """The statements of a policy document, which is JSON text or a map; none while it is not known."""
    if isinstance(document, str):
        try:
            parsed: Any = json.loads(str.__str__(document))
        except ValueError:
            return ()
        document = plain(parsed, secret=isinstance(document, SecretText))
    found = at(document, "Statement")
    return found if is_list(found) else (found,)


IAM_NO_WILDCARDS = Rule(
    id="iam-no-wildcards",
    title="IAM policies name what they allow, and roles name who may take them.",
    severity="high",
    fix="policies follow from the spec's sections; a component names actions and ARNs",
    checks={
        "aws:iam/policy:Policy": _policy,
        "aws:iam/rolePolicy:RolePolicy": _policy,
        "aws:iam/userPolicy:UserPolicy": _policy,
        "aws:iam/groupPolicy:GroupPolicy": _policy,
        "aws:iam/role:Role": _role,
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
        "aws:iam/userPolicyAttachment:UserPolicyAttachment": _attachment,
    },
)
