"""Service users: how they sign in, from where, and where their keys are."""

import json

import pytest
from pulumi.runtime import rpc
from support import snowflakes
from support.recorder import record
from support.worlds import environment

from plinth.snowflake.previews import previews
from plinth_runtime.warehouse_keys.config import KeyRotation

USER = "snowflake:index/serviceUser:ServiceUser"
USERS = [
    {"name": "SEARCH_SERVICE", "role": "ANALYST", "tenant": "search"},
    {"name": "LOADER", "role": "INGEST", "rotate_days": 30},
]
LINK = {
    "service_name": "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718",
    "account_host": "acme-ai.privatelink.snowflakecomputing.com",
    "ocsp_host": "ocsp.acme-ai.privatelink.snowflakecomputing.com",
}


def build(stage="development", **changes):
    section = snowflakes.section(**{"users": USERS, "people": {}, **changes})
    return record(lambda: snowflakes.account(section, environment(stage)))


@pytest.fixture(scope="module")
def recorded():
    return build()


def user(recorded, name):
    return next(each for each in recorded.of(USER) if each.inputs["name"] == name)


def test_a_user_has_one_role_and_no_key_that_the_program_knows(recorded):
    search = user(recorded, "SEARCH_SERVICE")
    assert (search.inputs["defaultRole"], search.inputs["defaultWarehouse"]) == ("ANALYST", "BI_WH")
    assert search.inputs["defaultSecondaryRolesOption"] == "NONE"
    assert search.inputs["networkPolicy"] == "PLINTH_SERVICES"
    assert search.ignore_changes == ("rsaPublicKey", "rsaPublicKey2")
    given = {
        (grant.inputs["userName"], grant.inputs["roleName"])
        for grant in recorded.of("snowflake:index/grantAccountRole:GrantAccountRole")
        if "userName" in grant.inputs
    }
    rotator = ("PLINTH_KEY_ROTATOR", "PLINTH_KEY_ROTATOR")
    assert given == {("SEARCH_SERVICE", "ANALYST"), ("LOADER", "INGEST"), rotator}
    for resource in recorded.resources:
        assert "PRIVATE KEY" not in str(resource.inputs)
        assert not {"password", "rsaPublicKey", "rsaPublicKey2"} & resource.inputs.keys()


def test_users_sign_in_with_a_key_pair_and_the_rotator_with_its_iam_role(recorded):
    policies = {
        each.inputs["name"]: each.inputs
        for each in recorded.of("snowflake:index/authenticationPolicy:AuthenticationPolicy")
    }
    assert policies["KEY_PAIR_ONLY"]["authenticationMethods"] == ["KEYPAIR"]
    identity = policies["WORKLOAD_IDENTITY_ONLY"]
    assert identity["authenticationMethods"] == ["WORKLOAD_IDENTITY"]
    assert identity["workloadIdentityPolicy"] == {
        "allowedProviders": ["AWS"],
        "allowedAwsAccounts": ["123456789012"],
    }
    attached = recorded.of("snowflake:index/userAuthenticationPolicyAttachment:UserAuthenticationPolicyAttachment")
    assert {each.inputs["userName"] for each in attached} == {"SEARCH_SERVICE", "LOADER", "PLINTH_KEY_ROTATOR"}
    assert user(recorded, "PLINTH_KEY_ROTATOR").inputs["defaultWorkloadIdentity"].keys() == {"aws"}


def test_the_rotator_may_change_keys_and_nothing_else(recorded):
    direct = [
        grant.inputs
        for grant in recorded.of("snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole")
        if grant.inputs["accountRoleName"] == "PLINTH_KEY_ROTATOR"
    ]
    assert {grant["onAccountObject"]["objectType"] for grant in direct} == {"USER"}
    assert {grant["onAccountObject"]["objectName"] for grant in direct} == {"SEARCH_SERVICE", "LOADER"}
    assert {tuple(grant["privileges"]) for grant in direct} == {
        ("MODIFY PROGRAMMATIC AUTHENTICATION METHODS", "MONITOR")
    }
    # Who may change a key may become its user, so not even SYSADMIN inherits this role.
    parents = {
        grant.inputs.get("parentRoleName")
        for grant in recorded.of("snowflake:index/grantAccountRole:GrantAccountRole")
        if grant.inputs["roleName"] == "PLINTH_KEY_ROTATOR"
    }
    assert parents == {None}


