"""The shapes that ids and ARNs of AWS have in common, as templates (see `templates`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Assigned = tuple[str, Mapping[str, Any]]
"""Template of the id, and templates of outputs by property path."""

TIME: Final = "2026-01-01T00:00:00Z"
"""A rehearsal's resources have no meaningful age; a constant keeps refreshes quiet."""


def arn(service: str, resource: str, *, region: str = "{region}", account: str = "{account}") -> str:
    """An ARN; S3 has neither region nor account in it, IAM no region."""
    return f"arn:{{partition}}:{service}:{region}:{account}:{resource}"


def ec2(kind: str, prefix: str, **outputs: Any) -> Assigned:
    """EC2's resources: an id such as vpc-0123456789abcdef0, and an ARN with it."""
    return f"{prefix}-{{hex17}}", {"arn": arn("ec2", f"{kind}/{{id}}"), "ownerId": "{account}", **outputs}


def named(service: str, resource: str, **outputs: Any) -> Assigned:
    """A resource whose id is its name."""
    return "{name}", {"arn": arn(service, resource), **outputs}


def by_arn(arn: str, **outputs: Any) -> Assigned:
    """A resource whose id is its ARN."""
    return arn, {"arn": "{id}", **outputs}
