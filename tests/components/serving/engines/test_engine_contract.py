"""What holds for every engine, whatever runs the model: the same questions, asked of what the program registers."""

import json
from typing import Any

import pytest
from support.engines import ENGINES, model, recorded, spec_of
from support.walls import doors_of, explains, serves

from plinth import addresses
from plinth.cluster import flows
from plinth.gateway import plan
from plinth.serving.engines import engine_of
from plinth_cli.rehearsal.kubernetes.validate import validate_object

NAMESPACE = "plinth-serving"
CONTROLLERS = {"kserve": "serving-kserve", "ray": "kuberay"}


@pytest.fixture(scope="module")
def spec():
    return spec_of([model(engine) for engine in ENGINES])


@pytest.fixture(scope="module")
def made(spec):
    return recorded(spec)


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return request.param


def of_model(made, engine: str) -> list[Any]:
    return [resource for resource in made.resources if resource.name.startswith(f"model-chat-{engine}-")]


def one(made, engine: str, kind: str) -> Any:
    (found,) = [resource for resource in of_model(made, engine) if resource.type.endswith(f":{kind}")]
    return found


def gpu_pod(made, engine: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The pod spec that holds the GPUs, and its labels."""
    if engine == "kserve":
        service = one(made, engine, "LLMInferenceService").inputs
        # KServe's own labels (KServe v0.20, `singleNodeLabels`), which it puts on whatever the service says.
        labels = {
            "app.kubernetes.io/name": service["metadata"]["name"],
            "app.kubernetes.io/part-of": "llminferenceservice",
            "app.kubernetes.io/component": "llminferenceservice-workload",
            "kserve.io/component": "workload",
        }
        return service["spec"]["template"], labels
    if engine == "ray":
        (group,) = one(made, engine, "RayService").inputs["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        return group["template"]["spec"], group["template"]["metadata"]["labels"] | {"ray.io/group": group["groupName"]}
    deployment = one(made, engine, "Deployment").inputs["spec"]["template"]
    return deployment["spec"], deployment["metadata"]["labels"]


def chosen(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def test_every_object_is_valid(made):
    wrong = []
    for resource in made.resources:
        ours = resource.name.startswith(("model-", "serving"))
        if ours and "apiVersion" in resource.inputs and "kind" in resource.inputs:
            wrong += [f"{resource.name}: {problem}" for problem in validate_object(resource.inputs)]
    assert wrong == []


def test_it_reads_its_own_weights_as_itself(made, engine):
    pod, _ = gpu_pod(made, engine)
    association = made.one(
        "aws:eks/podIdentityAssociation:PodIdentityAssociation", f"model-chat-{engine}-identity-association"
    )
    assert pod["serviceAccountName"] == association.inputs["serviceAccount"] == f"chat-{engine}"
    assert association.inputs["namespace"] == NAMESPACE
    policy = made.one("aws:iam/rolePolicy:RolePolicy", f"model-chat-{engine}-identity-weights").inputs["policy"]
    read = next(statement for statement in json.loads(policy)["Statement"] if statement["Sid"] == "ReadWeights")
    assert [arn.partition("/")[2] for arn in read["Resource"]] == [f"acme/chat-{engine}/2026-10-01/*"]
    assert f"acme/chat-{engine}/2026-10-01" in json.dumps([resource.inputs for resource in of_model(made, engine)])


def test_its_gpus_are_asked_for_and_bounded(made, engine):
    pod, _ = gpu_pod(made, engine)
    (container,) = pod["containers"]
    limits, requests = container["resources"]["limits"], container["resources"]["requests"]
    assert limits["nvidia.com/gpu"] == requests["nvidia.com/gpu"] == "1"
    assert limits["memory"] == requests["memory"]
    assert limits["cpu"]
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_it_runs_on_its_pool_alone_and_spread(made, engine):
    pod, labels = gpu_pod(made, engine)
    assert pod["nodeSelector"] == {"plinth.dev/pool": "gpus"}
    assert any(toleration["key"] == "nvidia.com/gpu" for toleration in pod["tolerations"])
    for constraint in pod["topologySpreadConstraints"]:
        assert chosen(constraint["labelSelector"]["matchLabels"], labels)


def test_it_is_restricted(made, engine):
    pods_of = [gpu_pod(made, engine)[0]]
    if engine == "ray":
        cluster = one(made, engine, "RayService").inputs["spec"]["rayClusterConfig"]
        pods_of.append(cluster["headGroupSpec"]["template"]["spec"])
    if engine == "kserve":
        pods_of.append(one(made, engine, "Deployment").inputs["spec"]["template"]["spec"])
    for pod in pods_of:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "@sha256:" in container["image"]
            assert container["resources"]["limits"]["memory"]


def test_it_is_probed(made, engine):
    pod, _ = gpu_pod(made, engine)
    (container,) = pod["containers"]
    if engine == "ray":
        # KubeRay knows its nodes' health; a probe given here would replace the one that waits for Serve's proxy.
        assert not {"livenessProbe", "readinessProbe", "startupProbe"} & set(container)
        return
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] == 15 * 60
    assert container["readinessProbe"]
    assert container["livenessProbe"]


def test_a_drain_leaves_a_replica(made, engine):
    _, labels = gpu_pod(made, engine)
    budget = one(made, engine, "PodDisruptionBudget").inputs["spec"]
    assert chosen(budget["selector"]["matchLabels"], labels)
    if engine == "ray":
        # Kubernetes refuses `maxUnavailable` for pods of owners that it cannot ask for their number.
        assert budget["minAvailable"] == 1
        assert "maxUnavailable" not in budget
    else:
        assert budget["maxUnavailable"] == 1


def test_an_answer_under_way_may_finish(made, spec, engine):
    pod, _ = gpu_pod(made, engine)
    assert pod["terminationGracePeriodSeconds"] > spec.gateway.request_timeout_seconds


def walls(made, engine: str) -> list[dict[str, Any]]:
    return [found.inputs["spec"] for found in of_model(made, engine) if found.type.endswith(":NetworkPolicy")]


def test_the_gateway_gets_in_where_the_address_leads(made, spec, engine):
    """From the gateway's configuration through Service and wall to a named port of a pod."""
    wanted = next(found for found in spec.models if found.name == f"chat-{engine}")
    found = engine_of(wanted)
    backend = next(one_of for one_of in plan.runtime_config(spec).backends if one_of.name == wanted.name)
    assert backend.base_url == f"http://{found.service_name(wanted)}.{NAMESPACE}.svc.cluster.local:{found.port}/v1"
    if engine == "ray":
        pod, labels = gpu_pod(made, engine)  # KubeRay makes the Service; the workers answer
        assert {"name": "serve", "containerPort": found.port} in pod["containers"][0]["ports"]
    else:
        service = one(made, engine, "Service").inputs
        assert service["metadata"]["name"] == found.service_name(wanted)
        port = next(port for port in service["spec"]["ports"] if port["port"] == found.port)
        deployments = [item.inputs["spec"] for item in of_model(made, engine) if item.type.endswith(":Deployment")]
        (behind,) = [
            item["template"]
            for item in deployments
            if chosen(service["spec"]["selector"], item["template"]["metadata"]["labels"])
        ]
        labels = behind["metadata"]["labels"]
        ports = [port for container in behind["spec"]["containers"] for port in container["ports"]]
        assert [item["containerPort"] for item in ports if item["name"] == port["targetPort"]] == [found.port]
    (rule,) = [
        rule
        for wall in walls(made, engine)
        if chosen(wall["podSelector"]["matchLabels"], labels)
        for rule in wall["ingress"]
        if any(
            peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/component") == addresses.GATEWAY
            for peer in rule["from"]
        )
    ]
    assert found.port in [port["port"] for port in rule["ports"]]


def test_only_named_peers_get_in(made, engine):
    _, labels = gpu_pod(made, engine)
    (wall,) = [wall for wall in walls(made, engine) if chosen(wall["podSelector"]["matchLabels"], labels)]
    assert wall["policyTypes"] == ["Ingress", "Egress"]
    for rule in wall["ingress"]:
        assert rule["from"]
        for peer in rule["from"]:
            assert peer["namespaceSelector"]


def test_prometheus_reads_its_queue(made, spec, engine):
    wanted = next(found for found in spec.models if found.name == f"chat-{engine}")
    _, labels = gpu_pod(made, engine)
    monitors = [
        found.inputs
        for found in made.resources
        if found.type.endswith(":PodMonitor") and chosen(found.inputs["spec"]["selector"]["matchLabels"], labels)
    ]
    pod, _ = gpu_pod(made, engine)
    named = {port["name"] for port in pod["containers"][0]["ports"]}
    assert any(endpoint["port"] in named for monitor in monitors for endpoint in monitor["spec"]["podMetricsEndpoints"])
    waiting = engine_of(wanted).signals(wanted).waiting
    assert waiting.startswith("sum(")
    assert f'"{wanted.name}"' in waiting
    assert f'namespace="{NAMESPACE}"' in waiting


def test_its_replicas_follow_load_through_whoever_owns_them(made, spec, engine):
    wanted = next(found for found in spec.models if found.name == f"chat-{engine}")
    target = engine_of(wanted).scale_target(wanted, spec.gpu_pools[0])
    scaled = [found for found in of_model(made, engine) if found.type.endswith(":ScaledObject")]
    if target is None:
        assert scaled == []
        cluster = one(made, engine, "RayService").inputs["spec"]["rayClusterConfig"]
        assert cluster["enableInTreeAutoscaling"] is True
        (group,) = cluster["workerGroupSpecs"]
        assert (group["minReplicas"], group["maxReplicas"]) == (1, 2)
        return
    (found,) = scaled
    assert found.inputs["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": target.name,
    }
    owner = "LLMInferenceService" if engine == "kserve" else "Deployment"
    assert "replicas" not in one(made, engine, owner).inputs["spec"]


def test_it_waits_for_its_controller_and_its_nodes(made, engine):
    kinds = {"kserve": "LLMInferenceService", "ray": "RayService"}
    workload = one(made, engine, kinds.get(engine, "Deployment"))
    assert "pool-gpus-pool" in workload.depends_on
    if engine in CONTROLLERS:
        assert CONTROLLERS[engine] in workload.depends_on


def test_only_controllers_that_are_needed_are_there(made):
    releases = {found.name for found in made.of("kubernetes:helm.sh/v3:Release") if found.name.startswith("serving-")}
    assert releases == {"serving-cert-manager", "serving-kserve"}
    assert [found.name for found in made.of("kubernetes:helm.sh/v3:Release") if "kuberay" in found.name] == [
        "crds-kuberay",
        "kuberay",
    ]
    alone = recorded(spec_of([model("vllm")]))
    assert not [found.name for found in alone.resources if found.name.startswith(("serving", "kuberay"))]


def test_the_table_of_flows_and_the_walls_say_the_same(made, spec):
    table = flows.flows(spec)
    doors = list(doors_of(made))
    for door in doors:
        if door.subject.namespace == NAMESPACE or "kuberay" in str(door.subject):
            assert any(explains(flow, door) for flow in table), door
    for flow in table:
        if flows.MODELS in (flow.source, flow.destination) or flow.source == flows.KUBERAY:
            for port in flow.ports or [None]:
                if isinstance(flow.destination, flows.Pods):
                    assert any(serves(flow, port, door, inward=True) for door in doors), flow
                assert any(serves(flow, port, door, inward=False) for door in doors), flow
