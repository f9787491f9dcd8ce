import json

import pulumi
import pytest
from support import recorder
from support.platforms import recorded_platform
from support.recorder import record
from support.worlds import environment as an_environment

from plinth.contract import PlatformContract, PlatformReference
from plinth.spec.environment import Environment

REFERENCE = "pulumi:pulumi:StackReference"


@pytest.fixture(scope="module")
def exported():
    recorded = recorded_platform("prod")
    assert not recorded.is_secret(recorded.result)
    return recorded.value(recorded.result)


def test_the_contract_says_what_team_stacks_need(exported):
    contract = PlatformContract.model_validate(exported)
    assert exported["schema"] == "plinth.platform/v1"
    assert contract.gateway.url == "http://gateway.plinth-system.svc.cluster.local:8080/v1"
    assert contract.gateway.routes == ["chat", "chat-large", "chat-support", "frontier", "bulk", "warehouse"]
    search = contract.tenants["search"]
    assert (search.namespace, search.routes) == ("tenant-search", ["chat", "chat-large"])
    assert search.key_stored_as == "plinth/prod/tenants/search/gateway-key"
    assert search.vectors_stored_as.startswith(search.folder)
    assert contract.vector.collections == ["documents", "tickets", "products"]
    assert contract.buckets.keys() == {"models", "datasets", "artifacts", "logs", "records", "cases"}
    keys = {name: contract.bucket_keys([name]) for name in contract.buckets}
    assert keys["logs"] == [contract.data_key_arn] != keys["cases"]
    assert contract.local_endpoint is None


def test_the_contract_holds_no_secret(exported):
    assert "canary" not in json.dumps(exported)


def test_a_newer_platform_does_not_break_an_older_team_stack(exported):
    newer = {**exported, "added": {"later": True}, "vector": {**exported["vector"], "port": 5432.0}}
    assert PlatformContract.model_validate(newer) == PlatformContract.model_validate(exported)


def refer(monkeypatch, document, environment: Environment, choose):
    monkeypatch.setitem(
        recorder.OUTPUTS, REFERENCE, lambda name: {"outputs": {"contract": document} if document else {}}
    )
    recorded = record(
        lambda: choose(PlatformReference("platform", stack="organization/plinth/prod", environment=environment)),
        project="search",
        stack="prod",
    )
    return recorded.value(recorded.result)


def own(**fields):
    facts = {"account_id": "777788889999", "region": "us-east-1", **fields}
    return an_environment("production", **facts)


def test_a_reference_gives_typed_facts(monkeypatch, exported):
    url = refer(monkeypatch, exported, own(), lambda platform: platform.get(lambda contract: contract.gateway.url))
    assert url == exported["gateway"]["url"]
    space = refer(
        monkeypatch, exported, own(), lambda platform: platform.tenant("search", lambda facts: facts.namespace)
    )
    assert space == "tenant-search"


@pytest.mark.parametrize(
    ("change", "tenant", "own_fields", "message"),
    [
        (None, "search", {}, r"has no output 'contract': bring the platform up first.*plinth up prod"),
        ({"schema": "plinth.platform/v2"}, "search", {}, r"is not plinth.platform/v1.*schema"),
        ({}, "sales", {}, r"has no tenant 'sales'; its tenants are: analytics, search, support"),
        ({}, "search", {"account_id": "111122223333"}, r"account_id is '111122223333' here, and '777788889999'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(monkeypatch, exported, change, tenant, own_fields, message):
    contract = None if change is None else {**exported, **change}
    with pytest.raises(pulumi.RunError, match=message):
        refer(
            monkeypatch,
            contract,
            own(**own_fields),
            lambda platform: platform.tenant(tenant, lambda facts: facts.folder),
        )
