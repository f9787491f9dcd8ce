"""What a model may ask for beyond one pod of vLLM: rendered by the whole program, judged by Kubernetes' schemas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer
from support.recorder import record
from support.worlds import ROOT

from plinth.gateway import plan as gateway_plan
from plinth.program import build
from plinth.serving import fetch, revisions, vllm
from plinth.spec import SpecError, load_spec
from plinth_cli.rehearsal.kubernetes.validate import validate_object

DEPLOYMENT, JOB = "kubernetes:apps/v1:Deployment", "kubernetes:batch/v1:Job"
GROUPS = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"
WALL = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
IMAGE = "777788889999.dkr.ecr.us-east-1.amazonaws.com/vllm@sha256:" + "1" * 64
WEIGHTS = "777788889999.dkr.ecr.us-east-1.amazonaws.com/weights@sha256:" + "2" * 64
SMALL = {"parameters_billion": 8.03, "layers": 32, "kv_heads": 8, "head_dim": 128}


def model(name, **changes):
    return {
        "kind": "self_hosted",
        "name": name,
        "source": {"kind": "s3", "path": f"acme/{name}"},
        "engine": {"kind": "vllm", "image": IMAGE},
        "pool": "h100-reserved",
        "architecture": SMALL,
        **changes,
    }


GIANT = model(
    "giant",
    architecture={"parameters_billion": 405.8, "layers": 126, "kv_heads": 8, "head_dim": 128},
    parallelism={"tensor": 8, "pipeline": 2},
    replicas={"min": 1, "max": 2},
)
WIDE = model("wide", parallelism={"tensor": 2, "data": 8})
SLEEPY = model(
    "sleepy",
    source={"kind": "oci", "image": WEIGHTS},
    replicas={"min": 0, "max": 1},
    scale_to_zero={"idle_minutes": 10, "hold_seconds": 300, "hold_requests": 50},
)


def platform(*models, routes=(), **changes):
    data = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]
    data["gpu_pools"][0]["max_gpus"] = 128
    data["models"] += models
    data["gateway"]["routes"] += [{"name": f"to-{name}", "targets": [{"model": name}]} for name in routes]
    for name, change in changes.items():
        next(it for it in data["models"] if it["name"] == name.replace("_", "-")).update(change)
    return data


CANARY = {"weight": 10, "source": {"kind": "s3", "path": "acme/chat-large-70b/2026-11-15"}}


@pytest.fixture(scope="module")
def spec():
    return load_spec(platform(GIANT, WIDE, SLEEPY, routes=["giant", "sleepy"], chat_large={"canary": CANARY}))


@pytest.fixture(scope="module")
def made(spec):
    return record(lambda: build(spec), stack="prod")


def pod_of(recorded, name):
    return recorded.one(DEPLOYMENT, name).inputs["spec"]["template"]["spec"]


def mistakes(data):
    with pytest.raises(SpecError) as caught:
        load_spec(data)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_kubernetes_accepts_every_object_of_the_models(made):
    kinds = ("ServiceAccount", "Deployment", "LeaderWorkerSet", "Service", "ScaledObject", "NetworkPolicy", "Job")
    objects = [
        it
        for it in made.resources
        if it.name.startswith("model-") and it.type.startswith("kubernetes:") and it.inputs.get("kind") in kinds
    ]
    assert {it.inputs["kind"] for it in objects} >= set(kinds) - {"Job"}
    assert {it.name: validate_object(it.inputs) for it in objects if validate_object(it.inputs)} == {}


# Several nodes


def test_a_replica_on_two_nodes_is_a_group_with_one_leader_that_answers(made):
    wanted = made.one(GROUPS, "model-giant-groups")
    assert "lws" in wanted.depends_on
    group = wanted.inputs["spec"]["leaderWorkerTemplate"]
    assert (group["size"], group["restartPolicy"]) == (2, "RecreateGroupOnPodRestart")
    assert "replicas" not in wanted.inputs["spec"]  # the autoscaler's
    leader, worker = (group[f"{role}Template"]["spec"]["containers"][0] for role in ("leader", "worker"))
    assert leader["resources"]["limits"]["nvidia.com/gpu"] == worker["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert leader["command"] == [
        "sh",
        "-c",
        'exec vllm serve "$@" --distributed-executor-backend=mp --nnodes=2'
        ' --node-rank="$LWS_WORKER_INDEX" --master-addr="$LWS_LEADER_ADDRESS"',
        "vllm",
    ]
    assert "--headless" in worker["command"][2]
    assert leader["args"] == worker["args"]
    assert {"--tensor-parallel-size=8", "--pipeline-parallel-size=2"} <= set(leader["args"])
    # Only the leader has an API to probe.
    assert "readinessProbe" in leader
    assert {"readinessProbe", "startupProbe", "livenessProbe", "ports"} & set(worker) == set()
    service = made.one("kubernetes:core/v1:Service", "model-giant-service").inputs["spec"]
    budget = made.one("kubernetes:policy/v1:PodDisruptionBudget", "model-giant-disruption").inputs["spec"]
    assert service["selector"]["plinth.dev/role"] == "leader"
    assert budget["selector"]["matchLabels"] == service["selector"]
    assert group["leaderTemplate"]["metadata"]["labels"]["plinth.dev/role"] == "leader"
    target = made.one(SCALED, "model-giant-scaling").inputs["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "giant"}


def test_the_pods_of_a_replica_are_in_one_zone_and_reach_each_other(made):
    group = made.one(GROUPS, "model-giant-groups").inputs["spec"]["leaderWorkerTemplate"]
    for role in ("leader", "worker"):
        (term,) = group[f"{role}Template"]["spec"]["affinity"]["podAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert term["topologyKey"] == "topology.kubernetes.io/zone"
        assert term["matchLabelKeys"] == ["leaderworkerset.sigs.k8s.io/group-key"]
    wall = made.one(WALL, "model-giant-wall").inputs["spec"]
    inside = [rule for rule in wall["ingress"] if "ports" not in rule]
    assert [peer["podSelector"] for rule in inside for peer in rule["from"]] == [wall["podSelector"]]
    small = made.one(WALL, "model-chat-small-wall").inputs["spec"]
    assert [rule for rule in small["ingress"] if "ports" not in rule] == []


def test_copies_that_fit_a_node_are_spread_over_the_nodes(made):
    group = made.one(GROUPS, "model-wide-groups").inputs["spec"]["leaderWorkerTemplate"]
    worker = group["workerTemplate"]["spec"]["containers"][0]
    assert "--data-parallel-size=8" in worker["args"]
    script = worker["command"][2]
    assert "--data-parallel-size-local=4" in script
    shell = script.replace("exec vllm serve", "echo")
    variables = {"LWS_LEADER_ADDRESS": "wide-0.wide", "LWS_WORKER_INDEX": "1", "PATH": os.environ["PATH"]}
    said = subprocess.run(
        ["sh", "-c", shell, "vllm", "s3://weights"], env=variables, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "--data-parallel-start-rank=4" in said
    assert "--data-parallel-address=wide-0.wide" in said


@pytest.mark.parametrize(
    ("shape", "field", "words"),
    [
        ({"tensor": 16}, "tensor", "at most 8, the GPUs of a node"),
        ({"tensor": 4, "pipeline": 3}, "pipeline", "a multiple of 8"),
        ({"tensor": 8, "pipeline": 2, "data": 2}, "data", "larger than a node"),
    ],
)
def test_a_replica_that_lies_on_no_nodes_is_refused(shape, field, words):
    found = mistakes(platform(model("odd", parallelism=shape)))
    assert words in found[f"models[10].parallelism.{field}"]


# Weights and what is beside them


def test_a_draft_model_and_adapters_are_fetched_before_vllm_starts(made):
    pod = pod_of(made, "model-chat-large-deployment")
    (init,) = pod["initContainers"]
    assert init["command"][:2] == ["python3", "-c"]
    assert init["args"] == ["storage-models-id", "acme/chat-draft-1b/2026-10-01=/fetched/draft"]
    speculation = next(it for it in pod["containers"][0]["args"] if it.startswith("--speculative-config="))
    assert json.loads(speculation.partition("=")[2]) == {
        "method": "draft_model",
        "model": "/fetched/draft",
        "num_speculative_tokens": 5,
    }
    small = pod_of(made, "model-chat-small-deployment")["containers"][0]["args"]
    place = small.index("--lora-modules")
    assert small[place + 1] == "support-tone=/fetched/adapters/support-tone"
    assert {"--enable-lora", "--max-lora-rank=16", "--max-loras=1"} <= set(small)
    policy = json.loads(made.one("aws:iam/rolePolicy:RolePolicy", "model-chat-small-identity-weights").inputs["policy"])
    read = next(it for it in policy["Statement"] if it["Sid"] == "ReadWeights")
    assert [it.rpartition("acme")[2] for it in read["Resource"]] == [
        "/chat-small-8b/2026-10-01/*",
        "/adapters/support-tone/2026-10-20/*",
    ]


def test_the_fetching_script_copies_what_is_under_a_prefix(tmp_path, monkeypatch):
    cloud = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    cloud.start()
    try:
        host, port = cloud.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        storage = boto3.client("s3")
        storage.create_bucket(Bucket="models")
        for key in ("a/1/config.json", "a/1/deep/x.safetensors", "a/12/other", "b/y"):
            storage.put_object(Bucket="models", Key=key, Body=key.encode())
        command = [sys.executable, "-c", Path(fetch.__file__).read_text(), "models"]
        for _ in range(2):
            subprocess.run([*command, f"a/1={tmp_path}/one", f"b={tmp_path}/two"], check=True)
        found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
        assert found == ["one/config.json", "one/deep/x.safetensors", "two/y"]
        missing = subprocess.run([*command, f"gone={tmp_path}/three"], check=False, capture_output=True, text=True)
        assert missing.returncode == 1
        assert "s3://models/gone/ has no files" in missing.stderr
    finally:
        cloud.stop()


def test_weights_in_an_image_are_mounted_and_need_nothing_of_the_bucket(made):
    pod = pod_of(made, "model-sleepy-deployment")
    volume = next(it for it in pod["volumes"] if it["name"] == "weights")
    assert volume["image"] == {"reference": WEIGHTS, "pullPolicy": "IfNotPresent"}
    (container,) = pod["containers"]
    assert container["args"][0] == vllm.WEIGHTS
    assert {"name": "weights", "mountPath": vllm.WEIGHTS, "readOnly": True} in container["volumeMounts"]
    assert [it.name for it in made.resources if it.name.startswith("model-sleepy-identity")] == []
    assert len(made.one(WALL, "model-sleepy-wall").inputs["spec"]["egress"]) == 1  # names only


def test_the_kv_cache_that_is_kept_fits_the_pods_memory(made):
    pod = pod_of(made, "model-chat-large-deployment")
    (container,) = pod["containers"]
    assert {"--kv-offloading-backend=native", "--kv-offloading-size=256"} <= set(container["args"])
    assert "--kv-cache-dtype=fp8" in container["args"]
    shared = next(it for it in pod["volumes"] if it["name"] == "shm")
    assert int(shared["emptyDir"]["sizeLimit"].removesuffix("Gi")) > 256
    found = mistakes(platform(chat_small={"kv_offload_gib": 30}))
    assert "at most 11: half of the host memory" in found["models[1].kv_offload_gib"]


# Nobody asks, and somebody does


def test_a_sleeping_model_is_woken_by_requests_that_wait_at_the_gateway(made, spec):
    wanted = made.one(SCALED, "model-sleepy-scaling").inputs["spec"]
    assert (wanted["minReplicaCount"], wanted["maxReplicaCount"], wanted["cooldownPeriod"]) == (0, 1, 600)
    assert wanted["fallback"]["replicas"] == 1
    queries = {it["name"]: it["metadata"] for it in wanted["triggers"]}
    assert queries["waiting"]["query"].startswith(
        '(sum(plinth_gateway_held_requests{backend="sleepy"}) or vector(0)) + (sum(vllm:num_requests_waiting{'
    )
    assert {it["activationThreshold"] for it in queries.values()} == {"0"}
    assert "plinth_gateway_requests_total" in queries["in-use"]["query"]
    backend = next(it for it in gateway_plan.runtime_config(spec).backends if it.name == "sleepy")
    assert backend.hold is not None
    assert (backend.hold.max_requests, backend.hold.seconds) == (50, 300)
    # Nobody gets up because a model sleeps, only when it does not wake.
    rules = made.one("kubernetes:monitoring.coreos.com/v1:PrometheusRule", "monitoring-alerts").inputs["spec"]
    alerts = {rule["alert"]: rule["expr"] for rule in rules["groups"][0]["rules"]}
    assert 'backend!~"sleepy"' in alerts["BackendDown"]
    assert 'deployment!~"sleepy"' in alerts["ModelDown"]
    assert "plinth_gateway_held_requests" in alerts["ModelDoesNotWake"]


def test_zero_replicas_are_said_in_both_places_and_on_a_route_alone():
    zero = {"replicas": {"min": 0, "max": 1}}
    assert "go together" in mistakes(platform(model("odd", **zero)))["models[10]"]
    found = mistakes(platform(chat_small={"replicas": {"min": 0, "max": 12}, "scale_to_zero": {}}))
    assert "chat-small alone: it is scaled to zero" in found["gateway.routes[0].targets"]


# Trying a revision out


def test_a_canary_runs_beside_the_model_and_gets_its_percent(made, spec):
    args = pod_of(made, "model-chat-large-next-deployment")["containers"][0]["args"]
    assert args[0].endswith("/acme/chat-large-70b/2026-11-15")
    assert "--served-model-name=chat-large-next" in args
    assert made.one(DEPLOYMENT, "model-chat-large-next-deployment").inputs["spec"]["replicas"] == 1
    route = next(it for it in gateway_plan.runtime_config(spec).routes if it.name == "chat-large")
    # 8 to 2 to 1, and a tenth of the first.
    assert [(it.backend, it.model, it.weight) for it in route.targets] == [
        ("chat-large", "chat-large", 36),
        ("chat-large-next", "chat-large-next", 4),
        ("acme-euw-h200", "chat-large", 10),
        ("colo-h200", "chat-large", 5),
    ]


def test_rolling_back_is_weight_zero():
    stopped = load_spec(platform(chat_large={"canary": {**CANARY, "weight": 0}}))
    route = next(it for it in stopped.gateway.routes if it.name == "chat-large")
    assert [(it.server, it.weight) for it in revisions.shares(route, stopped.models)] == [
        ("chat-large", 8),
        ("acme-euw-h200", 2),
        ("colo-h200", 1),
    ]


def test_an_adapter_is_asked_for_by_its_name_at_its_models_server(spec):
    route = next(it for it in gateway_plan.runtime_config(spec).routes if it.name == "chat-support")
    assert [(it.backend, it.model, it.weight) for it in route.targets] == [("chat-small", "support-tone", 1)]


def test_names_of_adapters_and_canaries_are_nobody_elses():
    twin = {"adapters": [{"name": "chat-large", "path": "acme/a"}]}
    found = mistakes(platform(chat_small=twin))
    assert "models[0] does not have" in found["models[1].adapters[0].name"]
    found = mistakes(platform(model("chat-large-next"), chat_large={"canary": CANARY}))
    assert "models[0] has a canary" in found["models[10].name"]
