"""GPU nodes get exactly what their pools need, and nothing else is privileged."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.pools import pool_data
from support.recorder import record
from support.worlds import environment, spec

from plinth import naming
from plinth.cluster import device_layer, flows
from plinth.cluster.gpu_runtime import GpuRuntime
from plinth.observability import gpu_metrics
from plinth.spec.gpu import GpuPool

RELEASE = "kubernetes:helm.sh/v3:Release"
DRA = {"image": "al2023", "sharing": {"kind": "dra"}, "fixed_nodes": 2}
TURNS = {"instance_types": ["g6.xlarge"], "image": "al2023", "sharing": {"kind": "time_slicing", "replicas": 4}}


def pool(name="pool", **changes):
    return GpuPool.model_validate({"name": name, "instance_types": ["p5.48xlarge"], "max_gpus": 32, **changes})


def labels(*pools):
    return [release.label for release in device_layer.releases(pools)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["metrics"]),
        ({"sharing": {"kind": "mig", "profile": "1g.10gb"}}, ["metrics"]),
        ({"plane": "auto"}, []),
        ({"image": "al2023"}, ["plugin", "metrics"]),
        (DRA, ["dra", "metrics"]),
        ({"efa": True}, ["efa", "metrics"]),
        ({"instance_types": ["inf2.xlarge"]}, ["neuron"]),
        ({"instance_types": ["trn1.32xlarge"], "efa": True}, ["efa", "neuron"]),
    ],
)
def test_a_pool_brings_what_it_needs(changes, expected):
    assert labels(pool(**changes)) == expected


def test_no_pool_needs_nothing():
    assert labels() == []


def placed(release):
    """Names of the pools on whose nodes a release runs."""
    values = release.values.get("kubeletPlugin", release.values)
    (term,) = values["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (expression,) = term["matchExpressions"]
    assert expression["key"] == naming.POOL_LABEL
    return expression["values"]


def test_no_gpu_is_given_out_twice():
    pools = [pool("plain"), pool("linux", image="al2023"), pool("claims", **DRA)]
    found = {release.label: release for release in device_layer.releases(pools)}
    assert placed(found["plugin"]) == ["linux"]
    assert placed(found["dra"]) == ["claims"]
    assert placed(found["metrics"]) == ["plain", "linux", "claims"]
    assert found["metrics"].values["kubernetesDRA"] == {"enabled": True}


def test_the_plugin_takes_turns_where_the_node_says_so():
    turns = pool("turns", **TURNS)
    (plugin, _) = device_layer.releases([turns, pool("plain", image="al2023")])
    config = plugin.values["config"]
    assert config["default"] == "default"
    assert "sharing" not in yaml.safe_load(config["map"]["default"])
    sharing = yaml.safe_load(config["map"][device_layer.plugin_config(turns)])["sharing"]["timeSlicing"]
    assert sharing == {
        "renameByDefault": True,
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
    }


@given(st.lists(pool_data(), max_size=4))
def test_every_nvidia_pool_has_one_source_of_devices(data):
    pools = []
    for index, one in enumerate(data):
        try:
            pools.append(GpuPool.model_validate({**one, "name": f"pool-{index}"}))
        except ValidationError:
            continue
    found = {release.label: release for release in device_layer.releases(pools)}
    for one in pools:
        sources = [label for label in ("plugin", "dra") if label in found and one.name in placed(found[label])]
        ours = one.plane == "karpenter" and not one.neuron and one.image == "al2023"
        assert len(sources) == ours


@pytest.fixture(scope="module")
def recorded():
    pools = [pool("linux", image="al2023", efa=True), pool("neuron", instance_types=["inf2.xlarge"], max_gpus=4)]
    return record(lambda: GpuRuntime("gpu", environment=environment(), pools=pools, namespace="plinth-nodes") and None)


def test_releases_are_pinned_and_in_the_one_privileged_namespace(recorded):
    releases = recorded.of(RELEASE)
    assert {release.name for release in releases} == {"gpu-plugin", "gpu-efa", "gpu-neuron", "gpu-metrics"}
    for release in releases:
        assert release.inputs["namespace"] == "plinth-nodes"
        assert release.inputs["skipCrds"] is True
        assert release.inputs["version"]


def test_one_host_engine_runs_on_a_node_and_the_exporter_asks_it(recorded):
    values = recorded.one(RELEASE, "gpu-metrics").inputs["values"]
    assert values["arguments"][-2:] == ["-r", "$(NODE_IP):5555"]
    assert values["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert gpu_metrics.XID in values["customMetrics"]


def test_daemons_reach_what_they_need_and_no_more():
    wanted = spec("prod")
    ports = {row.ports for row in flows.flows(wanted) if row.source == flows.AGENTS and row.destination != flows.DNS}
    assert ports == {(device_layer.HOST_ENGINE_PORT,)}
    linux = wanted.model_copy(update={"gpu_pools": [pool(image="al2023")]})
    assert (443,) in {row.ports for row in flows.flows(linux) if row.source == flows.AGENTS}
    assert not {row for row in flows.flows(spec("dev")) if row.source == flows.AGENTS}
