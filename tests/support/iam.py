"""What is wrong with an IAM policy, held against what AWS publishes of actions, resources and conditions."""

import json
import re
from collections.abc import Container, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[1] / "components/security/iam_actions.json"
ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}
EFFECTS = {"Allow", "Deny"}

OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals(IgnoreCase)?|Like)|Arn(Not)?(Equals|Like)|(Not)?IpAddress|Bool"
    r"|(Numeric|Date)(Not)?Equals|(Numeric|Date)(Less|Greater)Than(Equals)?|BinaryEquals)(IfExists)?|Null"
)
"""Source: AWS Identity and Access Management User Guide, "IAM JSON policy elements: Condition operators"."""

OF_PRINCIPALS = {
    "saml:aud",
    "kms:viaservice",
    "kms:calleraccount",
    "kms:grantisforawsresource",
    "kms:encryptioncontextkeys",
}
"""Keys of conditions that are true of every action of their service, which the table lists with the actions alone."""


@cache
def table() -> dict[str, Any]:
    """Services by prefix."""
    return json.loads(TABLE.read_text())["services"]


def policies(value: object) -> Iterator[dict[str, Any]]:
    """Every policy document in the inputs of a resource: as text, or as it is."""
    if isinstance(value, str) and '"Statement"' in value:
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
            return
        for item in value.values():
            yield from policies(item)
    elif isinstance(value, list):
        for item in value:
            yield from policies(item)


def problems(policy: dict[str, Any], names: Container[str] = ()) -> Iterator[str]:
    """Everything that is wrong with a policy; one with principals is that of a resource, which `*` then stands for.

    `names` are logical names of recorded resources, whose ARNs are not of the shape that AWS gives them.
    """
    if policy.get("Version") != "2012-10-17":
        yield f"Version {policy.get('Version')}: 2012-10-17, or variables are not replaced"
    statements = _listed(policy["Statement"])
    named = [each["Sid"] for each in statements if "Sid" in each]
    if len(set(named)) != len(named):
        yield f"Sids are not unique: {named}"
    for number, statement in enumerate(statements):
        for problem in _statement(statement, names):
            yield f"{statement.get('Sid', number)}: {problem}"


def _statement(statement: dict[str, Any], names: Container[str]) -> Iterator[str]:
    if unknown := set(statement) - ELEMENTS:
        yield f"unknown elements {sorted(unknown)}"
    if statement.get("Effect") not in EFFECTS:
        yield f"Effect {statement.get('Effect')}"
    if "Sid" in statement and not re.fullmatch(r"[A-Za-z0-9]*", statement["Sid"]):
        yield "a Sid has letters and digits alone"
    if "NotAction" in statement and statement["Effect"] == "Allow":
        yield "NotAction allows what nobody has thought of"
    allowed = [action for action in _listed(statement.get("Action", [])) if statement["Effect"] == "Allow"]
    for action in _listed(statement.get("Action", [])):
        yield from _action(action)
    if "Principal" not in statement and "NotPrincipal" not in statement:
        for action in allowed:
            yield from _reach(action, statement, names)
    yield from _conditions(statement)


def _action(action: str) -> Iterator[str]:
    if action == "*":
        return
    prefix, _, name = action.partition(":")
    if prefix not in table():
        yield f"{action}: service {prefix} is not in {TABLE.name}; add it to tools/iam/extract.py"
    elif not matching(action):
        yield f"{action}: there is no such action"
    elif not re.fullmatch(r"[A-Za-z0-9*?]+", name):
        yield f"{action}: not the name of an action"


def matching(action: str) -> dict[str, list[str]]:
    """The actions that a pattern means, with the types of resource of each."""
    prefix, _, name = action.partition(":")
    actions = table().get(prefix, {}).get("actions", {})
    return {each: kinds for each, kinds in actions.items() if fnmatchcase(each.lower(), name.lower())}


def _reach(action: str, statement: dict[str, Any], names: Container[str]) -> Iterator[str]:
    """Allowed actions name the resources that they may be done to, or a condition does."""
    resources = _listed(statement.get("Resource", []))
    recorded = any(resource is None or _name(resource) in names for resource in resources)
    if action in ("*", "*:*"):
        yield "allows everything"
        return
    if action.endswith(":*"):
        yield f"{action}: allows everything of a service"
    for each, kinds in matching(action).items():
        if "*" in resources and kinds and "Condition" not in statement:
            yield f"{action}: on every resource, though {each} can be allowed on {', '.join(kinds)}"
        if (
            "*" not in resources
            and kinds
            and not recorded
            and not any(_is(resource, action, kinds) for resource in resources)
        ):
            yield f"{action}: none of {resources} is a {' or '.join(kinds)}"
        if "*" not in resources and not kinds:
            yield f"{action}: {each} knows no resources, so that this statement allows nothing; '*' is its resource"


def _name(arn: str) -> str:
    """The part of an ARN where the recorder puts a logical name."""
    return re.split(r"[:/]", arn.split(":", 5)[-1])[0]


def _is(resource: str, action: str, kinds: list[str]) -> bool:
    """Whether an ARN can be that of one of these types."""
    known = table()[action.partition(":")[0]]["resources"]
    return any(_fits(resource, known[kind]) for kind in kinds if kind in known)


def _fits(resource: str, template: str) -> bool:
    """Whether some resource has an ARN that both a pattern of ours and the template of its type mean."""
    given, wanted = resource.split(":", 5), re.sub(r"\$\{[^}]*\}", "*", template).split(":", 5)
    if len(given) < 6 or len(wanted) < 6:
        return True
    service = _meet(given[2], wanted[2])
    return service and _meet(given[5].replace("?", "*"), wanted[5])


@cache
def _meet(left: str, right: str) -> bool:
    """Whether two patterns have a word in common."""
    if not left or not right:
        return not (left or right).strip("*")
    if left[0] == "*":
        return _meet(left[1:], right) or _meet(left, right[1:])
    if right[0] == "*":
        return _meet(left, right[1:]) or _meet(left[1:], right)
    return left[0] == right[0] and _meet(left[1:], right[1:])


def _conditions(statement: dict[str, Any]) -> Iterator[str]:
    prefixes = {action.partition(":")[0] for action in _listed(statement.get("Action", []))}
    for operator, tests in statement.get("Condition", {}).items():
        if not OPERATOR.fullmatch(operator):
            yield f"{operator}: no operator of conditions"
        for key in tests:
            service = key.partition(":")[0]
            if service == "aws" or key.lower() in OF_PRINCIPALS or service not in table():
                continue
            if not any(_same_key(key, known) for known in table()[service]["conditions"]):
                yield f"{key}: {service} has no such key"
            elif service not in prefixes and "*" not in prefixes:
                yield f"{key}: a key of {service} in a statement about {sorted(prefixes)} is never true"


def _same_key(key: str, known: str) -> bool:
    pattern = re.sub(r"\$\{[^}]*\}|<[^>]*>", "*", known).lower()
    return fnmatchcase(key.lower(), pattern)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
