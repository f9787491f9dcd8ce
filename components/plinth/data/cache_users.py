"""Users of the cache: who signs in how, and which keys and commands are theirs. Pure.

Sources: Amazon ElastiCache user guide, "Role-Based Access Control (RBAC)", "Authenticating with IAM"; Valkey
documentation, "ACL".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from plinth.spec.environment import Environment

LONGEST_ID = 40
"""Characters that the id of a user may have."""

PLATFORM = "platform"
"""The user of the platform's own workloads."""

COMMANDS = "+@all -@admin -@dangerous"
"""Everything but what looks at or changes other users' keys or the server: KEYS, FLUSHALL, CONFIG, ACL and the like."""


@dataclass(frozen=True, slots=True)
class CacheUser:
    """A user of the cache."""

    who: str
    """`platform`, or the tenant."""

    id: str
    """Id and name, which IAM authentication wants to be the same."""

    key_prefix: str
    """Start of every key and channel that it may touch."""

    iam: bool
    """Whether it signs in with an IAM role; else with a password."""

    @property
    def access(self) -> str:
        """Access string, as Valkey's ACL writes it."""
        return f"on ~{self.key_prefix}* resetchannels &{self.key_prefix}* -@all {COMMANDS}"


def user_id(environment: Environment, who: str) -> str:
    """Id of a user, unique in an account and region; a name that is too long ends with a hash of itself."""
    name = f"plinth-{environment.name}-{who}"
    if len(name) <= LONGEST_ID:
        return name
    return f"{name[: LONGEST_ID - 9].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def key_prefix(who: str) -> str:
    """Start of a user's keys. No tenant is called `platform:`-anything, because names have no colon."""
    return f"{PLATFORM}:" if who == PLATFORM else f"tenant:{who}:"


def users(environment: Environment, tenants: Sequence[str]) -> list[CacheUser]:
    """Every user: the platform's own, and one for each tenant."""
    platform = CacheUser(PLATFORM, user_id(environment, PLATFORM), key_prefix(PLATFORM), iam=False)
    others = [CacheUser(who, user_id(environment, f"t-{who}"), key_prefix(who), iam=True) for who in tenants]
    return [platform, *others]
