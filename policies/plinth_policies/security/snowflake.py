"""Rules on Snowflake: who may do what, and sign in from where."""

from collections.abc import Iterator

from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import UNKNOWN, absent, flag, shown, texts

_ADMINISTRATORS = frozenset({"ACCOUNTADMIN", "ORGADMIN", "SECURITYADMIN", "USERADMIN"})
"""Roles that can give themselves everything. SYSADMIN may inherit functional roles, and nobody gets it here either."""
_EVERYWHERE = "0.0.0.0/0"


def _role(grant: Resource) -> Iterator[Finding]:
    role = grant.get("roleName")
    if isinstance(role, str) and role.strip('"').upper() in _ADMINISTRATORS:
        what = f"roleName is {shown(role)}"
        yield Finding(what, "who has it can give itself every other right", "grant a role of snowflake.roles")


def _privileges(grant: Resource) -> Iterator[Finding]:
    if flag(grant.get("allPrivileges")):
        fix = "name the privileges; snowflake.roles[].reads, writes and builds give them level by level"
        yield Finding("allPrivileges is true", "it gives what nobody asked for, and what Snowflake adds later", fix)
    if flag(grant.get("withGrantOption")):
        fix = "leave it out: grants are the platform's, so that the spec says who has what"
        yield Finding("withGrantOption is true", "who has the privilege could hand it on, past any review", fix)


def _service(user: Resource) -> Iterator[Finding]:
    if absent(user.get("networkPolicy")):
        fix = "make the user in snowflake.users, which puts it under snowflake.network"
        yield Finding("networkPolicy is not set", "a key that leaks works from everywhere", fix)


def _password(user: Resource) -> Iterator[Finding]:
    if not absent(user.get("password")):
        fix = "people come through the identity provider, services have a key pair: use snowflake.users"
        yield Finding("password is set", "a password can be guessed, told and reused", fix)


def _sources(policy: Resource) -> Iterator[Finding]:
    for field in ("allowedIpLists", "valueLists"):
        value = policy.get(field)
        if value is not UNKNOWN and _EVERYWHERE in texts(value):
            fix = "name the ranges in snowflake.network.more_cidrs"
            yield Finding(f"{field} has 0.0.0.0/0", "a policy that admits everybody is none", fix)


SNOWFLAKE_LEAST_PRIVILEGE = Rule(
    id="snowflake-least-privilege",
    title="In Snowflake nobody administers, hands rights on, or signs in with a password or from anywhere.",
    severity="high",
    fix="snowflake.roles and snowflake.users",
    checks={
        "snowflake:index/grantAccountRole:GrantAccountRole": _role,
        "snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole": _privileges,
        "snowflake:index/grantPrivilegesToDatabaseRole:GrantPrivilegesToDatabaseRole": _privileges,
        "snowflake:index/serviceUser:ServiceUser": _service,
        "snowflake:index/user:User": _password,
        "snowflake:index/legacyServiceUser:LegacyServiceUser": _password,
        "snowflake:index/networkPolicy:NetworkPolicy": _sources,
        "snowflake:index/networkRule:NetworkRule": _sources,
    },
)
