import json

import pytest
from support.platforms import recorded_platform
from support.worlds import spec

from plinth.serving import scaling
from plinth.serving.engines import engine_of
from plinth.spec.models import SelfHostedModel

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


@pytest.fixture(scope="module")
def local():
    return recorded_platform("local")


def pod_of(recorded, name):
    return recorded.one(DEPLOYMENT, name).inputs["spec"]["template"]["spec"]


def test_vllm_loads_its_weights_from_the_models_bucket(prod):
    (container,) = pod_of(prod, "model-chat-small-deployment")["containers"]
    assert container["command"] == ["vllm", "serve"]
    assert container["args"][0] == "s3://storage-models-id/acme/chat-small-8b/2026-10-01"
    assert container["args"][1:3] == ["--host=0.0.0.0", "--port=8000"]


def test_vllm_runs_on_its_pool_alone(prod):
    pod = pod_of(prod, "model-chat-large-deployment")
    assert pod["nodeSelector"] == {"plinth.dev/pool": "h100-reserved"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "plinth.dev/pool", "operator": "Equal", "value": "h100-reserved", "effect": "NoSchedule"},
    ]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert pod["priorityClassName"] == "plinth-serving"
    # An answer under way may finish: vLLM waits for it, and Kubernetes for vLLM.
    longest = spec("prod").gateway.request_timeout_seconds
    (container,) = pod["containers"]
    assert f"--shutdown-timeout={longest}" in container["args"]
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + longest


def test_the_loss_of_a_node_leaves_a_replica(prod):
    hosts, _ = pod_of(prod, "model-chat-large-deployment")["topologySpreadConstraints"]
    assert (hosts["topologyKey"], hosts["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "DoNotSchedule")
    assert hosts["minDomains"] == 2


def test_models_go_before_the_nodes_that_they_are_on(prod):
    assert "pool-h100-reserved-pool" in prod.one(DEPLOYMENT, "model-chat-large-deployment").depends_on


def test_vllm_may_take_as_long_to_start_as_the_spec_says(prod):
    (container,) = pod_of(prod, "model-chat-large-deployment")["containers"]
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 20 * 60
    assert prod.one(DEPLOYMENT, "model-chat-large-deployment").inputs["spec"]["progressDeadlineSeconds"] > 20 * 60


def test_a_model_reads_its_own_weights_and_nothing_else(prod):
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "model-chat-large-identity-weights").inputs["policy"])
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert statements["ReadWeights"]["Action"] == "s3:GetObject"
    assert [it[it.index("/acme") :] for it in statements["ReadWeights"]["Resource"]] == [
        "/acme/chat-large-70b/2026-10-01/*",
        "/acme/chat-draft-1b/2026-10-01/*",
    ]
    prefixes = statements["ListWeights"]["Condition"]["StringLike"]["s3:prefix"]
    assert prefixes == [
        "acme/chat-large-70b/2026-10-01",
        "acme/chat-large-70b/2026-10-01/*",
        "acme/chat-draft-1b/2026-10-01",
        "acme/chat-draft-1b/2026-10-01/*",
    ]
    assert statements["DecryptWeights"]["Action"] == "kms:Decrypt"


def test_a_scaled_model_leaves_its_replicas_to_the_autoscaler(prod):
    assert "replicas" not in prod.one(DEPLOYMENT, "model-chat-large-deployment").inputs["spec"]
    scaled = prod.one(SCALED, "model-chat-large-scaling")
    assert {"keda", "model-chat-large-deployment"} <= scaled.depends_on
    assert (scaled.inputs["spec"]["minReplicaCount"], scaled.inputs["spec"]["maxReplicaCount"]) == (2, 8)


def test_scaling_follows_the_queue_and_the_cache_of_that_model():
    model = next(m for m in spec("prod").models if isinstance(m, SelfHostedModel))
    engine = engine_of(model)
    pool = next(it for it in spec("prod").gpu_pools if it.name == model.pool)
    target = engine.scale_target(model, pool)
    made = scaling.scaled_object(model, target, engine.signals(model), "http://prometheus:9090").to_object()
    assert made["fallback"] == {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"}
    # KEDA refuses a fallback unless every trigger is an average.
    assert {trigger["metricType"] for trigger in made["triggers"]} == {"AverageValue"}
    queries = [trigger["metadata"]["query"] for trigger in made["triggers"]]
    assert queries == [
        'sum(vllm:num_requests_waiting{model_name="chat-large",namespace="plinth-serving"})',
        '100 * sum(vllm:kv_cache_usage_perc{model_name="chat-large",namespace="plinth-serving"})',
    ]


def test_without_scaling_there_is_no_autoscaler(local):
    assert local.of(SCALED) == []
    assert [release.name for release in local.of("kubernetes:helm.sh/v3:Release") if "keda" in release.name] == []


def test_only_the_gateway_and_prometheus_reach_a_model(prod):
    (rule,) = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "model-chat-small-wall").inputs["spec"][
        "ingress"
    ]
    namespaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]
    assert namespaces == ["plinth-system", "plinth-monitoring"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert [port["port"] for port in rule["ports"]] == [8000]


def test_the_development_model_runs_as_the_runtime_on_the_laptops_port(local):
    deployment = local.one(DEPLOYMENT, "model-dev-small-deployment").inputs["spec"]
    assert deployment["template"]["metadata"]["labels"]["plinth.dev/runtime"] == "true"
    (container,) = deployment["template"]["spec"]["containers"]
    assert container["image"] == spec("local").gateway.image
    assert [*container["command"], *container["args"]] == [
        "plinth-runtime", "development-model", "--port", "8091", "--model", "dev-small", "--tokens-per-second", "400",
    ]  # fmt: skip
    assert container["ports"] == [{"name": "http", "containerPort": 8091}]