def test_users_come_from_the_nat_gateways_and_from_what_is_named():
    found = build(network={"more_cidrs": ["198.51.100.0/24"]})
    rule = found.one("snowflake:index/networkRule:NetworkRule").inputs
    assert (rule["type"], rule["mode"]) == ("IPV4", "INGRESS")
    assert rule["valueLists"] == ["203.0.113.9/32"] * 3 + ["198.51.100.0/24"]


def test_through_private_link_the_endpoint_alone_is_admitted():
    found = build(network={"private_link": LINK})
    rule = found.one("snowflake:index/networkRule:NetworkRule").inputs
    endpoint = found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "snowflake-private-link-endpoint")
    assert (rule["type"], rule["valueLists"]) == ("AWSVPCEID", ["snowflake-private-link-endpoint-id"])
    assert endpoint.inputs["serviceName"] == LINK["service_name"]
    names = {each.inputs["name"] for each in found.of("aws:route53/record:Record")}
    assert names == {LINK["account_host"], LINK["ocsp_host"]}
    config = found.one("kubernetes:core/v1:ConfigMap", "snowflake-keys-config").inputs["data"]["rotation.json"]
    assert json.loads(config)["host"] == LINK["account_host"]


def test_a_policy_that_admits_everybody_is_refused():
    with pytest.raises(ValueError, match="must be /8 or narrower"):
        snowflakes.section(network={"more_cidrs": ["0.0.0.0/0"]})


def test_the_job_is_told_whose_keys_and_where_they_go(recorded):
    config = recorded.one("kubernetes:core/v1:ConfigMap", "snowflake-keys-config").inputs["data"]["rotation.json"]
    told = KeyRotation.model_validate_json(config)
    assert {each.user: (each.stored_as, each.rotate_days) for each in told.users} == {
        "SEARCH_SERVICE": ("plinth/dev/tenants/search/snowflake", 90),
        "LOADER": ("plinth/dev/snowflake/loader", 30),
    }
    names = {each.inputs["name"] for each in recorded.of("aws:secretsmanager/secret:Secret")}
    assert names == {each.stored_as for each in told.users}
    assert not recorded.of("aws:secretsmanager/secretVersion:SecretVersion")
    job = recorded.one("kubernetes:batch/v1:Job", "snowflake-keys-first")
    assert {"snowflake-rotator-rotates-loader", "snowflake-user-rotator-authentication"} <= job.depends_on


def test_people_have_sessions_that_end_only_where_asked_for(recorded):
    assert recorded.one("snowflake:index/sessionPolicy:SessionPolicy").inputs["sessionIdleTimeoutMins"] == 60
    passwords = recorded.one("snowflake:index/passwordPolicy:PasswordPolicy").inputs
    assert passwords["minLength"] == 16
    assert previews(snowflakes.section(people={})) == ["snowflake_account_password_policy_attachment_resource"]
    assert previews(snowflakes.section()) == []
    assert not build(people=None).of("snowflake:index/passwordPolicy:PasswordPolicy")


def test_everything_is_planned_before_anything_is_known():
    section = snowflakes.section(users=USERS, people={}, network={"private_link": LINK})
    whole = record(lambda: snowflakes.account(section, environment()))
    first = record(lambda: snowflakes.account(section, environment()), preview=True)
    assert first.identities == whole.identities
    assert user(first, "PLINTH_KEY_ROTATOR").inputs["defaultWorkloadIdentity"] in (
        {"aws": {"arn": rpc.UNKNOWN}},
        rpc.UNKNOWN,
    )


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([{"name": "A", "role": "NOBODY"}], "user A has role NOBODY, which is not one of"),
        ([{"name": "A", "role": "ANALYST", "warehouse": "ML_WH"}], "user A uses warehouse ML_WH, which is not one of"),
        ([{"name": "PLINTH_KEY_ROTATOR", "role": "ANALYST"}], "is the platform's own"),
        (
            [
                {"name": "A", "role": "ANALYST", "tenant": "search"},
                {"name": "B", "role": "ANALYST", "tenant": "search"},
            ],
            "users has two for tenant search",
        ),
    ],
)
def test_a_mistake_in_a_user_says_what_is_allowed(users, message):
    with pytest.raises(ValueError, match=message):
        snowflakes.section(users=users)
