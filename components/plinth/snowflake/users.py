"""Service users: one role each, signed in as the policies say, with keys that the program never sees."""

from collections.abc import Mapping

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake.maker import Maker
from plinth.snowflake.sign_in import SignIn
from plinth.spec.snowflake import Snowflake, SnowflakeUser
from plinth.spec.snowflake.references import KEY_ROTATOR

ROTATES = ["MODIFY PROGRAMMATIC AUTHENTICATION METHODS", "MONITOR"]
"""What replaces a user's keys needs on the user: to change them, and to see which there are."""


def warehouse_of(section: Snowflake, user: SnowflakeUser) -> str:
    """Warehouse of a user's sessions."""
    role = next(role for role in section.roles if role.name == user.role)
    return user.warehouse or role.warehouses[0]


def service_user(
    make: Maker,
    section: SnowflakeUser,
    *,
    sign_in: SignIn,
    role: pulumi.Output[str],
    warehouse: pulumi.Output[str],
) -> snowflake.ServiceUser:
    """A user that signs in with a key pair, from where the network policy says.

    Its public keys are put there and replaced by the rotation, so the program ignores what they are.
    """
    user = snowflake.ServiceUser(
        make.logical("user", section.name),
        name=section.name,
        default_role=role,
        # One role in every session: what another one may do is never added in silence.
        default_secondary_roles_option="NONE",
        default_warehouse=warehouse,
        network_policy=sign_in.network_policy,
        comment=make.comment,
        opts=make.options(snowflake.ServiceUser, ignore_changes=["rsaPublicKey", "rsaPublicKey2"]),
    )
    _give(make, section.name, user, role, sign_in.key_pair)
    return user


def rotator(
    make: Maker, users: Mapping[str, snowflake.ServiceUser], *, sign_in: SignIn, role_arn: pulumi.Input[str]
) -> list[pulumi.Resource]:
    """The user that replaces the others' keys. It is an IAM role, so it has no key that would have to be kept.

    Its role does not belong to SYSADMIN: who may change a key may become its user.
    """
    role = snowflake.AccountRole(
        make.logical("rotator", "role"),
        name=KEY_ROTATOR,
        comment=make.comment,
        opts=make.options(snowflake.AccountRole),
    )
    grants: list[pulumi.Resource] = [
        snowflake.GrantPrivilegesToAccountRole(
            make.logical("rotator", "rotates", name),
            account_role_name=role.name,
            privileges=ROTATES,
            on_account_object={"object_type": "USER", "object_name": user.name},
            opts=make.options(snowflake.GrantPrivilegesToAccountRole),
        )
        for name, user in users.items()
    ]
    user = snowflake.ServiceUser(
        make.logical("rotator"),
        name=KEY_ROTATOR,
        default_role=role.name,
        default_secondary_roles_option="NONE",
        default_workload_identity={"aws": {"arn": role_arn}},
        network_policy=sign_in.network_policy,
        comment=make.comment,
        opts=make.options(snowflake.ServiceUser),
    )
    return [*grants, *_give(make, "rotator", user, role.name, sign_in.workload_identity)]


def _give(
    make: Maker, name: str, user: snowflake.ServiceUser, role: pulumi.Output[str], policy: pulumi.Output[str]
) -> list[pulumi.Resource]:
    """Give a user its role, and put it under an authentication policy."""
    granted = snowflake.GrantAccountRole(
        make.logical("user", name, "role"),
        role_name=role,
        user_name=user.name,
        opts=make.options(snowflake.GrantAccountRole),
    )
    attached = snowflake.UserAuthenticationPolicyAttachment(
        make.logical("user", name, "authentication"),
        user_name=user.name,
        authentication_policy_name=policy,
        opts=make.options(snowflake.UserAuthenticationPolicyAttachment),
    )
    return [granted, attached]
