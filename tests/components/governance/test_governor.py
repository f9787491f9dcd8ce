"""The governor: what it is told, what it may do, and when somebody hears of it."""

import json
from typing import Any

import pytest
from support.platforms import recorded_platform
from support.worlds import document, spec

from plinth.governance import plan
from plinth.observability import alerts
from plinth.spec import SpecError, load_spec
from plinth_runtime.governance.config import GovernanceConfig

CRON, DEPLOYMENT, KEY = "kubernetes:batch/v1:CronJob", "kubernetes:apps/v1:Deployment", "aws:kms/key:Key"


def resource(kind: str, name: str) -> Any:
    return next(item for item in recorded_platform("prod").of(kind) if item.name == name)


def rendered() -> GovernanceConfig:
    data = resource("kubernetes:core/v1:ConfigMap", "governor-config").inputs["data"]
    return GovernanceConfig.model_validate_json(data[plan.CONFIG_FILE])


def statements(name: str) -> list[dict[str, Any]]:
    policy = resource("aws:iam/rolePolicy:RolePolicy", name).inputs["policy"]
    return json.loads(policy)["Statement"]


def test_what_the_spec_says_is_what_the_runtime_reads():
    config, section = rendered(), spec("prod").governance
    assert section is not None
    assert [table.name for table in config.tables] == [table.name for table in section.tables]
    assert [column.name for column in config.tables[0].columns] == [column.name for column in section.tables[0].columns]
    assert config.tables[0].least_rows_a_day == 500
    assert {table.store for table in config.tables} == {"postgres-assistant"}
    assert config.rules("decisions").deletion == "keep"
    assert config.rules("content").retention_days == 730
    assert config.holds[0].holds("c-20417", "content")
    assert config.objects[0].subject_prefix == "people/{subject}/"
    assert config.objects[0].data_class == "content"
    assert config.receipts.signer.kind == "kms"


@pytest.mark.parametrize("name", ["local", "dev", "staging"])
def test_where_nothing_is_governed_there_is_no_governor(name):
    names = [item.name for item in recorded_platform(name).resources]
    assert not [item for item in names if item.startswith("governor")]


def test_jobs_run_once_at_a_time_and_as_the_restricted_profile_wants():
    erase, retain = (resource(CRON, f"governor-{part}").inputs["spec"] for part in ("erase", "retain"))
    assert erase["schedule"] != retain["schedule"]
    for made, part in ((erase, ["erase", "--requests"]), (retain, ["retain"])):
        assert made["concurrencyPolicy"] == "Forbid"
        job = made["jobTemplate"]["spec"]
        assert job["backoffLimit"] == 0
        pod = job["template"]["spec"]
        (container,) = pod["containers"]
        assert container["command"][1 : 1 + len(part)] == part
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["automountServiceAccountToken"] is False


def test_the_governor_cannot_read_personal_files_nor_delete_receipts():
    personal = statements("governor-identity-personal-files")
    actions = {action for statement in personal for action in statement["Action"]}
    assert actions == {"s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"}
    assert personal[0]["Condition"] == {"StringLike": {"s3:prefix": ["people/*"]}}
    assert all(resource.endswith("/people/*") for resource in personal[1]["Resource"])
    receipts = next(item for item in statements("governor-identity-buckets") if item.get("Sid") == "Receipts")
    assert receipts["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert statements("governor-identity-sign")[0]["Action"] == ["kms:Sign", "kms:GetPublicKey"]


def test_receipts_are_locked_and_signed_by_a_key_of_their_own():
    lock = resource("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "governor-receipts-lock")
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 2555}
    key = resource(KEY, "governor-signing").inputs
    assert (key["customerMasterKeySpec"], key["keyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


def test_alerts_follow_from_the_contracts():
    found = {alert.name: alert.expression for alert in alerts.alerts(spec("prod"))}
    assert found["TableStale"].endswith('{table="conversations"} > 7200')
    assert found["TableVolume"].count(" or ") == 1
    assert "absent(" in found["TableNotMeasured"]
    assert {"RowsQuarantined", "GovernorEraseLate", "GovernorRetainLate"} <= set(found)
    assert not {"TableStale", "RowsQuarantined"} & {alert.name for alert in alerts.alerts(spec("dev"))}


def changed(**table: Any) -> dict[str, Any]:
    made = document("prod")
    made["governance"]["tables"][0] |= table
    return made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data_class": "contents"}, "Did you mean 'content'?"),
        ({"written": None}, "freshness_minutes and rows_per_day need written"),
        ({"written": None, "freshness_minutes": None, "rows_per_day": None}, "the column to count the 730 days"),
        ({"subject": "customer"}, "has no column customer, only id, customer_id"),
        ({"key": ["summary"]}, "key column summary must be required"),
        ({"written": "channel"}, "written names column channel, which must be a timestamp"),
        ({"name": "model-decisions"}, "governance.tables[1].name: 'model-decisions'"),
        ({"data_class": "marts"}, "governance.tables[0].columns[1].required: True is not allowed"),
    ],
)
def test_a_table_that_does_not_agree_is_named(change, said):
    with pytest.raises(SpecError) as caught:
        load_spec(changed(**change))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"personal_files": [{"bucket": "dataset", "prefix": "{subject}/"}]}, "Did you mean 'datasets'?"),
        ({"personal_files": [{"bucket": "datasets", "prefix": "people/{subject}"}]}, "at the end `{subject}/`"),
        ({"holds": [{"name": "case-1", "subjects": ["ann@acme.example.com"]}]}, "no e-mail address"),
        ({"holds": [{"name": "case-1", "data_classes": ["content", "x-rays"]}]}, "governance.holds[0].data_classes[1]"),
        ({"receipt_days": 1000}, "at least the 1826 days of class decisions"),
        ({"lineage": {"url": "http://lineage.acme.example.com"}}, "starts with https://"),
    ],
)
def test_other_parts_that_do_not_agree_are_named(section, said):
    made = document("prod")
    made["governance"] |= section
    with pytest.raises(SpecError) as caught:
        load_spec(made)
    assert said in str(caught.value)


def with_vectors(**vector: Any) -> dict[str, Any]:
    made = document("prod")
    made["vector"] = {"kind": "pgvector", "collections": [{"name": "tickets", "dimensions": 8}]}
    made["governance"]["holdings"]["collections"] = {"tickets": vector.pop("data_class", "content")}
    made["governance"]["personal_vectors"] = [{"collection": "tickets", "subject_field": "customer", **vector}]
    return made


def test_records_of_a_collection_are_erased_in_the_database_that_they_are_in():
    section = load_spec(with_vectors()).governance
    assert section is not None
    names = {"host": "db", "port": 5432, "work": "work-1", "receipts": "receipts-1", "key_arn": "arn:aws:kms:key"}
    config = plan.config(section, "prod", buckets={"datasets": "datasets-1"}, vector_database="vectors", **names)
    (collection,) = config.collections
    assert (collection.table, collection.subject_field, collection.data_class) == ("tickets", "customer", "content")
    assert collection.store in {store.name for store in config.stores if store.database == "vectors"}


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ({"collection": "ticket"}, "Did you mean 'tickets'?"),
        ({"data_class": "marts"}, "marts is anonymized, vectors cannot be"),
    ],
)
def test_collections_that_cannot_be_erased_are_named(vector, said):
    with pytest.raises(SpecError) as caught:
        load_spec(with_vectors(**vector))
    assert said in str(caught.value)
