import gc
import json
import logging
import runpy

import pulumi
import pytest
import yaml
from support import recorder
from support.platforms import recorded_platform
from support.recorder import record
from support.worlds import ROOT

from plinth import naming

STACK = ROOT / "stacks/training"
REFERENCE = "pulumi:pulumi:StackReference"
TRAIN = "kubernetes:trainer.kubeflow.org/v1alpha1:"
RAY = "kubernetes:ray.io/v1:RayJob"
POLICY = "aws:iam/rolePolicy:RolePolicy"
WALL = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """One failing fact fails every Output made from it; asyncio tells of each that nobody else asked for."""
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)
    yield
    gc.collect()


def configuration(environment):
    return yaml.safe_load((STACK / f"Pulumi.{environment}.yaml").read_text())["config"]["training:team"]


def run(monkeypatch, environment, document=None, *, preview=False):
    platform = recorded_platform(environment)
    contract = platform.value(platform.result)
    monkeypatch.setitem(recorder.OUTPUTS, REFERENCE, lambda name: {"outputs": {"contract": contract}})
    pulumi.runtime.set_config("training:team", json.dumps(document or configuration(environment)))
    program = lambda: runpy.run_path(str(STACK / "__main__.py"), run_name="__main__")  # noqa: E731
    return record(program, project="training", stack=environment, preview=preview)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_identities_are_the_same_in_a_preview(monkeypatch, environment):
    recorded = run(monkeypatch, environment)
    names = {(resource.type.rpartition(":")[2], resource.name) for resource in recorded.resources}
    assert {
        ("TrainingJob", "job-reranker"),
        ("ServiceAccount", "job-reranker-account"),
        ("WorkloadIdentity", "job-reranker-identity"),
        ("NetworkPolicy", "job-reranker-wall"),
        ("TrainingRuntime", "job-reranker-runtime"),
        ("TrainJob", "job-reranker-run"),
    } <= names
    assert run(monkeypatch, environment, preview=True).identities == recorded.identities


def pods(recorded):
    """Every pod template of the stack's jobs, by what it is for."""
    runtime = recorded.one(f"{TRAIN}TrainingRuntime").inputs["spec"]
    (job,) = runtime["template"]["spec"]["replicatedJobs"]
    found = {"node": job["template"]["spec"]["template"]}
    cluster = recorded.one(RAY).inputs["spec"]
    found["head"] = cluster["rayClusterSpec"]["headGroupSpec"]["template"]
    found["worker"] = cluster["rayClusterSpec"]["workerGroupSpecs"][0]["template"]
    found["submitter"] = cluster["submitterPodTemplate"]
    return found


def test_jobs_line_up_in_the_tenants_queue(monkeypatch):
    recorded = run(monkeypatch, "prod")
    for kind, urgency in ((f"{TRAIN}TrainJob", "normal"), (RAY, "low")):
        metadata = recorded.one(kind).inputs["metadata"]
        assert metadata["namespace"] == "tenant-search"
        assert metadata["labels"]["kueue.x-k8s.io/queue-name"] == "batch"
        assert metadata["labels"]["kueue.x-k8s.io/priority-class"] == urgency
    local = recorded_platform("prod").one("kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue", "tenant-search-queue")
    assert local.inputs["metadata"] | {"labels": None} == {
        "name": "batch",
        "namespace": "tenant-search",
        "labels": None,
    }


def test_every_pod_is_restricted_and_below_everything_else(monkeypatch):
    for name, pod in pods(run(monkeypatch, "prod")).items():
        spec = pod["spec"]
        assert spec["priorityClassName"] == naming.BATCH_PRIORITY, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


def test_nodes_are_in_the_pool_and_ask_for_what_the_spec_says(monkeypatch):
    found = pods(run(monkeypatch, "prod"))
    spec = found["node"]["spec"]
    assert spec["nodeSelector"] == found["worker"]["spec"]["nodeSelector"] == {naming.POOL_LABEL: "a100-training"}
    (container,) = spec["containers"]
    assert container["name"] == "node"
    assert container["resources"]["limits"] == {"cpu": "80", "memory": "960Gi", "nvidia.com/gpu": "8"}
    for name in ("head", "submitter"):
        assert "nodeSelector" not in found[name]["spec"]
        assert "nvidia.com/gpu" not in found[name]["spec"]["containers"][0]["resources"]["limits"]


