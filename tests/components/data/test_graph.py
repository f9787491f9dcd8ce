"""The knowledge graph, through the whole platform."""

import json

import pytest
from support.platforms import recorded_platform
from support.worlds import document

from plinth.spec import SpecError, load_spec
from plinth_runtime.graph.config import GraphEndpoint


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_the_graph_is_encrypted_audited_and_lets_in_signed_requests_only(prod):
    cluster = prod.one("aws:neptune/cluster:Cluster")
    inputs = cluster.inputs
    assert (inputs["storageEncrypted"], inputs["iamDatabaseAuthenticationEnabled"]) == (True, True)
    assert inputs["deletionProtection"] is True and inputs["finalSnapshotIdentifier"]
    assert inputs["enableCloudwatchLogsExports"] == ["audit", "slowquery"]
    assert (cluster.protect, cluster.retain_on_delete) == (True, True)
    parameters = prod.one("aws:neptune/clusterParameterGroup:ClusterParameterGroup").inputs
    assert parameters["family"] == "neptune1.4"
    assert {item["name"]: item["value"] for item in parameters["parameters"]}["neptune_enable_audit_log"] == "1"
    assert len(prod.of("aws:neptune/clusterInstance:ClusterInstance")) == 2


@pytest.mark.parametrize(("tenant", "writes"), [("search", True), ("support", False)])
def test_editors_write_and_viewers_read(prod, tenant, writes):
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", f"tenant-{tenant}-data-graph").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Resource"] == ["arn:aws:neptune-db:us-east-1:777788889999:cluster-NEP/*"]
    assert ("neptune-db:WriteDataViaQuery" in statement["Action"]) is writes
    files = prod.one("kubernetes:core/v1:ConfigMap", f"tenant-{tenant}-stores").inputs["data"]
    endpoint = GraphEndpoint.model_validate_json(files["graph.json"])
    assert (endpoint.host, endpoint.reader_host) == (
        "graph-cluster.neptune.example.com",
        "graph-cluster-ro.neptune.example.com",
    )
    wall = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", f"tenant-{tenant}-aws").inputs["spec"]
    assert 8182 in {port["port"] for rule in wall["egress"] for port in rule["ports"]}


def test_who_is_not_named_gets_no_way_in(prod):
    assert "tenant-analytics-data-graph" not in {item.name for item in prod.of("aws:iam/rolePolicy:RolePolicy")}


def test_it_is_backed_up_watched_and_only_the_cluster_reaches_it(prod):
    assert prod.one("aws:backup/selection:Selection", "backups-graph").inputs["resources"]
    alarm = prod.one("aws:cloudwatch/metricAlarm:MetricAlarm", "store-watch-graph-capacity").inputs
    assert alarm["dimensions"] == {"DBClusterIdentifier": "graph-cluster"}
    door = prod.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "graph-access-clients").inputs
    assert (door["fromPort"], door["toPort"]) == (8182, 8182)


@pytest.mark.parametrize(
    ("graph", "more", "path"),
    [
        ({"editors": ["serach"]}, {}, r"graph.editors\[0\]"),
        ({"editors": ["search"], "viewers": ["search"]}, {}, "leave it out of viewers"),
        ({"editors": ["search"], "min_ncu": 9}, {}, "is above max_ncu"),
        (
            {"editors": ["search"]},
            {"region": "us-west-2", "cidr": "10.60.0.0/16", "answers_rto_minutes": 15, "data_rpo_minutes": 60},
            r"recovery.data_rpo_minutes: 60 .* hourly backups",
        ),
    ],
)
def test_a_graph_that_cannot_be_is_refused(graph, more, path):
    with pytest.raises(SpecError, match=path):
        load_spec({**document("prod"), "graph": {"kind": "neptune", **graph}, **({"recovery": more} if more else {})})
