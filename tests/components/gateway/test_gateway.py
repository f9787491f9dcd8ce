import json

import pytest
from support.platforms import recorded_platform
from support.worlds import spec

from plinth.gateway import plan
from plinth_runtime.config import RuntimeConfig

SECRET = "aws:secretsmanager/secret:Secret"
VALUE = "aws:secretsmanager/secretVersion:SecretVersion"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def config_map(recorded) -> str:
    return recorded.one("kubernetes:core/v1:ConfigMap", "gateway-config").inputs["data"]["runtime.json"]


def assigned(recorded) -> dict[str, plan.Assigned]:
    """What the stand-in for AWS assigned, as the configuration has it."""
    backends = RuntimeConfig.model_validate_json(config_map(recorded)).backends
    found = [backend for backend in backends if backend.tenant_models]
    return {it.name: plan.Assigned(it.tenant_models, tuple(it.headers.values())) for it in found}


def pod(recorded):
    return recorded.one(DEPLOYMENT, "gateway-deployment").inputs["spec"]["template"]["spec"]


def test_the_rendered_configuration_is_the_runtimes_own(prod):
    rendered = RuntimeConfig.model_validate_json(config_map(prod))
    assert rendered == plan.assign(plan.runtime_config(spec("prod")), assigned(prod))
    bedrock = next(backend for backend in rendered.backends if backend.name == "bedrock-oss")
    assert set(bedrock.tenant_models) == {"support", "analytics"}
    assert list(bedrock.headers) == list(plan.GUARDRAIL_HEADERS)
    assert all(bedrock.headers.values())


def test_a_tenants_key_is_kept_whole_for_the_tenant_and_hashed_for_the_gateway(prod):
    assert prod.one(SECRET, "gateway-secret-search").inputs["name"] == "plinth/prod/tenants/search/gateway-key"
    whole = prod.one(VALUE, "gateway-secret-search-value")
    assert whole.inputs["secretString"] == "plinth_search_canary-gateway-key-search"
    assert whole.secrets == {"secretString"}
    assert prod.one(SECRET, "gateway-hashes").inputs["name"] == "plinth/prod/gateway/keys"
    hashes = prod.one(VALUE, "gateway-hashes-value").inputs["secretString"]
    assert hashes == plan.keys_file(
        {tenant: f"plinth_{tenant}_canary-gateway-key-{tenant}" for tenant in ("search", "support", "analytics")}
    )


def test_everything_that_the_configuration_names_is_mounted(prod):
    config = plan.runtime_config(spec("prod"))
    (container,) = pod(prod)["containers"]
    assert container["command"] == ["plinth-runtime", "gateway"]
    assert container["args"] == ["--config", "/etc/plinth/config/runtime.json"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert "subPath" not in mounts["/etc/plinth/config"], "a single mounted file would not follow the ConfigMap"
    assert not any(path != "/etc/plinth/config" and path in "/etc/plinth/config" for path in mounts)
    volumes = {volume["name"]: volume for volume in pod(prod)["volumes"]}
    synced = {
        external.inputs["metadata"]["name"]: {item["secretKey"] for item in external.inputs["spec"].get("data", [])}
        for external in prod.of(EXTERNAL)
    }
    proofs = [backend.auth.model_dump() for backend in config.backends if backend.auth]
    files = [proof[name] for proof in proofs for name in ("key_file", "token_file") if name in proof]
    files += [backend.ca_file for backend in config.backends if backend.ca_file]
    assert len(files) == 10
    files.append(config.gateway.keys_file)
    for file in files:
        folder, _, name = file.rpartition("/")
        secret = volumes[mounts[folder]["name"]]["secret"]["secretName"]
        assert name in synced[secret], file
    routes = volumes[mounts[config.gateway.tenant_routes_dir]["name"]]["secret"]
    assert routes["optional"] is True
    assert routes["secretName"] in synced


def test_pods_restart_only_for_what_a_running_gateway_cannot_take(prod):
    def checksum(**change):
        gateway = spec("prod").gateway.model_copy(update=change)
        return plan.checksum(plan.runtime_config(spec("prod").model_copy(update={"gateway": gateway})))

    template = prod.one(DEPLOYMENT, "gateway-deployment").inputs["spec"]["template"]
    assert template["metadata"]["annotations"]["plinth.dev/config-checksum"] == checksum()
    assert checksum(max_in_flight=10, max_body_mib=1, replicas=5) == checksum()
    assert checksum(drain_seconds=7) != checksum()


def test_tenants_reach_the_api_and_prometheus_the_metrics(prod):
    wall = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "gateway-wall").inputs["spec"]
    opened = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]: [
            port["port"] for port in rule["ports"]
        ]
        for rule in wall["ingress"]
        for peer in rule["from"]
        if "ipBlock" not in peer  # the load balancer
    }
    assert opened == {
        "plinth-monitoring": [9090],
        "tenant-search": [8080],
        "tenant-support": [8080],
        "tenant-analytics": [8080],
    }


def test_probes_ask_where_the_metrics_are(prod):
    (container,) = pod(prod)["containers"]
    ports = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert ports == {9090}
    (local,) = pod(recorded_platform("local"))["containers"]
    assert local["readinessProbe"]["httpGet"]["port"] == 8080


def test_the_operator_may_find_routes_by_name(prod):
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "gateway-find-routes").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    assert "secretsmanager:GetSecretValue" not in statement["Action"]
