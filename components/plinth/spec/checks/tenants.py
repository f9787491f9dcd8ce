"""Checks of what tenants ask of the platform."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def team_roles(spec: "PlatformSpec") -> Iterator[Problem]:
    """A role of people has one place: EKS knows one access entry for each principal."""
    taken = dict.fromkeys([spec.cluster.deployer_role, *spec.cluster.admin_roles], "the cluster section")
    for index, tenant in enumerate(spec.tenants):
        for number, role in enumerate(tenant.team_roles):
            path = f"tenants[{index}].team_roles[{number}]"
            if role in taken:
                yield Problem(path, role, f"a role that {taken[role]} does not have already: make one for each team")
            taken.setdefault(role, path)
