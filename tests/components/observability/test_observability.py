import json

import promql_parser
import pytest
from support.platforms import recorded_platform
from support.worlds import spec

from plinth.observability import alerts, dashboard, gpu_metrics, values
from plinth.serving import scaling
from plinth.serving.engines import engine_of
from plinth.spec.models import SelfHostedModel
from plinth_runtime import names

ENVIRONMENTS = ["local", "dev", "staging", "prod"]

VLLM = {
    names.VLLM_RUNNING,
    names.VLLM_WAITING,
    "vllm:kv_cache_usage_perc",
    "vllm:request_success_total",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:time_to_first_token_seconds_bucket",
}
"""Metrics of vLLM's engine V1, from its documentation (Production metrics)."""

OTHER_ENGINES = {
    "ray_vllm_num_requests_waiting",
    "ray_vllm_num_requests_running",
    "ray_vllm_kv_cache_usage_perc",
    "tgi_queue_size",
    "tgi_batch_current_size",
    "nv_inference_pending_request_count",
}
"""Metrics of Ray (which renames vLLM's), TGI and Triton, from their documentation."""

KUBE_STATE_METRICS = {
    "kube_deployment_status_replicas_available",
    "kube_node_status_allocatable",
    "kube_node_status_condition",
    "kube_pod_status_phase",
    "kube_statefulset_status_replicas_ready",
}

KUBELET = {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}

DCGM = set(gpu_metrics.FIELDS)
"""Metrics that the exporter is told to export."""

GATEWAY = {value for name, value in vars(names).items() if name.isupper() and str(value).startswith("plinth_")}
LABELS = {value for name, value in vars(names).items() if name.endswith("_LABEL")}
KNOWN_LABELS = LABELS | {
    "le",
    "namespace",
    "condition",
    "status",
    "pod",
    "phase",
    "deployment",
    "node",
    "app_kubernetes_io_name",
    "model",
    "resource",
    "statefulset",
    "persistentvolumeclaim",
    "cronjob",
}


def expressions(environment):
    wanted = spec(environment)
    yield from (alert.expression for alert in alerts.alerts(wanted))
    for panel in dashboard.panels(wanted):
        yield from (query.replace("$__rate_interval", "5m") for query, _ in panel.queries)
    for model in wanted.models:
        if isinstance(model, SelfHostedModel):
            yield from (query for query, _ in scaling.queries(model, engine_of(model).signals(model)).values())


