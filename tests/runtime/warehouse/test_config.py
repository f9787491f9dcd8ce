"""What the platform program renders about the warehouse, and what it refuses."""

import json

import pytest
from pydantic import ValidationError

from plinth_runtime.warehouse.config import (
    CacheLimits,
    EmbeddedWarehouse,
    QueryTags,
    SnowflakeConnection,
    WarehouseConfig,
    WorkloadWarehouses,
)

ACCOUNT = {
    "kind": "snowflake",
    "account": "ACME-AI_PROD",
    "user": "PLINTH_SEARCH",
    "role": "SEARCH_READER",
    "keys": [{"file": "/etc/plinth/snowflake/key.p8", "passphrase_file": "/etc/plinth/snowflake/passphrase"}],
    "database": "ANALYTICS",
    "warehouses": {"applications": {"normal": "APPS", "urgent": "APPS_URGENT"}, "bi": {"normal": "BI"}},
}


def parsed(endpoint):
    return WarehouseConfig.model_validate_json(json.dumps({"endpoint": endpoint})).endpoint


def test_the_union_is_told_apart_by_kind_and_survives_a_round_trip():
    account = parsed(ACCOUNT)
    assert isinstance(account, SnowflakeConnection)
    emulator = parsed({"kind": "embedded", "port": 8084, "database": "ANALYTICS"})
    assert isinstance(emulator, EmbeddedWarehouse)
    for endpoint in (account, emulator):
        assert parsed(json.loads(endpoint.model_dump_json())) == endpoint


def test_the_servers_name_follows_from_the_account_unless_it_is_given():
    assert parsed(ACCOUNT).server == "acme-ai-prod.snowflakecomputing.com"
    private = "acme-ai-prod.privatelink.snowflakecomputing.com"
    assert parsed(ACCOUNT | {"host": private}).server == private


def test_an_urgency_without_a_warehouse_of_its_own_takes_the_normal_one():
    choice = WorkloadWarehouses(normal="APPS", urgent="APPS_URGENT")
    assert [choice.of(urgency) for urgency in ("background", "normal", "urgent")] == ["APPS", "APPS", "APPS_URGENT"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "xy12345"},
        {"host": "https://acme.snowflakecomputing.com"},
        {"user": "search; DROP TABLE x"},
        {"database": 'A"; DROP DATABASE B; --'},
        {"keys": []},
        {"keys": [{"file": "key.p8"}]},
        {"warehouses": {}},
        {"warehouses": {"lunch": {"normal": "APPS"}}},
        {"password": "secret"},
    ],
)
def test_what_is_wrong_is_refused(wrong):
    with pytest.raises(ValidationError):
        parsed(ACCOUNT | wrong)


def test_the_emulator_is_only_ever_on_this_machine():
    with pytest.raises(ValidationError):
        parsed({"kind": "embedded", "host": "10.0.0.1", "port": 8084, "database": "ANALYTICS"})


def test_a_query_tag_has_each_key_once():
    with pytest.raises(ValidationError, match="the query tag has tenant more than once"):
        QueryTags(always={"tenant": "search"})


def test_one_result_cannot_be_larger_than_the_cache():
    with pytest.raises(ValidationError, match="max_entry_bytes 4096 is more than max_bytes 2048"):
        CacheLimits(max_bytes=2048, max_entry_bytes=4096)
