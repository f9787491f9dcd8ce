"""The engines beside PostgreSQL, as they are registered in the environments and examples that use them."""

import json
from functools import cache
from pathlib import Path

import pytest
import yaml
from support.platforms import recorded_platform
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import ROOT

from plinth import outputs
from plinth.data.vectors import cluster_plan, search_plan
from plinth.observability.vector_alerts import vector_alerts
from plinth.program import build
from plinth.spec import load_spec
from plinth.spec.vectors import OpenSearchStore, QdrantStore
from plinth_runtime.vector_snapshots import VectorSnapshots
from plinth_runtime.vectors.config import VectorSetup

POLICY = "aws:iam/rolePolicy:RolePolicy"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
RELEASE = "kubernetes:helm.sh/v3:Release"
DOMAIN = "aws:opensearch/domain:Domain"


def law_firm_spec():
    return load_spec(yaml.safe_load((ROOT / "examples/Pulumi.law-firm.yaml").read_text())["config"]["plinth:platform"])


@cache
def law_firm():
    def program():
        wanted = law_firm_spec()
        built = build(wanted)
        return outputs.platform_contract(wanted, built.foundation, built.cluster, built.data, built.access)

    return record(program, stack="law-firm")


def of_vectors(recording):
    return [
        found
        for found in recording.identities
        if found[1].startswith("vector") and not found[1].startswith("vector-login")
    ]


@pytest.mark.parametrize("name", ["prod", "staging"])
def test_identities_are_pinned(name):
    recording = recorded_platform(name)
    chosen = type(recording)([each for each in recording.resources if each.name.startswith("vector")])
    check_identities(chosen, Path(__file__).with_name(f"{name}.json"))


def setup(recording):
    data = recording.one(CONFIG_MAP, "vector-collections-config").inputs["data"]["collections.json"]
    return VectorSetup.model_validate_json(data)


def test_the_job_is_told_of_every_store_but_postgres_and_of_the_collections_that_each_keeps():
    told = setup(recorded_platform("prod"))
    assert set(told.stores.stores) == {"lake"}
    assert told.stores.stores["lake"].bucket == "plinth-prod-lake-vectors"
    assert [item.name for item in told.stores.collections] == ["conversations"]
    assert told.stores.collections[0].lexical is False
    assert told.tenants == ["search", "support", "analytics"]
    kept = json.loads(recorded_platform("prod").one(CONFIG_MAP, "vector-schema").inputs["data"]["schema.json"])
    assert [item["name"] for item in kept["collections"]] == ["documents", "tickets", "products"]


def test_the_contract_says_where_every_store_is_and_holds_no_secret():
    recording = recorded_platform("staging")
    contract = recording.value(recording.result)
    assert contract["vector_uses"] == {"interactive": "relational", "bulk": "filtered"}
    stores = contract["vector_stores"]
    assert stores["relational"]["endpoint"]["kind"] == "pgvector"
    assert stores["filtered"]["endpoint"]["url"] == "https://vectors-filtered.plinth-system.svc.cluster.local:6333"
    assert stores["filtered"]["collections"] == ["events"]
    assert "canary" not in json.dumps(contract)


def test_the_job_may_do_no_more_than_its_bucket_of_vectors():
    policy = json.loads(recorded_platform("prod").one(POLICY, "vector-collections-identity-lake").inputs["policy"])
    bucket = "arn:aws:s3vectors:us-east-1:777788889999:bucket/plinth-prod-lake-vectors"
    resources = {item for statement in policy["Statement"] for item in statement["Resource"]}
    assert {item for item in resources if ":s3vectors:" in item} == {bucket, f"{bucket}/index/*"}
    assert not any("*" in action for statement in policy["Statement"] for action in statement["Action"])


def test_vectors_stay_inside_the_vpc():
    services = [item.inputs["serviceName"] for item in recorded_platform("prod").of("aws:ec2/vpcEndpoint:VpcEndpoint")]
    assert "com.amazonaws.us-east-1.s3vectors" in services


# Qdrant


def qdrant():
    return recorded_platform("staging").one(RELEASE, "vector-filtered-release").inputs


def test_qdrant_speaks_tls_to_all_asks_for_a_key_and_tells_nobody():
    values = qdrant()["values"]
    assert values["config"]["service"]["enable_tls"] is True
    assert values["config"]["cluster"]["p2p"]["enable_tls"] is True
    assert values["config"]["telemetry_disabled"] is True
    named = {item["name"]: item["valueFrom"]["secretKeyRef"] for item in values["env"]}
    assert named["QDRANT__SERVICE__API_KEY"] == {"name": "vectors-filtered-keys", "key": "api-key"}
    assert named["QDRANT__SERVICE__READ_ONLY_API_KEY"]["key"] == "read-only-api-key"
    assert values["image"]["useUnprivilegedImage"] is True