def selectors(node):
    """Every vector selector of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, part, None)) is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or []:
        yield from selectors(child)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_expression_is_promql_on_metrics_that_exist(environment):
    found = set()
    for expression in expressions(environment):
        parsed = promql_parser.parse(expression)
        chosen = list(selectors(parsed))
        assert chosen, expression
        for selector in chosen:
            found.add(selector.name)
            histogram = selector.name.removesuffix("_bucket")
            known = VLLM | OTHER_ENGINES | KUBE_STATE_METRICS | KUBELET | DCGM | GATEWAY
            assert selector.name in known or histogram in GATEWAY, selector.name
            assert {matcher.name for matcher in selector.matchers.matchers} <= KNOWN_LABELS, expression
    assert names.REQUESTS_TOTAL in found
    assert f"{names.REQUEST_SECONDS}_bucket" in found


def test_the_limits_are_the_specs():
    by_name = {alert.name: alert for alert in alerts.alerts(spec("prod"))}
    assert "> 1)" in by_name["GatewayErrors"].expression
    assert "> 10)" in by_name["GatewaySlow"].expression
    panels = {panel.title: panel.limit for panel in dashboard.panels(spec("prod"))}
    assert (panels["Failed requests"], panels["Latency"]) == (1, 10)


def test_alerts_fit_what_the_environment_has():
    local = {alert.name for alert in alerts.alerts(spec("local"))}
    prod = {alert.name for alert in alerts.alerts(spec("prod"))}
    devices = {
        "GpuXid",
        "GpuMemoryErrors",
        "GpuRowRemapFailed",
        "GpuLinkErrors",
        "GpuThrottled",
        "GpuMetricsMissing",
    }
    governed = {"TableStale", "TableVolume", "TableNotMeasured", "RowsQuarantined"}
    governed |= {"GovernorEraseLate", "GovernorRetainLate"}
    assert prod - local == {"GpuFault", "GpuPodsPending", "ModelCacheFull"} | devices | governed
    # Amazon watches the GPUs of EKS Auto Mode.
    assert not {alert.name for alert in alerts.alerts(spec("dev"))} & devices
    for alert in alerts.alerts(spec("prod")):
        assert alert.summary
        assert alert.action.endswith(".")


def test_the_dashboard_is_json_that_grafana_reads():
    document = json.loads(dashboard.dashboard(spec("prod")))
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in document["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["targets"] for panel in document["panels"])


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_alerts_go_to_an_encrypted_topic_that_only_alertmanager_may_publish_to(prod):
    topic = prod.one("aws:sns/topic:Topic", "monitoring-alerts").inputs
    assert topic["kmsMasterKeyId"].endswith(":keys-data")
    subscription = prod.one("aws:sns/topicSubscription:TopicSubscription", "monitoring-oncall").inputs
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "ai-platform-oncall@acme.example.com")
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "monitoring-identity-publish").inputs["policy"])
    publish, encrypt = policy["Statement"]
    assert publish["Action"] == ["sns:Publish"]
    assert publish["Resource"] == [subscription["topic"]]
    assert encrypt["Condition"] == {"StringEquals": {"kms:ViaService": "sns.us-east-1.amazonaws.com"}}
    association = prod.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", "monitoring-identity-association")
    assert association.inputs["serviceAccount"] == values.ALERTMANAGER_ACCOUNT


def test_the_release_holds_references_and_no_secret(prod):
    release = prod.one("kubernetes:helm.sh/v3:Release", "monitoring-stack")
    assert release.secrets == frozenset()
    given = release.inputs["values"]
    assert given["grafana"]["admin"]["existingSecret"] == "grafana-admin"
    login = prod.one("kubernetes:external-secrets.io/v1:ExternalSecret", "monitoring-grafana-login").inputs
    assert login["metadata"]["name"] == "grafana-admin"
    assert {item["secretKey"] for item in login["spec"]["data"]} == {"admin-user", "admin-password"}
    (topic,) = given["alertmanager"]["config"]["receivers"][1]["sns_configs"]
    assert topic["topic_arn"].startswith("arn:aws:sns:")
    storage = given["prometheus"]["prometheusSpec"]["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert storage["resources"]["requests"]["storage"] == "500Gi"
    assert given["prometheus"]["prometheusSpec"]["retention"] == "90d"


def test_grafana_takes_dashboards_of_no_tenant(prod):
    grafana = prod.one("kubernetes:helm.sh/v3:Release", "monitoring-stack").inputs["values"]["grafana"]
    assert grafana["sidecar"]["dashboards"]["searchNamespace"] == "plinth-monitoring"
    dashboard = prod.one("kubernetes:core/v1:ConfigMap", "monitoring-dashboard").inputs["metadata"]
    assert dashboard["namespace"] == "plinth-monitoring"


def test_scrape_targets_name_ports_that_pods_have(prod):
    deployments = prod.of("kubernetes:apps/v1:Deployment")
    for monitor in prod.of("kubernetes:monitoring.coreos.com/v1:PodMonitor"):
        if monitor.name == "monitoring-gpus":  # a chart's pods, see the next test
            continue
        chosen = monitor.inputs["spec"]["selector"]["matchLabels"].items()
        (namespace,) = monitor.inputs["spec"]["namespaceSelector"]["matchNames"]
        (endpoint,) = monitor.inputs["spec"]["podMetricsEndpoints"]
        templates = [
            deployment.inputs["spec"]["template"]
            for deployment in deployments
            if deployment.inputs["metadata"]["namespace"] == namespace
            and chosen <= deployment.inputs["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert templates, monitor.name
        for template in templates:
            assert endpoint["port"] in [p["name"] for c in template["spec"]["containers"] for p in c["ports"]]


def test_gpu_metrics_are_scraped_where_the_exporter_runs(prod):
    monitor = prod.one("kubernetes:monitoring.coreos.com/v1:PodMonitor", "monitoring-gpus").inputs["spec"]
    release = prod.one("kubernetes:helm.sh/v3:Release", "gpu-metrics").inputs
    assert monitor["namespaceSelector"]["matchNames"] == [release["namespace"]]
    # The chart gives its own name to its pods, and this name to their port.
    assert monitor["selector"]["matchLabels"] == {"app.kubernetes.io/name": release["chart"]}
    assert monitor["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics"}]


def test_every_store_that_aws_runs_is_watched_and_on_call_is_told():
    prod = recorded_platform("prod")
    alarms = {
        alarm.name.removeprefix("store-watch-"): alarm.inputs
        for alarm in prod.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    nodes = spec("prod").cache.replicas + 1
    assert set(alarms) >= {"postgres-capacity", "postgres-replica-lag", f"cache-memory-{nodes}", f"cache-cpu-{nodes}"}
    assert alarms["postgres-capacity"]["dimensions"] == {"DBClusterIdentifier": "postgres-cluster"}
    assert alarms["cache-cpu-2"]["dimensions"] == {"CacheClusterId": "cache-valkey-002"}
    (topic,) = {arn for alarm in alarms.values() for arn in alarm["alarmActions"]}
    assert "monitoring-alerts" in topic
    for alarm in alarms.values():
        assert alarm["alarmActions"] == alarm["okActions"] == [topic]
        assert alarm["treatMissingData"] == "notBreaching"
    # The topic is encrypted, so the key must let CloudWatch in, or nobody would ever hear.
    policy = json.loads(prod.one("aws:kms/key:Key", "keys-data").inputs["policy"])
    (sends,) = [statement for statement in policy["Statement"] if statement["Sid"] == "ServicesSend"]
    assert "cloudwatch.amazonaws.com" in sends["Principal"]["Service"]
    assert sends["Condition"] == {"StringEquals": {"aws:SourceAccount": "777788889999"}}
