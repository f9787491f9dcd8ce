"""Every pod finds a node, and system nodes are for system pods."""

import json

import pytest
from support.platforms import recorded_platform
from support.scheduling import RELEASE, Nodes, Pod, fits, nodes_of, pods_of

from plinth import naming, pods

ENVIRONMENTS = ["local", "dev", "staging", "prod"]
SYSTEM = Nodes("system", {}, ({"key": naming.SYSTEM_TAINT, "value": "true", "effect": "NoSchedule"},))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_pod_finds_a_node(name):
    recording = recorded_platform(name)
    nodes = nodes_of(recording)
    lost = [pod for pod in pods_of(recording) if not any(fits(pod, group) for group in nodes)]
    assert not lost, f"no node group or pool takes them: {lost}"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_only_the_systems_own_pods_tolerate_the_system_nodes(name):
    for pod in pods_of(recorded_platform(name)):
        if pod.tolerates == {"*"}:  # an agent on every node
            continue
        assert pod.namespace == naming.SYSTEM_NAMESPACE or naming.SYSTEM_TAINT not in pod.tolerates, pod


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_controllers_and_the_gateway_start_without_karpenters_nodes(name):
    recording = recorded_platform(name)
    (system,) = [nodes for nodes in nodes_of(recording) if nodes.name == "cluster-system-nodes"]
    releases = [r for r in recording.of(RELEASE) if r.inputs["namespace"] == naming.SYSTEM_NAMESPACE]
    # Stores belong on Karpenter's nodes.
    wanted = {"gateway-deployment", *(r.name for r in releases if not r.inputs["chart"].endswith("qdrant"))}
    assert {"karpenter-controller", "secrets-operator"} <= wanted
    placed = [pod for pod in pods_of(recording) if pod.source in wanted]
    assert {pod.source for pod in placed} == wanted
    assert [pod for pod in placed if not fits(pod, system)] == []


def test_addons_that_are_no_daemons_are_told_to_tolerate_the_system_nodes():
    recording = recorded_platform("prod")
    for name in ("coredns", "aws-ebs-csi-driver", "metrics-server"):
        addon = recording.one("aws:eks/addon:Addon", f"cluster-addon-{name}")
        settings = json.loads(addon.inputs["configurationValues"])
        assert settings.get("controller", settings)["tolerations"] == list(pods.SYSTEM_TOLERATIONS)


def test_a_pod_without_a_toleration_stays_off_a_taint():
    assert not fits(Pod("web", "tenant-search"), SYSTEM)
    assert fits(Pod("controller", "plinth-system", pods.SYSTEM_TOLERATIONS), SYSTEM)
    assert not fits(Pod("other", "x", ({"key": "other", "operator": "Exists"},)), SYSTEM)
    assert not fits(Pod("other", "x", ({"key": naming.SYSTEM_TAINT, "value": "false"},)), SYSTEM)


def test_a_pod_goes_where_its_labels_are():
    nodes = Nodes("general", {naming.POOL_LABEL: frozenset(["general"])})
    assert fits(Pod("a", "x", selector={naming.POOL_LABEL: "general"}), nodes)
    assert not fits(Pod("a", "x", selector={naming.POOL_LABEL: "h100"}), nodes)
    term = {"matchExpressions": [{"key": naming.POOL_LABEL, "operator": "DoesNotExist"}]}
    assert not fits(Pod("a", "x", terms=(term,)), nodes)