def test_the_pods_are_apart_and_have_walls_of_their_own():
    values = qdrant()["values"]
    assert [each["topologyKey"] for each in values["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert values["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}
    assert values["podLabels"]["app.kubernetes.io/part-of"] == "plinth", "else the walls of charts' pods hold for them"


def test_no_key_of_a_store_is_readable_anywhere():
    recording = recorded_platform("staging")
    assert recording.leaks("canary-vector-filtered") == []
    assert recording.leaks("BEGIN PRIVATE KEY") == []


def test_snapshots_name_every_pod_and_go_to_a_bucket_of_their_own():
    recording = recorded_platform("staging")
    data = recording.one(CONFIG_MAP, "vector-filtered-snapshots-config").inputs["data"]["snapshots.json"]
    wanted = VectorSnapshots.model_validate_json(data)
    assert len(wanted.nodes) == 3
    names = cluster_plan.hosts("filtered")
    assert all(node.removeprefix("https://").removesuffix(":6333") in names for node in wanted.nodes)
    job = recording.one("kubernetes:batch/v1:CronJob", "vector-filtered-snapshots-job").inputs["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"].count("@sha256:") == 1


def test_prometheus_shows_the_key_that_may_only_read():
    monitor = recorded_platform("staging").one(
        "kubernetes:monitoring.coreos.com/v1:PodMonitor", "vector-monitors-filtered"
    )
    endpoint = monitor.inputs["spec"]["podMetricsEndpoints"][0]
    assert endpoint["scheme"] == "https"
    assert endpoint["authorization"]["credentials"] == {"name": "vectors-filtered-keys", "key": "read-only-api-key"}
    assert endpoint["tlsConfig"]["serverName"] in cluster_plan.hosts("filtered")


def test_alerts_know_how_many_pods_may_be_gone():
    whole = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]["plinth:platform"]
    rest = {name: section for name, section in whole.items() if name != "governance"}
    wanted = load_spec({**rest, "vector": QdrantStore(kind="qdrant", replicas=5, copies=3).model_dump()})
    found = {alert.name: alert for alert in vector_alerts(wanted)}
    assert found["VectorStoreDownMain"].expression.endswith("< 3")
    assert found["VectorStoreDegradedMain"].expression.endswith("< 5")


# OpenSearch


def test_a_domain_is_in_the_vpc_encrypted_and_without_passwords():
    domain = law_firm().one(DOMAIN, "vector-main-domain").inputs
    assert domain["encryptAtRest"]["enabled"] is True
    assert domain["nodeToNodeEncryption"]["enabled"] is True
    assert domain["domainEndpointOptions"]["enforceHttps"] is True
    assert domain["advancedSecurityOptions"]["internalUserDatabaseEnabled"] is False
    assert "role" in domain["advancedSecurityOptions"]["masterUserOptions"]["masterUserArn"]
    assert len(domain["vpcOptions"]["subnetIds"]) == 3
    assert {item["logType"] for item in domain["logPublishingOptions"]} == set(search_plan.LOGS)
    assert domain["clusterConfig"]["multiAzWithStandbyEnabled"] is True


def test_the_service_linked_role_is_made_once_and_outlives_the_stack():
    roles = law_firm().of("aws:iam/serviceLinkedRole:ServiceLinkedRole")
    assert [role.inputs["awsServiceName"] for role in roles] == ["opensearchservice.amazonaws.com"]
    assert all(role.retain_on_delete for role in roles)


def test_alarms_reach_whoever_hears_alerts():
    alarms = law_firm().of("aws:cloudwatch/metricAlarm:MetricAlarm")
    metrics = {alarm.inputs["metricName"] for alarm in alarms}
    assert {"ClusterStatus.red", "FreeStorageSpace", "AutomatedSnapshotFailure", "MasterCPUUtilization"} <= metrics
    assert all("monitoring-alerts" in alarm.inputs["alarmActions"][0] for alarm in alarms)


@pytest.mark.parametrize("store", ["main", "a-store-with-a-long-name"])
def test_names_of_domains_fit_and_do_not_collide(store):
    world = law_firm_spec().environment
    name = search_plan.domain_name(world, store)
    assert 3 <= len(name) <= search_plan.LONGEST_NAME
    assert name != search_plan.domain_name(world, f"{store}-2")


def test_a_burstable_domain_is_not_tuned():
    assert search_plan.tunes(OpenSearchStore(kind="opensearch"))
    assert not search_plan.tunes(OpenSearchStore(kind="opensearch", instance_type="t3.small.search"))