def test_nodes_that_are_taken_away_start_again_without_end_and_failures_do_not(monkeypatch):
    recorded = run(monkeypatch, "prod")
    jobs = recorded.one(f"{TRAIN}TrainingRuntime").inputs["spec"]["template"]["spec"]
    assert jobs["failurePolicy"]["maxRestarts"] == 3
    (rule,) = jobs["failurePolicy"]["rules"]
    assert (rule["action"], rule["onJobFailureReasons"]) == ("RestartJobSetAndIgnoreMaxRestarts", ["PodFailurePolicy"])
    job = jobs["replicatedJobs"][0]["template"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    train = recorded.one(f"{TRAIN}TrainJob").inputs["spec"]
    assert train["activeDeadlineSeconds"] == 2880 * 60
    assert train["trainer"] == {"numNodes": 2, "numProcPerNode": 8}
    assert train["runtimeRef"]["name"] == recorded.one(f"{TRAIN}TrainingRuntime").inputs["metadata"]["name"]


def test_a_job_writes_its_own_checkpoints_and_reads_the_tenants_data(monkeypatch):
    recorded = run(monkeypatch, "prod")
    checkpoints = json.loads(recorded.one(POLICY, "job-reranker-identity-checkpoints").inputs["policy"])
    by_sid = {statement["Sid"]: statement for statement in checkpoints["Statement"]}
    (objects,) = by_sid["Objects"]["Resource"]
    assert objects.startswith("arn:aws:s3:::storage-artifacts")
    assert objects.endswith("/tenants/search/checkpoints/reranker/*")
    assert "s3:PutObject" in by_sid["Objects"]["Action"]
    data = json.loads(recorded.one(POLICY, "job-reranker-identity-datasets").inputs["policy"])
    by_sid = {statement["Sid"]: statement for statement in data["Statement"]}
    assert by_sid["Objects"]["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert by_sid["Objects"]["Resource"][0].endswith("/tenants/search/*")
    assert by_sid["Key"]["Action"] == ["kms:Decrypt"]
    (container,) = pods(recorded)["node"]["spec"]["containers"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["CHECKPOINT_URI"].startswith("s3://storage-artifacts")
    assert variables["CHECKPOINT_URI"].endswith("/tenants/search/checkpoints/reranker/")
    association = recorded.one(
        "aws:eks/podIdentityAssociation:PodIdentityAssociation", "job-reranker-identity-association"
    )
    assert association.inputs["serviceAccount"] == pods(recorded)["node"]["spec"]["serviceAccountName"]


def test_pods_reach_aws_and_the_operator_alone_gets_in_to_ray(monkeypatch):
    recorded = run(monkeypatch, "prod")
    assert {wall.inputs["spec"]["policyTypes"][0] for wall in recorded.of(WALL)} == {"Egress"}
    head = recorded_platform("prod").one(WALL, "tenant-search-ray").inputs["spec"]
    assert head["podSelector"] == {"matchLabels": {"ray.io/node-type": "head"}}
    (rule,) = head["ingress"]
    assert rule["ports"] == [{"port": 8265, "protocol": "TCP"}]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "plinth-system"


def test_another_content_is_another_run(monkeypatch):
    document = configuration("dev")
    before = run(monkeypatch, "dev").one(f"{TRAIN}TrainJob").inputs["metadata"]["name"]
    document["jobs"][0]["retries"] = 2
    after = run(monkeypatch, "dev", document).one(f"{TRAIN}TrainJob").inputs["metadata"]["name"]
    assert before != after
    assert before.rpartition("-")[0] == after.rpartition("-")[0] == "reranker"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": "l40s"}, r"pool 'l40s': the queue of tenant 'search' has l4-spot"),
        ({"nodes": 3}, r"nodes x gpus_per_node is 3: the queue hands out at most 2"),
        ({"gpus_per_node": 2, "nodes": 1}, r"gpus_per_node 2: a node of l4-spot has 1"),
        ({"cpus_per_node": 16}, r"cpus_per_node 16: at most 3 beside 1 GPUs"),
        ({"checkpoints": "models"}, r"checkpoints 'models': tenant 'search' has a place in artifacts"),
        ({"kind": "ray", "ray_version": "2.52.0"}, r"kind 'ray': the platform's batch.frameworks has train"),
        ({"kind": "slurm"}, r"(?s)'slurm' is not allowed: one of 'train', 'ray'"),
    ],
)
def test_what_the_queue_does_not_give_is_said_in_words(monkeypatch, changes, message):
    document = configuration("dev")
    document["jobs"][0] |= changes
    with pytest.raises(pulumi.RunError, match=message):
        run(monkeypatch, "dev", document)
