import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.worlds import spec

from plinth import catalogue
from plinth.serving import vllm
from plinth.spec.gpu import GpuPool
from plinth.spec.models import Parallelism, SelfHostedModel

PROD = spec("prod")
MODELS = {model.name: model for model in PROD.models if isinstance(model, SelfHostedModel)}
POOLS = {pool.name: pool for pool in PROD.gpu_pools}
LARGE, SMALL = MODELS["chat-large"], MODELS["chat-small"]


def test_options_of_a_model_on_several_gpus():
    assert vllm.serve_options(LARGE, 8000, 600) == [
        "--host=0.0.0.0",
        "--port=8000",
        "--served-model-name=chat-large",
        "--load-format=runai_streamer",
        "--dtype=auto",
        "--kv-cache-dtype=fp8",
        "--tensor-parallel-size=4",
        "--max-model-len=65536",
        "--gpu-memory-utilization=0.9",
        "--enable-prefix-caching",
        "--shutdown-timeout=600",
        '--model-loader-extra-config={"distributed":true}',
        "--kv-offloading-backend=native",
        "--kv-offloading-size=256",
        '--speculative-config={"method":"draft_model","model":"/fetched/draft","num_speculative_tokens":5}',
    ]


def test_one_gpu_loads_alone_and_says_its_precision():
    options = vllm.serve_options(SMALL, 8000, 600)
    assert "--dtype=bfloat16" in options
    assert not [option for option in options if "distributed" in option]


def test_a_replica_asks_for_its_share_of_the_smallest_instance():
    # g6e.xlarge: 4 processors, 32 GiB, one GPU.
    needs = vllm.pod_resources(SMALL, POOLS["l40s-spot"])
    assert (needs.gpus, needs.cpus, needs.cpu_limit, needs.memory_gib) == (1, 2, 4, 22)
    # Half of a p5.48xlarge: 96 processors, 1 TiB.
    needs = vllm.pod_resources(LARGE, POOLS["h100-reserved"])
    assert (needs.gpus, needs.cpus, needs.cpu_limit, needs.memory_gib, needs.shm_gib) == (4, 67, 96, 716, 16 + 256)


@given(st.sampled_from(sorted(catalogue.instances())), st.data())
def test_all_replicas_of_an_instance_fit_on_it(name, data):
    instance = catalogue.instance(name)
    parallel = data.draw(st.sampled_from([size for size in (1, 2, 4, 8) if size <= instance.gpus]))
    model = SMALL.model_copy(update={"parallelism": Parallelism(tensor=parallel)})
    needs = vllm.pod_resources(model, GpuPool(name="pool", instance_types=[name], max_gpus=16))
    replicas = instance.gpus // parallel
    assert replicas * needs.cpus <= instance.vcpus
    # What the kubelet and the daemons keep for themselves still has room.
    assert replicas * needs.memory_gib <= 0.75 * instance.memory_gib
    assert needs.shm_gib * 2**30 + needs.gpus * needs.streamer_bytes < needs.memory_gib * 2**30


@pytest.mark.parametrize(("spare", "surge", "unavailable"), [(0, 0, 1), (3, 0, 1), (4, 1, 0)])
def test_a_rollout_adds_a_replica_only_where_the_pool_has_room(spare, surge, unavailable):
    pool = POOLS["h100-reserved"].model_copy(update={"max_gpus": 32 + spare})
    rollout = vllm.rollout(LARGE, pool, list(MODELS.values()))
    assert (rollout.max_surge, rollout.max_unavailable) == (surge, unavailable)


def test_nothing_is_written_outside_the_volumes():
    variables = vllm.environment_variables(vllm.pod_resources(SMALL, POOLS["l40s-spot"]), "us-east-1")
    paths = [value for value in variables.values() if value.startswith("/")]
    assert paths
    assert all(path.startswith(vllm.CACHE) for path in paths)


def test_weights_are_fetched_from_the_models_own_region_and_never_taken_for_a_repository():
    variables = vllm.environment_variables(vllm.pod_resources(LARGE, POOLS["h100-reserved"]), "eu-west-1")
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert not {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} & set(variables)
