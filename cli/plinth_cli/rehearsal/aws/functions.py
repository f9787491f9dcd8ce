"""Answers to the functions of pulumi-aws that programs use; the rest is answered from the types of the SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.aws import facts
from plinth_cli.rehearsal.package import Call
from plinth_cli.rehearsal.sdk import Function
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, has_secret, has_unknown, reveal

_ZONES = "abc"
_SERVICE_DOMAINS = {"aws-cn": "amazonaws.com.cn"}


def _region(call: Call, args: Props) -> Props:
    name = reveal(args.get("name")) or facts.region(call.config, args)
    return {"id": name, "name": name, "region": name, "description": name, "endpoint": f"ec2.{name}.amazonaws.com"}


def _caller_identity(call: Call, args: Props) -> Props:
    account = facts.account(call.config)
    where = facts.partition(facts.region(call.config, args))
    return {
        "id": account,
        "accountId": account,
        "arn": f"arn:{where}:iam::{account}:user/rehearsal",
        "userId": "AIDAREHEARSAL0000000",
    }


def _partition(call: Call, args: Props) -> Props:
    name = facts.partition(facts.region(call.config, args))
    suffix = _SERVICE_DOMAINS.get(name, "amazonaws.com")
    return {
        "id": name,
        "partition": name,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _availability_zones(call: Call, args: Props) -> Props:
    region = facts.region(call.config, args)
    code = facts.region_code(region)
    zones = [(f"{region}{letter}", f"{code}-az{number}") for number, letter in enumerate(_ZONES, 1)]
    excluded = {
        *cast("list[str]", args.get("excludeNames") or []),
        *cast("list[str]", args.get("excludeZoneIds") or []),
    }
    kept = [zone for zone in zones if excluded.isdisjoint(zone)]
    return {
        "id": region,
        "region": region,
        "names": [name for name, _ in kept],
        "zoneIds": [zone_id for _, zone_id in kept],
        "groupNames": [region],
    }


def _availability_zone(call: Call, args: Props) -> Props:
    region = facts.region(call.config, args)
    name = args.get("name") or f"{region}a"
    letter = str(name)[-1]
    number = _ZONES.index(letter) + 1 if letter in _ZONES else 1
    return {
        "id": name, "name": name, "nameSuffix": letter, "region": region, "state": "available",
        "zoneId": f"{facts.region_code(region)}-az{number}",
    }  # fmt: skip


def _policy_document(call: Call, args: Props) -> Props:
    if has_unknown(args):
        return {"id": UNKNOWN, "json": UNKNOWN, "minifiedJson": UNKNOWN}
    plain = cast("dict[str, Any]", reveal(args))
    document: dict[str, Any] = {"Version": plain.get("version", "2012-10-17")}
    if plain.get("policyId"):
        document["Id"] = plain["policyId"]
    statements = [statement for text in _texts(plain, "source") for statement in _statements_of(text)]
    statements += [_statement(given) for given in cast("list[dict[str, Any]]", plain.get("statements") or [])]
    for text in _texts(plain, "override"):
        for override in _statements_of(text):
            statements = [old for old in statements if not old.get("Sid") or old.get("Sid") != override.get("Sid")]
            statements.append(override)
    document["Statement"] = statements
    pretty, small = json.dumps(document, indent=2), json.dumps(document, separators=(",", ":"))
    id = call.digest(small)[:10]
    if has_secret(args):
        return {"id": id, "json": Secret(pretty), "minifiedJson": Secret(small)}
    return {"id": id, "json": pretty, "minifiedJson": small}


def _texts(args: Mapping[str, Any], kind: str) -> list[str]:
    """The documents that the result begins with (`source`) or is changed by (`override`)."""
    many = cast("list[str]", args.get(f"{kind}PolicyDocuments") or [])
    return [text for text in (args.get(f"{kind}Json"), *many) if text]


def _statements_of(text: str) -> list[dict[str, Any]]:
    found = json.loads(text).get("Statement", [])
    return cast("list[dict[str, Any]]", found if isinstance(found, list) else [found])


def _statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    """One statement in the form of the provider: single values bare, principals by type, conditions by test."""
    made: dict[str, Any] = {"Sid": statement["sid"]} if statement.get("sid") else {}
    made["Effect"] = statement.get("effect") or "Allow"
    for name in ("actions", "notActions", "resources", "notResources"):
        if statement.get(name):
            made[name[0].upper() + name[1:-1]] = _bare(statement[name])
    for name in ("principals", "notPrincipals"):
        if statement.get(name):
            made[name[0].upper() + name[1:-1]] = _principals(statement[name])
    conditions: dict[str, dict[str, Any]] = {}
    for condition in cast("list[dict[str, Any]]", statement.get("conditions") or []):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = _bare(condition["values"])
    return {**made, "Condition": conditions} if conditions else made


def _principals(principals: list[Mapping[str, Any]]) -> Any:
    if any(principal["type"] == "*" for principal in principals):
        return "*"
    by_type: dict[str, list[str]] = {}
    for principal in principals:
        by_type.setdefault(principal["type"], []).extend(principal["identifiers"])
    return {kind: _bare(identifiers) for kind, identifiers in by_type.items()}


def _bare(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else sorted(items)


def _parameter(call: Call, args: Props) -> Props:
    """Public parameters name AMIs; a rehearsal's cloud has none, so each name has its own made-up one."""
    value = f"ami-{call.digest(str(reveal(args.get('name'))))[:17]}"
    region, account = facts.region(call.config, args), facts.account(call.config)
    return {
        "id": args["name"],
        "arn": f"arn:{facts.partition(region)}:ssm:{region}:{account}:parameter{args['name']}",
        "value": Secret(value),
        "insecureValue": value,
        "type": "String",
        "version": 1,
    }


def _ami(call: Call, args: Props) -> Props:
    id = f"ami-{call.digest(json.dumps(reveal(args), default=str, sort_keys=True))[:17]}"
    return {"id": id, "imageId": id, "architecture": "x86_64", "state": "available", "rootDeviceName": "/dev/xvda"}


def _secret_version(call: Call, args: Props) -> Props:
    """A secret that the program did not make: it exists in the real account, and here stands an empty object for it."""
    return {
        "id": f"{args['secretId']}|AWSCURRENT",
        "arn": args["secretId"],
        "secretString": Secret("{}"),
        "versionStages": ["AWSCURRENT"],
    }


def _eks_cluster(call: Call, args: Props) -> Props:
    """A cluster that the program did not make: here stands one of the right shape for it."""
    name, region = str(args["name"]), facts.region(call.config, args)
    digest = call.digest(name)
    owner = f"{facts.partition(region)}:eks:{region}:{facts.account(call.config)}"
    return {
        "id": name,
        "name": name,
        "arn": f"arn:{owner}:cluster/{name}",
        "endpoint": f"https://{digest[:32].upper()}.gr7.{region}.eks.amazonaws.com",
        "certificateAuthorities": [{"data": base64.b64encode(digest.encode()).decode()}],
        "vpcConfig": {"clusterSecurityGroupId": f"sg-{digest[:17]}", "endpointPrivateAccess": True},
        "accessConfigs": [{"authenticationMode": "API"}],
        "status": "ACTIVE",
    }


FUNCTIONS: Final[Mapping[str, Function]] = {
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getAvailabilityZone:getAvailabilityZone": _availability_zone,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:ec2/getAmi:getAmi": _ami,
    "aws:eks/getCluster:getCluster": _eks_cluster,
    "aws:secretsmanager/getSecretVersion:getSecretVersion": _secret_version,
}
