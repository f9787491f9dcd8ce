"""Checks on Snowflake: service users belong to tenants that exist, and can sign in from somewhere."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def service_users(spec: "PlatformSpec") -> Iterator[Problem]:
    """Tenants and buckets that are named exist; in an existing VPC, somebody says where users come from."""
    if spec.snowflake is None:
        return
    tenants = [tenant.name for tenant in spec.tenants]
    for index, user in enumerate(spec.snowflake.users):
        if user.tenant:
            yield from one_of(f"snowflake.users[{index}].tenant", user.tenant, tenants, "tenants")
    buckets = [bucket.name for bucket in spec.storage.buckets]
    for index, stage in enumerate(spec.snowflake.stages):
        yield from one_of(f"snowflake.stages[{index}].bucket", stage.bucket, buckets, "buckets")
    network = spec.snowflake.network
    if spec.snowflake.users and spec.network.existing and not (network.more_cidrs or network.private_link):
        allowed = (
            "the public addresses that the existing VPC goes out with, or private_link beside it: else no service user"
            " could sign in"
        )
        yield Problem("snowflake.network.more_cidrs", [], allowed)
