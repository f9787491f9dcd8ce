import gc
import json
import logging
import re
import runpy

import pulumi
import pytest
import yaml
from support import recorder
from support.platforms import recorded_platform
from support.recorder import record
from support.worlds import ROOT

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.tenant_routes import TenantRoute, merge
from plinth_runtime.vector_declared import DeclaredStores, Wanted, understand
from plinth_runtime.vector_schema import VectorSchema

STACK = ROOT / "stacks/search"
SECRET = "aws:secretsmanager/secret:Secret"
REFERENCE = "pulumi:pulumi:StackReference"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """One failing fact fails every Output made from it; asyncio tells of each that nobody else asked for."""
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)
    yield
    gc.collect()


def configuration(environment):
    return yaml.safe_load((STACK / f"Pulumi.{environment}.yaml").read_text())["config"]["search:team"]


def run(monkeypatch, environment, document=None, *, preview=False):
    platform = recorded_platform(environment)
    contract = platform.value(platform.result)
    monkeypatch.setitem(recorder.OUTPUTS, REFERENCE, lambda name: {"outputs": {"contract": contract}})
    pulumi.runtime.set_config("search:team", json.dumps(document or configuration(environment)))
    program = lambda: runpy.run_path(str(STACK / "__main__.py"), run_name="__main__")  # noqa: E731
    return record(program, project="search", stack=environment, preview=preview)


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_identities_are_the_same_everywhere_and_in_a_preview(monkeypatch, environment):
    recorded = run(monkeypatch, environment)
    names = {(resource.type.rpartition(":")[2], resource.name) for resource in recorded.resources}
    assert names == {
        ("aws", "aws"),
        ("random", "random"),
        ("kubernetes", "kubernetes"),
        ("ModelRoute", "route-answers"),
        ("Secret", "route-answers-document"),
        ("SecretVersion", "route-answers-document-value"),
        ("VectorCollection", "collection-passages"),
        ("ConfigMap", "collection-passages-schema"),
        ("ExternalSecret", "collection-passages-credentials"),
        ("NetworkPolicy", "collection-passages-wall"),
        ("ServiceAccount", "collection-passages-account"),
        ("Job", "collection-passages-job"),
    }
    assert run(monkeypatch, environment, preview=True).identities == recorded.identities


def test_the_route_is_one_that_the_platforms_gateway_takes(monkeypatch):
    recorded = run(monkeypatch, "prod")
    assert (
        recorded.one("aws:secretsmanager/secret:Secret").inputs["name"] == "plinth/prod/tenants/search/routes/answers"
    )
    text = recorded.one("aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"]
    assert TenantRoute.model_validate_json(text).name == "answers"
    platform = recorded_platform("prod").one("kubernetes:core/v1:ConfigMap", "gateway-config").inputs["data"]
    merged = merge(RuntimeConfig.model_validate_json(platform["runtime.json"]), {"search.answers.json": text})
    assert merged.refused == ()
    assert "search/answers" in [route.name for route in merged.config.routes]


def test_the_collection_is_made_by_the_tenant_in_its_own_schema(monkeypatch):
    recorded = run(monkeypatch, "prod")
    for resource in recorded.resources:
        if resource.type.startswith("kubernetes:"):
            assert resource.inputs["metadata"]["namespace"] == "tenant-search", resource.name
    schema = VectorSchema.model_validate_json(
        recorded.one("kubernetes:core/v1:ConfigMap").inputs["data"]["schema.json"]
    )
    assert [(c.name, c.dimensions) for c in schema.collections] == [("passages", 1024)]
    assert schema.tenants == []
    login = recorded.one("kubernetes:external-secrets.io/v1:ExternalSecret").inputs["spec"]
    assert login["secretStoreRef"]["name"] == "tenant-search"
    made = recorded_platform("prod").one(SECRET, "vector-login-search-secret").inputs["name"]
    assert {item["remoteRef"]["key"] for item in login["data"]} == {made}
    pod = recorded.one("kubernetes:batch/v1:Job").inputs["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["credentials"]["secret"]["secretName"] == login["target"]["name"]


def test_resources_are_tagged_with_team_and_tenant(monkeypatch):
    tags = json.loads(run(monkeypatch, "dev").one("pulumi:providers:aws").inputs["defaultTags"])["tags"]
    assert (tags["owner"], tags["cost-center"], tags["tenant"]) == ("search", "CC-2100", "search")


def changed(**changes):
    return {**configuration("dev"), **changes}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            changed(routes=[{"name": "a1", "shares": [{"route": "frontier"}]}]),
            r"may not call frontier; it may call chat",
        ),
        (changed(tenant="sales"), r"has no tenant 'sales'"),
        (changed(tenants="search"), r"(?s)Pulumi.dev.yaml \(search:team\).*Did you mean 'tenant'\?"),
        (
            changed(environment=configuration("prod")["environment"]),
            r"environment.name is 'prod', but the stack is 'dev'",
        ),
        (
            changed(environment={**configuration("dev")["environment"], "account_id": "999999999999"}),
            r"account_id is '999999999999' here, and '111122223333' in the platform organization/plinth/dev",
        ),
    ],
)
def test_mistakes_are_said_in_words(monkeypatch, document, message):
    with pytest.raises(pulumi.RunError, match=message):
        run(monkeypatch, "dev", document)


def with_collection(environment, **fields):
    collection = {"name": "transcripts", "dimensions": 1024, **fields}
    return {**configuration(environment), "routes": [], "collections": [collection]}


def test_a_collection_in_another_store_is_a_document_that_the_platform_takes(monkeypatch):
    recorded = run(monkeypatch, "prod", with_collection("prod", store="lake"))
    assert recorded.of("kubernetes:batch/v1:Job") == [], "the team holds no credential of the store"
    name = recorded.one(SECRET).inputs["name"]
    text = recorded.one("aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"]
    platform = recorded_platform("prod")
    data = platform.one("kubernetes:core/v1:ConfigMap", "vector-declared-config").inputs["data"]["stores.json"]
    found = platform.one("kubernetes:external-secrets.io/v1:ExternalSecret", "vector-declared-documents").inputs
    pattern = found["spec"]["dataFrom"][0]["find"]["name"]["regexp"]
    file = re.sub(pattern, r"\1.\2.json", name)
    (wanted,) = understand(DeclaredStores.model_validate_json(data), {file: text})
    assert isinstance(wanted, Wanted), wanted
    assert (wanted.tenant, wanted.store, wanted.collection.name) == ("search", "lake", "search__transcripts")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"store": "laek"}, r"has no store 'laek' beside PostgreSQL; it has: lake"),
        ({"store": "relational"}, r"no store 'relational' beside PostgreSQL"),
        ({"store": "lake", "dimensions": 5000}, r"dimensions 5000 is not allowed: at most 4,096 in S3 Vectors"),
        ({"store": "lake", "name": "t" * 60}, r"name is too long"),
        ({"dimensions": 5000}, r"dimensions 5000 is not allowed: at most 2,000 in pgvector"),
    ],
)
def test_a_collection_that_no_store_takes_is_refused(monkeypatch, fields, message):
    with pytest.raises(pulumi.RunError, match=message):
        run(monkeypatch, "prod", with_collection("prod", **fields))
