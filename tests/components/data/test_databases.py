"""Tenants' databases, through the whole platform."""

import json

import pytest
from support.platforms import recorded_platform
from support.worlds import document

from plinth.spec import SpecError, load_spec
from plinth.spec.postgres import Database
from plinth_runtime.postgres.config import DatabaseLogins, PostgresEndpoint


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_the_job_reads_exactly_what_the_runtime_understands(prod):
    config = prod.one("kubernetes:core/v1:ConfigMap", "databases-logins").inputs["data"]["logins.json"]
    wanted = DatabaseLogins.model_validate_json(config)
    assert [(item.name, item.owner, item.readers) for item in wanted.databases] == [
        ("tickets", "app_support", ["app_analytics"])
    ]
    job = prod.one("kubernetes:batch/v1:Job", "databases-job")
    assert {"databases-logins", "databases-credentials", "databases-wall", "postgres-instance-1"} <= job.depends_on


@pytest.mark.parametrize(("tenant", "login"), [("support", "app_support"), ("analytics", "app_analytics")])
def test_a_tenants_pods_sign_in_as_their_own_login_and_as_no_other(prod, tenant, login):
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", f"tenant-{tenant}-data-databases").inputs["policy"])
    assert policy["Statement"] == [
        {
            "Sid": "SignIn",
            "Effect": "Allow",
            "Action": ["rds-db:connect"],
            "Resource": [f"arn:aws:rds-db:us-east-1:777788889999:dbuser:cluster-ABC/{login}"],
        }
    ]
    files = prod.one("kubernetes:core/v1:ConfigMap", f"tenant-{tenant}-stores").inputs["data"]
    endpoint = PostgresEndpoint.model_validate_json(files["postgres-tickets.json"])
    assert (endpoint.database, endpoint.login.user, endpoint.port) == ("tickets", login, 5432)
    wall = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", f"tenant-{tenant}-aws").inputs["spec"]
    assert {port["port"] for rule in wall["egress"] for port in rule["ports"]} >= {443, 80, 5432}


def test_who_has_no_database_gets_no_way_to_one(prod):
    names = {item.name for item in prod.of("aws:iam/rolePolicy:RolePolicy")}
    assert "tenant-search-data-databases" not in names and "tenant-search-data-buckets" in names


def test_a_database_of_a_tenant_that_is_not_there_is_refused():
    bad = {**document("prod"), "postgres": {"databases": [{"name": "tickets", "tenant": "suport"}]}}
    with pytest.raises(SpecError, match=r"postgres.databases\[0\].tenant.*Did you mean 'support'"):
        load_spec(bad)


@pytest.mark.parametrize("fields", [{"name": "postgres"}, {"name": "x", "readers": ["support"]}])
def test_a_database_that_cannot_be_is_refused(fields):
    with pytest.raises(ValueError, match=r"another name|leave it out"):
        Database(tenant="support", **fields)
