"""The second region: whether its objectives can be reached, and whether the platform fits there."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from pydantic import ValidationError

from plinth.recovery import plan
from plinth.spec.cache import GLOBAL_FAMILIES
from plinth.spec.problem import Problem, SpecError

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


SECTIONS = (
    *("environment", "network", "security", "cluster", "gpu_pools", "storage", "postgres", "cache"),
    *("models", "remote_gpus", "gateway", "tenants", "laptop", "recovery"),
)
"""Sections that the other region's spec is made from."""


def objectives(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every objective is one that a mechanism of the platform reaches."""
    wanted = spec.recovery
    for field, (least, why) in plan.unreachable(spec).items():
        yield Problem(f"recovery.{field}", getattr(wanted, field), f"at least {least}: {why}")
    if wanted is not None and plan.choose_databases(wanted) == "global" and spec.postgres.min_acu == 0:
        allowed = "at least 0.5: these objectives take a global database, and none of its clusters can pause"
        yield Problem("postgres.min_acu", spec.postgres.min_acu, allowed)
    if wanted is not None and spec.graph and wanted.data_rpo_minutes < plan.HOURLY_RPO_MINUTES:
        allowed = f"at least {plan.HOURLY_RPO_MINUTES}: the graph reaches the other region as hourly backups"
        yield Problem("recovery.data_rpo_minutes", wanted.data_rpo_minutes, allowed)
    if wanted is not None and wanted.cache == "follow":
        yield from _followed_cache(spec)


def _followed_cache(spec: "PlatformSpec") -> Iterator[Problem]:
    """What a global datastore asks of a cache, and of the region that follows."""
    family = spec.cache.node_type.split(".")[1]
    if family not in GLOBAL_FAMILIES:
        allowed = f"a node type of {', '.join(GLOBAL_FAMILIES)}: others cannot have a global datastore"
        yield Problem("cache.node_type", spec.cache.node_type, allowed)
    if not spec.cache.replicas:
        yield Problem("cache.replicas", 0, "at least 1: a global datastore fails over between zones first")
    if plan.choose_standby(spec) == "rebuild":
        allowed = "refill: with this answers_rto_minutes nothing runs there that a cache could be of use to"
        yield Problem("recovery.cache", "follow", allowed)


def second_region(spec: "PlatformSpec") -> Iterator[Problem]:
    """The second region is another one, its network is apart from this one, and it holds the platform."""
    from plinth.recovery.standby import standby_spec  # it makes a spec, which these checks are part of

    wanted = spec.recovery
    if wanted is None:
        return
    if spec.laptop is not None:
        yield Problem("recovery", wanted.region, "absent on a laptop: it has one region")
        return
    if wanted.region == spec.environment.region:
        yield Problem("recovery.region", wanted.region, "another region than environment.region")
    if IPv4Network(wanted.cidr, strict=False).overlaps(IPv4Network(spec.network.cidr)):
        yield Problem("recovery.cidr", wanted.cidr, f"a network that does not overlap network.cidr {spec.network.cidr}")
    try:
        standby_spec(spec)
    except SpecError as error:
        for problem in error.problems:
            yield Problem(f"recovery.region: {problem.path}", problem.value, problem.allowed)
    except ValidationError as error:
        for found in error.errors():
            path = ".".join(str(part) for part in found["loc"])
            allowed = f"a region that can hold the platform: {path}: {found['msg']}"
            yield Problem("recovery.region", wanted.region, allowed)
