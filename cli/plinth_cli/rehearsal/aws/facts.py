"""Facts about the account and region that a call runs in, and the few outputs that need a computation."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.package import Call
from plinth_cli.rehearsal.values import UNKNOWN, Props, reveal, unwrap

ACCOUNT: Final = "123456789012"
"""The account of a rehearsal, unless the provider is told `allowedAccountIds`. moto uses the same."""
REGION: Final = "us-east-1"

_DIRECTIONS = {
    "north": "n", "south": "s", "east": "e", "west": "w", "central": "c",
    "northeast": "ne", "southeast": "se", "northwest": "nw", "southwest": "sw",
}  # fmt: skip
_PORTS = {"aurora-mysql": 3306, "mysql": 3306, "mariadb": 3306, "sqlserver-se": 1433, "oracle-ee": 1521}


def account(config: Mapping[str, Any]) -> str:
    """The account that the provider instance works in."""
    allowed = cast("list[Any]", config.get("allowedAccountIds") or [])
    return str(allowed[0]) if allowed and allowed[0] is not UNKNOWN else ACCOUNT


def region(config: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The region of the resource: its own, or that of the provider instance."""
    for source in (inputs, config):
        name = reveal(source.get("region"))
        if isinstance(name, str) and name:
            return name
    return REGION


def partition(region_name: str) -> str:
    """The second part of ARNs in the region."""
    if region_name.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region_name.startswith("us-gov-") else "aws"


def region_code(region_name: str) -> str:
    """`eu-central-1` -> `euc1`, as in availability zone ids."""
    area, *middle, number = region_name.split("-")
    return area + "".join(_DIRECTIONS.get(part, part[:1]) for part in middle) + number


def of(call: Call, inputs: Props) -> dict[str, Any]:
    """The facts that templates of the AWS tables can name. What needs work is a function, called when it is named."""
    name = region(call.config, inputs)
    mod, _, kind = call.urn.type.split(":")[1].partition("/")
    known: dict[str, Any] = {
        "region": name,
        "region_code": region_code(name),
        "account": account(call.config),
        "partition": partition(name),
        "service": mod,
        "kind": kind,
    }
    lazy: dict[str, Callable[[], Any]] = {
        "path": lambda: inputs.get("path") or "/",
        "slash_name": lambda: _slashed(inputs.get("name")),
        "issuer": lambda: _without_scheme(inputs.get("url")),
        "port": lambda: inputs.get("port") or _PORTS.get(str(reveal(inputs.get("engine"))), 5432),
        "certificate": lambda: base64.b64encode(f"rehearsal certificate of {call.urn.name}\n".encode()).decode(),
        "master_user_secrets": lambda: _master_user_secrets(call, inputs, known),
        "target_key_arn": lambda: _key_arn(inputs.get("targetKeyId"), known),
    }
    return {**known, **lazy}


def _slashed(name: Any) -> Any:
    plain = reveal(name)
    return plain if not isinstance(plain, str) or plain.startswith("/") else f"/{plain}"


def _without_scheme(url: Any) -> Any:
    plain = reveal(url)
    return plain.removeprefix("https://") if isinstance(plain, str) else plain


def _key_arn(key: Any, known: Mapping[str, Any]) -> Any:
    plain = reveal(key)
    if not isinstance(plain, str) or plain.startswith("arn:"):
        return plain
    return f"arn:{known['partition']}:kms:{known['region']}:{known['account']}:key/{plain}"


def _master_user_secrets(call: Call, inputs: Props, known: Mapping[str, Any]) -> list[Any]:
    """The secret that RDS makes when it is asked to manage the master password (Amazon RDS User Guide)."""
    if not inputs.get("manageMasterUserPassword"):
        return []
    digest = call.digest("master user secret")
    kind = "cluster" if call.urn.type.endswith(":Cluster") else "db"
    name = f"rds!{kind}-{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    prefix = f"arn:{known['partition']}:secretsmanager:{known['region']}:{known['account']}"
    key = (
        inputs.get("masterUserSecretKmsKeyId")
        or f"arn:{known['partition']}:kms:{known['region']}:{known['account']}:key/{digest[:8]}"
    )
    return [{"kmsKeyId": key, "secretArn": f"{prefix}:secret:{name}-{digest[-6:]}", "secretStatus": "active"}]


def all_tags(call: Call, inputs: Props) -> Any:
    """The tags of the resource over the default tags of the provider."""
    wanted: Any = cast("Mapping[str, Any]", call.config.get("defaultTags") or {}).get("tags") or {}
    tags: Any = unwrap(inputs.get("tags")) or {}
    if wanted is UNKNOWN or tags is UNKNOWN:
        return UNKNOWN
    return {**cast("Mapping[str, Any]", wanted), **cast("Mapping[str, Any]", tags)}
