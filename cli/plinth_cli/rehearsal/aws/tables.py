"""What AWS assigns: ids, ARNs, endpoints and other outputs of the resource types that platforms use.

Shapes follow the AWS documentation (for ARNs, "Actions, resources, and condition keys"). A type without a row still
works: the SDK's types and the patterns at the end give its outputs.
"""

from __future__ import annotations

from typing import Any, Final

from plinth_cli.rehearsal.aws.data import DATA
from plinth_cli.rehearsal.aws.infrastructure import COMPUTE, NETWORK
from plinth_cli.rehearsal.aws.names import NAMES
from plinth_cli.rehearsal.aws.real import REAL
from plinth_cli.rehearsal.aws.security import SECURITY
from plinth_cli.rehearsal.aws.shapes import TIME, arn
from plinth_cli.rehearsal.immutable import AWS, AWS_ALWAYS
from plinth_cli.rehearsal.sdk import Row

PATTERNS: Final[tuple[tuple[str, Any], ...]] = (
    (r"^region$", "{region}"),
    (r"^arn$", arn("{service}", "{kind}/{id}")),
    (r"^(ownerId|accountId|registryId|owner)$", "{account}"),
    (r"^vpcId$", "vpc-{hex17.vpc}"),
    (r"[aA]rn$", arn("{service}", "{kind}/{hex17}")),
    (r"(At|Date|Time)$", TIME),
    (r"^(status|state)$", "ACTIVE"),
    (r"(^e|E)ndpoint(Address)?$", "{name}.{hex12}.{region}.amazonaws.com"),
    (r"^(dns|domain)Name$", "{name}.{region}.amazonaws.com"),
)
"""Strings that every type has in common, by the last name of their path."""

ROWS: Final[dict[str, Row]] = {
    f"aws:{token}": Row(
        id=id,
        outputs=outputs,
        immutable=(*AWS.get(token, "").split(), *AWS_ALWAYS),
        name=NAMES.get(f"aws:{token}"),
    )
    for token, (id, outputs) in {**NETWORK, **COMPUTE, **DATA, **SECURITY, **REAL}.items()
}
for _token in AWS.keys() | {token.removeprefix("aws:") for token in NAMES}:
    ROWS.setdefault(
        f"aws:{_token}", Row(immutable=(*AWS.get(_token, "").split(), *AWS_ALWAYS), name=NAMES.get(f"aws:{_token}"))
    )
