"""Data classes: what the spec refuses, and that it says why."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.worlds import document

from plinth.recovery.standby import standby_spec
from plinth.spec import SpecError, load_spec

REGIONS = ["us-east-1", "us-west-2"]


def strict() -> dict[str, Any]:
    """The production environment, with every store to be named."""
    made = deepcopy(document("prod"))
    del made["governance"]["holdings"]["others"]
    known = {"buckets": made["storage"]["buckets"], "collections": made["vector"]["collections"]}
    for kind, entries in known.items():
        for entry in entries:
            made["governance"]["holdings"][kind].setdefault(entry["name"], "content")
    return made


def changed(path: str, value: Any) -> dict[str, Any]:
    """The production environment with one value changed; None takes it away."""
    made = deepcopy(document("prod"))
    if value is None:
        made = strict()
    *parents, last = path.split("/")
    place: Any = made
    for key in parents:
        place = place[int(key)] if key.isdigit() else place[key]
    key: Any = int(last) if last.isdigit() else last
    if value is None:
        del place[key]
    else:
        place[key] = value
    return made


def problems(made: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(made)
    return str(caught.value)


def index_of(kind: str, name: str) -> int:
    made = document("prod")
    listed = made["governance"]["classes"] if kind == "classes" else made["storage"]["buckets"]
    return next(number for number, entry in enumerate(listed) if entry["name"] == name)


CONTENT, AUDIT = index_of("classes", "content"), index_of("classes", "audit")
DATASETS = index_of("buckets", "datasets")


@pytest.mark.parametrize("name", ["local", "dev", "staging"])
def test_an_environment_without_the_section_is_as_before(name):
    assert load_spec(document(name)).governance is None


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("governance/holdings/buckets/models", "contnet", "governance.holdings.buckets.models: 'contnet'"),
        ("governance/holdings/buckets/models", "contnet", "Did you mean 'content'?"),
        ("governance/holdings/buckets/models", None, "governance.holdings.buckets.models: missing"),
        ("governance/holdings/postgres", None, "governance.holdings.postgres: missing"),
        ("governance/holdings/audit_trail", None, "governance.holdings.audit_trail: missing"),
        ("governance/holdings/collections/document", "content", "Did you mean 'documents'?"),
        ("governance/holdings/snowflake/PLINTH", "content", "Snowflake encrypts with keys of its own"),
        ("governance/holdings/snowflake/GONE", "marts", "governance.holdings.snowflake: 'GONE'"),
        (f"governance/classes/{CONTENT}/sensitivity", "restricted", "at most environment.data_class confidential"),
        (f"governance/classes/{CONTENT}/regions", ["eu-west-1"], "environment.region us-east-1"),
        (f"governance/classes/{CONTENT}/retention_days", 30, "at most 30: class content ends after 30 days"),
        (f"governance/classes/{AUDIT}/keep_days", 730, "more than the 730 days of class content"),
        (f"governance/classes/{AUDIT}/deletion", "erase", "needs deletion: keep"),
        (f"governance/classes/{AUDIT}/name", "content", "a name that no class before has"),
        (f"storage/buckets/{DATASETS}/expire_after_days", None, "at most 700"),
        (f"storage/buckets/{DATASETS}/expire_after_days", 701, "at most 700"),
        (f"storage/buckets/{DATASETS}/old_version_days", 730, "below 730"),
        (f"storage/buckets/{DATASETS}/data_class", "internal", "confidential, as its class content says"),
        ("security/audit_trail/keep_days", 400, "at least 731, as class audit says"),
        ("security/audit_trail/keep_days", 730, "security.audit_trail.keep_days"),
    ],
)
def test_what_does_not_agree_is_named(path, value, said):
    assert said in problems(changed(path, value))


def test_what_is_not_named_has_the_class_of_others():
    made = document("prod")
    made["governance"]["classes"].append({"name": "brief", "sensitivity": "internal", "retention_days": 100})
    made["governance"]["holdings"] |= {"others": "brief"}
    made["storage"]["buckets"].append({"name": "scratch", "expire_after_days": 90})
    assert "at most 70: class brief ends after 100 days" in problems(made)
    made["storage"]["buckets"][-1]["expire_after_days"] = 70
    assert "scratch" not in str(load_spec(made).governance)


def test_data_that_the_other_region_gets_copies_of_may_rest_there():
    made = document("prod")
    made["recovery"] = {"region": "us-west-2", "cidr": "10.60.0.0/16"}
    made["governance"]["classes"][CONTENT]["regions"] = ["us-east-1"]
    assert "with recovery.region us-west-2, where copies of its data rest" in problems(made)
    made["governance"]["classes"][CONTENT]["regions"] = REGIONS
    assert standby_spec(load_spec(made)).governance is None


def test_backups_count_as_keeping():
    made = document("prod")
    made["postgres"]["backup_days"] = 35
    made["governance"]["classes"].append({"name": "brief", "sensitivity": "confidential", "retention_days": 34})
    made["governance"]["holdings"]["postgres"] = "brief"
    made["backups"] = {"keep_days": 40}
    told = problems(made)
    assert "postgres.backup_days: 35 is not allowed: at most 34" in told
    assert "backups.keep_days: 40 is not allowed: at most 34" in told


def test_time_travel_and_fail_safe_count_as_keeping():
    made = document("prod")
    marts = index_of("classes", "marts")
    made["governance"]["classes"][marts]["retention_days"] = 36
    text = problems(made)
    assert "snowflake.databases[0].retention_days: 30 is not allowed: at most 29" in text
    assert "snowflake.databases[1]" not in text


@given(retention=st.integers(1, 2000), expires=st.none() | st.integers(1, 2000), old=st.integers(1, 2000))
def test_a_bucket_is_accepted_exactly_when_its_last_copy_goes_in_time(retention, expires, old):
    made = document("dev")
    made["storage"] = {"buckets": [{"name": "models", "old_version_days": old}]}
    if expires is not None:
        made["storage"]["buckets"][0]["expire_after_days"] = expires
    for tenant in made.get("tenants", []):
        tenant["buckets"] = []
    made["governance"] = {
        "classes": [
            {"name": "kept", "sensitivity": "internal", "retention_days": retention},
            {"name": "free", "sensitivity": "internal", "encryption": "any", "purpose": "operations"},
        ],
        "holdings": {
            "buckets": {"models": "kept"},
            "postgres": "free",
            "cache": "free",
            "collections": {entry["name"]: "free" for entry in made.get("vector", {}).get("collections", [])},
            "snowflake": {entry["name"]: "free" for entry in (made.get("snowflake") or {}).get("databases", [])},
            "audit_trail": "free",
        },
    }
    fits = expires is not None and expires + old <= retention
    try:
        load_spec(made)
    except SpecError as error:
        assert not fits
        assert all(problem.path.startswith("storage.buckets[0]") for problem in error.problems)
    else:
        assert fits
