import json
import re
from pathlib import Path

import pulumi
import pytest
from support.platforms import recorded_platform
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import ROOT, spec

from plinth import options
from plinth.program import build, platform
from plinth.spec import SpecError

ENVIRONMENTS = ["local", "dev", "staging", "prod"]
SNAPSHOTS = Path(__file__).with_name("snapshots")
POD_MAKERS = ("kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request):
    return request.param


@pytest.fixture(scope="module")
def recorded(environment):
    return recorded_platform(environment)


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_identities_are_pinned_and_the_same_in_a_preview(environment, recorded):
    check_identities(recorded, SNAPSHOTS / f"{environment}.json")
    assert record(lambda: build(spec(environment)), stack=environment, preview=True).identities == recorded.identities


def test_no_secret_travels_in_plaintext(recorded):
    assert recorded.leaks("canary") == []


def test_every_component_finishes(recorded):
    components = [resource.name for resource in recorded.resources if not resource.custom]
    assert sorted(recorded.outputs_registered) == sorted(components)


def test_every_resource_is_given_its_provider(recorded):
    for resource in recorded.resources:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            package = resource.type.partition(":")[0]
            assert f"pulumi:providers:{package}::" in resource.provider, resource.name


def test_data_is_protected_where_it_matters(environment, recorded):
    stage = spec(environment).environment.stage
    for resource in recorded.resources:
        if not resource.custom:
            continue
        kind = options.state_class(resource.type)
        assert resource.protect is (kind != "stateless" and stage in ("staging", "production")), resource.name
        assert resource.retain_on_delete is (kind == "precious" and stage == "production"), resource.name


def test_every_pod_is_restricted_and_bounded(recorded):
    makers = [resource for type_ in POD_MAKERS for resource in recorded.of(type_)]
    assert makers
    for maker in makers:
        pod = maker.inputs["spec"]["template"]["spec"]
        # Routers of models watch the pods that they choose from; nothing else here talks to the API server.
        assert pod["automountServiceAccountToken"] is maker.name.endswith("-router")
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not [volume for volume in pod.get("volumes", []) if "hostPath" in volume]
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert DIGEST.search(container["image"]), maker.name
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys(), maker.name


def test_every_long_running_pod_is_probed_and_walled(recorded):
    walled = [
        policy.inputs["spec"]["podSelector"] for policy in recorded.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    ]
    for deployment in recorded.of("kubernetes:apps/v1:Deployment"):
        template = deployment.inputs["spec"]["template"]
        for container in template["spec"]["containers"]:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), deployment.name
        chosen = deployment.inputs["spec"]["selector"]["matchLabels"]
        assert chosen.items() <= template["metadata"]["labels"].items()
        # More specific than the namespace's own: a wall that chooses these very pods.
        assert {"matchLabels": chosen} in walled, deployment.name


def test_production_is_a_whole_platform(prod):
    assert len(prod.resources) >= 150
    kinds = {resource.type.removeprefix("plinth:index:") for resource in prod.resources if not resource.custom}
    kinds.remove("Governor")
    assert kinds == {
        "BackupVault", "Backups", "BatchQueues", "Bedrock", "Cache", "Cluster", "ClusterBase", "CrdBundle",
        "Databases", "DeclaredCollections", "Entry", "Gateway", "GeneralNodePool", "GpuNodePool", "GpuRuntime",
        "ImageRules", "Karpenter", "KeyRotation", "Keys", "KnowledgeGraph", "ModelDeployment", "Monitoring", "Network",
        "ObjectStore", "Postgres", "RemoteGpu", "S3VectorStore", "SecretsBridge", "SecurityBaseline",
        "SnowflakeAccount", "StoreWatch", "Streams", "Tenant", "VectorCollections", "VectorStore", "WarehouseAccess",
        "WorkloadIdentity",
    }  # fmt: skip


def test_the_laptop_talks_to_its_stand_in_and_no_other_environment_does(recorded, environment):
    aws = recorded.one("pulumi:providers:aws").inputs
    kubernetes = recorded.one("pulumi:providers:kubernetes").inputs
    if environment == "local":
        endpoints = json.loads(aws["endpoints"])[0]
        assert set(endpoints.values()) == {"http://127.0.0.1:4566"}
        used = {
            resource.type.split(":")[1].split("/")[0]
            for resource in recorded.resources
            if resource.type.startswith("aws:")
        }
        service = {"vpc": "ec2", "cloudwatch": "cloudwatchlogs"}
        assert {service.get(name, name) for name in used} <= endpoints.keys()
        assert "kubeconfig" not in kubernetes
    else:
        assert "endpoints" not in aws
        assert json.loads(aws["allowedAccountIds"]) == [spec(environment).environment.account_id]
        assert "renderYamlToDirectory" not in kubernetes
    assert json.loads(aws["defaultTags"])["tags"]["owner"] == "ai-platform"


def run(stack, document):
    pulumi.runtime.set_config("plinth:platform", json.dumps(document))
    return record(platform, stack=stack)


def document(name):
    import yaml

    return yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]["plinth:platform"]


def test_a_spec_of_another_environment_is_refused():
    with pytest.raises(pulumi.RunError, match=r"environment.name is 'dev', but the stack is 'prod'"):
        run("prod", document("dev"))


def test_mistakes_in_the_spec_are_one_message_without_a_traceback():
    bad = document("dev")
    bad["monitoring"]["retention_day"] = 3
    bad["tenants"][0]["routes"] = ["caht"]
    with pytest.raises(pulumi.RunError) as refused:
        run("dev", bad)
    assert str(refused.value).startswith("2 mistakes in Pulumi.dev.yaml (plinth:platform):")
    assert "Did you mean 'retention_days'?" in str(refused.value)
    assert "Did you mean 'chat'?" in str(refused.value)
    # Pulumi shows a RunError's message alone; the cause tells our own command that the spec is at fault.
    assert isinstance(refused.value.__cause__, SpecError)
