"""What vLLM is told, and what its pods need. Pure.

Sources: vLLM's documentation (`vllm serve`, environment variables, Run:ai Model Streamer) for vLLM 0.2x, engine V1.
Older images do not know `--shutdown-timeout` and refuse to start.
"""

from dataclasses import dataclass

from plinth.spec.gpu import GpuPool
from plinth.spec.gpu_devices import devices
from plinth.spec.models import SelfHostedModel
from plinth.spec.sizing import USABLE_SHARE

HEALTH_PATH = "/health"

CACHE = "/cache"
"""Where compiled kernels and CUDA graphs are kept; an emptyDir."""

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""`--dtype` by precision; quantized checkpoints say theirs in `config.json`, so `auto` reads it there."""

HOST_SHARE = 0.7
"""Share of an instance's processors and memory that its model pods request; the rest is the system's."""


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
        f"--max-model-len={model.max_context_tokens}",
        f"--gpu-memory-utilization={USABLE_SHARE * memory_share:.4g}",
        "--enable-prefix-caching" if model.prefix_caching else "--no-enable-prefix-caching",
        # Its default breaks off every running answer as soon as the pod has to go.
        f"--shutdown-timeout={drain_seconds}",
    ]
    if model.gpus > 1:
        # Each GPU's process reads its own share of the weights from S3.
        options.append('--model-loader-extra-config={"distributed":true}')
    return options


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
    """Shared memory between the processes of a replica; counts toward `memory_gib`."""

    @property
    def streamer_bytes(self) -> int:
        """Memory that the weight streamer of each GPU's process may buffer in: a quarter of the replica's, shared.

        Its own defaults, 40 GB and none at all when distributed, would not fit small instances.
        """
        return self.memory_gib * 2**30 // (4 * self.gpus)


def pod_resources(model: SelfHostedModel, pool: GpuPool) -> PodResources:
    """A replica's fair share of the smallest instance of its pool."""
    parts = [(facts, model.gpus / devices(pool).per_instance(facts)) for facts in pool.instances]
    shares = [(facts.vcpus * part, facts.memory_gib * part) for facts, part in parts]
    cpus, memory = min(share[0] for share in shares), min(share[1] for share in shares)
    memory_gib = max(int(memory * HOST_SHARE), 1)
    return PodResources(
        gpus=model.gpus,
        cpus=max(int(cpus * HOST_SHARE), 1),
        cpu_limit=max(int(cpus), 1),
        memory_gib=memory_gib,
        shm_gib=max(min(16, memory_gib // 8), 1),
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
