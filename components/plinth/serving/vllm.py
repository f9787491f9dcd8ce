"""What vLLM is told, and what its pods need. Pure.

Sources: vLLM's documentation (`vllm serve`, environment variables, Run:ai Model Streamer) for vLLM 0.2x, engine V1.
Older images do not know `--shutdown-timeout` and refuse to start.
"""

import json
import math
from dataclasses import dataclass

from plinth.kinds import lws
from plinth.spec import layout, sizing
from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices
from plinth.spec.models import SelfHostedModel
from plinth.spec.sizing import USABLE_SHARE

HEALTH_PATH = "/health"

CACHE = "/cache"
"""Where compiled kernels and CUDA graphs are kept; an emptyDir."""

FETCHED = "/fetched"
"""Where a draft model and adapters are, an emptyDir: only a model's own weights are streamed."""

DRAFT, ADAPTERS = f"{FETCHED}/draft", f"{FETCHED}/adapters"

WEIGHTS = "/weights"
"""Where weights from a container image are mounted."""

RPC_PORT = 13345
"""Port on which the leader of a replica on several nodes coordinates the others' copies."""

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""`--dtype` by precision; quantized checkpoints say theirs in `config.json`, so `auto` reads it there."""


def serve_options(model: SelfHostedModel, port: int, drain_seconds: int, memory_share: float = 1.0) -> list[str]:
    """Options of `vllm serve`, after the address of the weights; running answers get `drain_seconds` to finish.

    `memory_share` is the part of a GPU's memory that is the pod's, where pods take turns on it.
    """
    options = [
        "--host=0.0.0.0",
        f"--port={port}",
        f"--served-model-name={model.name}",
        "--load-format=runai_streamer",
        f"--dtype={DTYPES.get(model.precision, 'auto')}",
        f"--kv-cache-dtype={model.kv_cache_precision}",
        f"--tensor-parallel-size={model.parallelism.tensor}",
        *_parallel_options(model),
        f"--max-model-len={model.max_context_tokens}",
        f"--gpu-memory-utilization={USABLE_SHARE * memory_share:.4g}",
        "--enable-prefix-caching" if model.prefix_caching else "--no-enable-prefix-caching",
        # Its default breaks off every running answer as soon as the pod has to go.
        f"--shutdown-timeout={drain_seconds}",
    ]
    if model.gpus > 1 and model.source.bucket_path:
        # Each GPU's process reads its own share of the weights from S3.
        options.append('--model-loader-extra-config={"distributed":true}')
    if model.kv_offload_gib:
        options += ["--kv-offloading-backend=native", f"--kv-offloading-size={model.kv_offload_gib}"]
    if model.draft:
        plan = {"method": "draft_model", "model": DRAFT, "num_speculative_tokens": model.draft.tokens}
        options.append(f"--speculative-config={json.dumps(plan, separators=(',', ':'))}")
    return options + _adapter_options(model)


def _parallel_options(model: SelfHostedModel) -> list[str]:
    shape = model.parallelism
    pipeline = [f"--pipeline-parallel-size={shape.pipeline}"] if shape.pipeline > 1 else []
    return pipeline + ([f"--data-parallel-size={shape.data}"] if shape.data > 1 else [])


def _adapter_options(model: SelfHostedModel) -> list[str]:
    if not model.adapters:
        return []
    return [
        "--enable-lora",
        f"--max-lora-rank={max(adapter.rank for adapter in model.adapters)}",
        f"--max-loras={sizing.adapters_at_once(model)}",
        f"--max-cpu-loras={len(model.adapters)}",
        "--lora-modules",
        *(f"{adapter.name}={ADAPTERS}/{adapter.name}" for adapter in model.adapters),
    ]


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a replica's pods one is: there is one on each of its nodes."""

    nodes: int
    leads: bool
    """Whether it has the API: the only pod, or the first of several."""

    def command(self, model: SelfHostedModel) -> list[str]:
        """What the container runs; its arguments follow."""
        if self.nodes == 1:
            return ["vllm", "serve"]
        # A shell, because a pod learns its place in the replica from variables, and one option needs arithmetic.
        return ["sh", "-c", f'exec vllm serve "$@" {self._options(model)}', "vllm"]

    def _options(self, model: SelfHostedModel) -> str:
        """Shell words. Copies that fit a node are spread over the nodes; a pipeline goes across them."""
        words = [] if self.leads else ["--headless"]
        leader, index = f'"${lws.LEADER_ADDRESS}"', lws.WORKER_INDEX
        if model.parallelism.data == 1:
            place = [f"--nnodes={self.nodes}", f'--node-rank="${index}"', f"--master-addr={leader}"]
            return " ".join([*words, "--distributed-executor-backend=mp", *place])
        each = model.parallelism.data // self.nodes
        words += [f"--data-parallel-size-local={each}", f"--data-parallel-address={leader}"]
        words += [f"--data-parallel-rpc-port={RPC_PORT}"]
        return " ".join(words if self.leads else [*words, f"--data-parallel-start-rank=$(({index} * {each}))"])


