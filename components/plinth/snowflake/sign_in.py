"""Who may sign in how and from where: policies and network rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_snowflake as snowflake

from plinth.snowflake.governance import SECURITY, Governance
from plinth.snowflake.maker import Maker
from plinth.spec.snowflake import SnowflakePeople


@dataclass(frozen=True, slots=True)
class SignIn:
    """What service users are put under."""

    network_policy: pulumi.Output[str]
    """Name of the network policy."""
    key_pair: pulumi.Output[str]
    """Authentication policy of users that sign in with a key pair."""
    workload_identity: pulumi.Output[str]
    """Authentication policy of the user that signs in with an IAM role."""


def sign_in(
    make: Maker,
    place: Governance,
    *,
    sources: Sequence[pulumi.Input[str]],
    endpoint: pulumi.Input[str] | None,
    account_id: str,
) -> SignIn:
    """The policies of service users.

    Args:
        make: their parent.
        place: where they are kept.
        sources: public ranges that may come in.
        endpoint: VPC endpoint of PrivateLink that may come in.
        account_id: the only AWS account whose roles are workload identities.
    """
    schema = place.schemas[SECURITY]

    def rule(suffix: str, kind: str, values: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
        return snowflake.NetworkRule(
            make.logical("network-rule", suffix),
            name=f"PLINTH_{suffix.upper()}",
            database=place.database,
            schema=schema,
            type=kind,
            mode="INGRESS",
            value_lists=list(values),
            comment=make.comment,
            opts=make.options(snowflake.NetworkRule),
        ).fully_qualified_name

    rules = [rule("sources", "IPV4", sources)] if sources else []
    rules += [rule("endpoints", "AWSVPCEID", [endpoint])] if endpoint is not None else []
    policy = snowflake.NetworkPolicy(
        make.logical("network-policy"),
        name="PLINTH_SERVICES",
        allowed_network_rule_lists=rules,
        comment=make.comment,
        opts=make.options(snowflake.NetworkPolicy),
    )
    return SignIn(
        policy.name,
        _authentication(make, place, "KEY_PAIR_ONLY", ["KEYPAIR"]),
        _authentication(make, place, "WORKLOAD_IDENTITY_ONLY", ["WORKLOAD_IDENTITY"], account_id),
    )


def _authentication(
    make: Maker, place: Governance, name: str, methods: list[str], account_id: str | None = None
) -> pulumi.Output[str]:
    identities: snowflake.AuthenticationPolicyWorkloadIdentityPolicyArgsDict | None = None
    if account_id:
        identities = {"allowed_providers": ["AWS"], "allowed_aws_accounts": [account_id]}
    return snowflake.AuthenticationPolicy(
        make.logical("authentication", name),
        name=name,
        database=place.database,
        schema=place.schemas[SECURITY],
        authentication_methods=methods,
        client_types=["DRIVERS"],
        workload_identity_policy=identities,
        comment=make.comment,
        opts=make.options(snowflake.AuthenticationPolicy),
    ).fully_qualified_name


def people(make: Maker, place: Governance, section: SnowflakePeople) -> None:
    """What holds for everybody who signs in as a person, in the whole account."""
    sessions = snowflake.SessionPolicy(
        make.logical("people", "sessions"),
        name="PEOPLE_SESSIONS",
        database=place.database,
        schema=place.schemas[SECURITY],
        session_idle_timeout_mins=section.idle_minutes,
        session_ui_idle_timeout_mins=section.idle_ui_minutes,
        comment=make.comment,
        opts=make.options(snowflake.SessionPolicy),
    )
    snowflake.AccountSessionPolicyAttachment(
        make.logical("people", "sessions", "attached"),
        session_policy_name=sessions.fully_qualified_name,
        for_all_person_users=True,
        opts=make.options(snowflake.AccountSessionPolicyAttachment),
    )
    passwords = snowflake.PasswordPolicy(
        make.logical("people", "passwords"),
        name="PEOPLE_PASSWORDS",
        database=place.database,
        schema=place.schemas[SECURITY],
        min_length=section.password_length,
        max_retries=section.password_retries,
        lockout_time_mins=section.lockout_minutes,
        # Length protects, and forced changes make people choose worse ones (NIST SP 800-63B).
        max_age_days=0,
        history=5,
        comment=make.comment,
        opts=make.options(snowflake.PasswordPolicy),
    )
    snowflake.AccountPasswordPolicyAttachment(
        make.logical("people", "passwords", "attached"),
        password_policy=passwords.fully_qualified_name,
        opts=make.options(snowflake.AccountPasswordPolicyAttachment),
    )
