"""What each engine's server is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engines import SHAPE, model, spec_of

from plinth import definitions
from plinth.serving import controllers, vllm
from plinth.serving.engines import envoy, ray_config, router, tgi, triton
from plinth.spec.problem import SpecError

LARGE = {"architecture": {**SHAPE, "parameters_billion": 60}, "parallelism": {"tensor": 4}}

DRAFT = {"draft": {"path": "acme/draft/1", "architecture": {**SHAPE, "parameters_billion": 1}}}
ZERO = {"replicas": {"min": 0, "max": 1}, "scale_to_zero": {}}
THREE, FOUR = ({"replicas": {"min": 1, "max": number}} for number in (3, 4))


def only(engine: str, **fields):
    (found,) = spec_of([model(engine, **fields)]).models
    return found


def test_rays_engine_gets_vllms_options_without_those_of_its_server():
    found = only("ray", parallelism={"tensor": 2}, prefix_caching=False)
    arguments = ray_config.engine_arguments(vllm.serve_options(found, 8000, 600))
    assert arguments["tensor_parallel_size"] == 2
    assert arguments["max_model_len"] == 8192
    assert arguments["load_format"] == "runai_streamer"
    assert arguments["enable_prefix_caching"] is False
    assert arguments["model_loader_extra_config"] == {"distributed": True}
    assert not {"host", "port", "served_model_name", "shutdown_timeout"} & set(arguments)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8}){0,2}", fullmatch=True), st.integers() | st.booleans()))
def test_every_option_becomes_an_argument(wanted):
    wanted = {
        name: value for name, value in wanted.items() if not name.startswith("no_") and name not in ("host", "port")
    }

    def option(name, value):
        flag = name.replace("_", "-")
        return f"--{'' if value else 'no-'}{flag}" if isinstance(value, bool) else f"--{flag}={value}"

    assert ray_config.engine_arguments([option(*item) for item in wanted.items()]) == wanted


def test_a_word_that_is_no_option_is_not_swallowed():
    with pytest.raises(ValueError, match="is no option"):
        ray_config.engine_arguments(["s3://models/chat"])


def test_ray_keeps_a_fixed_number_of_replicas_where_the_spec_does():
    fixed = ray_config.deployment_config(only("ray", replicas={"min": 2, "max": 2}), 600)
    assert fixed["num_replicas"] == 2
    assert "autoscaling_config" not in fixed


def test_the_proxy_asks_the_router_before_anything_leaves():
    _, listener = envoy.bootstrap(8000, 600)["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    first, second, last = manager["http_filters"]
    # A client that names a destination itself could reach any address of the cluster.
    assert first["typed_config"]["mutations"]["request_mutations"] == [{"remove": envoy.DESTINATION_HEADER}]
    assert second["typed_config"]["failure_mode_allow"] is False
    assert last["name"] == "envoy.filters.http.router"
    (cluster,) = [
        found for found in envoy.bootstrap(8000, 600)["static_resources"]["clusters"] if found["name"] == "servers"
    ]
    assert cluster["original_dst_lb_config"] == {"use_http_header": True, "http_header_name": envoy.DESTINATION_HEADER}


def test_the_router_looks_for_prefixes_where_servers_keep_them():
    def scorers(**fields):
        (profile,) = router.picker_config(**fields)["schedulingProfiles"]
        return [plugin["pluginRef"] for plugin in profile["plugins"]]

    assert "prefix-cache-scorer" in scorers(prefix_caching=True)
    assert "prefix-cache-scorer" not in scorers(prefix_caching=False)
    declared = [plugin["type"] for plugin in router.picker_config(prefix_caching=True)["plugins"]]
    assert set(scorers(prefix_caching=True)) <= set(declared)


def test_triton_is_called_by_the_name_in_its_repository():
    found = only("triton")
    assert triton.Triton(found.engine).served_name(found) == "tensorrt_llm_bls"
    assert "--model-repository=/weights/repository" in triton.arguments(found.engine, 8000)


def test_tgi_divides_the_context_between_prompt_and_answer():
    options = tgi.arguments(only("tgi", kv_cache_precision="fp8"), 8000)
    assert {"--max-total-tokens=8192", "--max-input-tokens=8191", "--kv-cache-dtype=fp8_e4m3fn"} <= set(options)


@pytest.mark.parametrize(
    ("engine", "fields", "pool", "words"),
    [
        ("triton", {"parallelism": {"tensor": 2}}, {}, ["models[0].parallelism.tensor", "backend 'vllm'"]),
        ("triton", {"kv_cache_precision": "fp8"}, {}, ["models[0].kv_cache_precision", "model repository"]),
        ("tgi", {"prefix_caching": False}, {}, ["models[0].prefix_caching", "vllm, kserve and ray"]),
        ("kserve", {"parallelism": {"pipeline": 2}}, {}, ["models[0].parallelism.pipeline", "vllm would fit"]),
        ("kserve", ZERO, {}, ["models[0].replicas.min", "vllm and tgi"]),
        ("ray", DRAFT, {}, ["models[0]", "draft"]),
        ("triton", {"kv_offload_gib": 8}, {}, ["models[0].kv_offload_gib"]),
        ("tgi", LARGE, {"disk_gib": 100}, ["models[0].pool", "disk_gib of at least 160"]),
        ("ray", THREE, {"max_gpus": 4}, ["gpu_pools[0].max_gpus", "at least 6", "second Ray cluster"]),
        ("kserve", FOUR, {"max_gpus": 4}, ["gpu_pools[0].max_gpus", "at least 5", "one more replica"]),
    ],
)
def test_what_an_engine_cannot_do_is_said_with_what_would_fit(engine, fields, pool, words):
    with pytest.raises(SpecError) as refused:
        spec_of([model(engine, **fields)], **pool)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("version", ["2.51.9", "2.9.0", "1.60.0", "2.52", "latest"])
def test_a_ray_that_knows_no_tokens_is_refused(version):
    engine = {**model("ray")["engine"], "ray_version": version}
    with pytest.raises(SpecError, match=r"2\.52\.0 or newer"):
        spec_of([{**model("ray"), "engine": engine}])


@pytest.mark.parametrize("version", ["2.52.0", "2.60.1", "2.100.0", "3.0.0"])
def test_a_ray_that_knows_tokens_is_taken(version):
    engine = {**model("ray")["engine"], "ray_version": version}
    assert spec_of([{**model("ray"), "engine": engine}])


def test_controllers_keep_to_the_system_nodes_and_bring_no_definitions():
    assert controllers.cert_manager_values()["crds"] == {"enabled": False}
    assert controllers.kserve_values()["kserve"]["llmisvc"]["createGIECRDs"] is False
    assert "CriticalAddonsOnly" in json.dumps(controllers.cert_manager_values()["tolerations"])
    assert "CriticalAddonsOnly" in json.dumps(controllers.kserve_values())


@pytest.mark.parametrize("controller", ["kserve", "kuberay"])
def test_the_definitions_of_a_controller_ship_with_the_platform(controller):
    kinds = {each.kind for project in controllers.PROJECTS[controller] for each in definitions.of_project(project)}
    wanted = {
        "kserve": {
            "LLMInferenceService",
            "LLMInferenceServiceConfig",
            "InferencePool",
            "ClusterStorageContainer",
            "Certificate",
        },
        "kuberay": {"RayService", "RayCluster"},
    }
    assert wanted[controller] <= kinds