ALONE = Place(nodes=1, leads=True)
"""The only pod of its replica."""


def fetched(model: SelfHostedModel) -> dict[str, str]:
    """Prefixes of the bucket that are copied to a folder before vLLM starts."""
    draft = {model.draft.path: DRAFT} if model.draft else {}
    return draft | {adapter.path: f"{ADAPTERS}/{adapter.name}" for adapter in model.adapters}


def fetched_gib(model: SelfHostedModel) -> int:
    """Disk for it: the draft's weights and a generous adapter's each, in GiB."""
    weights = 2 * model.draft.architecture.parameters_billion if model.draft else 0
    return math.ceil(1.2 * weights) + 2 * len(model.adapters) + 1


def environment_variables(resources: "PodResources", region: str) -> dict[str, str]:
    """Environment of the vLLM container: quiet, and writing only where a volume is.

    Not HF_HUB_OFFLINE: many releases of vLLM then take an `s3://` address for a repository's name and stop.
    """
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,  # boto3, which lists and fetches the files, knows only this one
        "HOME": CACHE,
        "USER": "vllm",  # PyTorch asks for the user's name, and the image has no entry for the pod's user id
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CACHE_ROOT": f"{CACHE}/vllm",
        "TORCHINDUCTOR_CACHE_DIR": f"{CACHE}/inductor",
        "TRITON_CACHE_DIR": f"{CACHE}/triton",
        "RUNAI_STREAMER_MEMORY_LIMIT": str(resources.streamer_bytes),
    }


@dataclass(frozen=True, slots=True)
class PodResources:
    """What one replica requests."""

    gpus: int
    cpus: int
    cpu_limit: int
    memory_gib: int
    shm_gib: int
    """Shared memory between the processes of a pod; counts toward `memory_gib`."""
    kv_offload_gib: int = 0
    """What of it keeps KV cache that no longer fits the GPUs."""

    @property
    def streamer_bytes(self) -> int:
        """Memory that the weight streamer of each GPU's process may buffer in: a quarter of the replica's, shared.

        Its own defaults, 40 GB and none at all when distributed, would not fit small instances.
        """
        return (self.memory_gib - self.kv_offload_gib) * 2**30 // (4 * self.gpus)


def pod_resources(model: SelfHostedModel, pool: GpuPool) -> PodResources:
    """A pod's fair share of the smallest instance of its pool."""
    cpus, memory_gib = layout.host_share(model, pool)
    kept = -(-model.kv_offload_gib // layout.nodes_per_replica(model, pool))
    return PodResources(
        gpus=layout.gpus_per_pod(model, pool),
        cpus=max(int(cpus * layout.HOST_SHARE), 1),
        cpu_limit=max(int(cpus), 1),
        memory_gib=memory_gib,
        # vLLM's processes share the offloaded KV cache too.
        shm_gib=max(min(16, memory_gib // 8), 1) + kept,
        kv_offload_gib=kept,
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a new version replaces the old one."""

    max_surge: int
    max_unavailable: int


def rollout(model: SelfHostedModel, pool: GpuPool, models: list[SelfHostedModel]) -> Rollout:
    """One more replica first where the pool has spare GPUs for it; otherwise one replica makes room.

    `models` are all models of the platform; those on other pools do not count.
    """
    wanted = sum(other.replicas.max * other.gpus for other in models if other.pool == pool.name)
    spare = pool.max_gpus * devices(pool).per_gpu - wanted >= model.gpus
    return Rollout(max_surge=1, max_unavailable=0) if spare else Rollout(max_surge=0, max_unavailable=1)
