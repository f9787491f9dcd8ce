"""Hugging Face's Text Generation Inference, through its messages API.

Source: its documentation, "Text-generation-launcher arguments" and "Metrics", v3.
"""

from collections.abc import Sequence

import pulumi

from plinth import pods
from plinth.serving import containers, vllm
from plinth.serving.engine import Disruption, Doors, ScaleTarget, Scrape, Signals, Site, usual_doors
from plinth.serving.engines import files, monitors
from plinth.spec.engines import TgiEngine
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel
from plinth.spec.sizing import USABLE_SHARE

QUEUE = "tgi_queue_size"
"""Its gauge of requests that wait."""

BATCH = "tgi_batch_current_size"
"""Its gauge of requests that it works on."""

QUEUED_PER_REQUEST = 8
"""Requests it takes on for each that it holds at once, before it refuses more."""


def arguments(model: SelfHostedModel, port: int) -> list[str]:
    """Options of `text-generation-launcher`; quantized checkpoints say in their `config.json` how."""
    options = [
        f"--model-id={files.WEIGHTS}",
        "--hostname=0.0.0.0",
        f"--port={port}",
        f"--num-shard={model.parallelism.tensor}",
        f"--max-total-tokens={model.max_context_tokens}",
        f"--max-input-tokens={model.max_context_tokens - 1}",
        f"--max-concurrent-requests={QUEUED_PER_REQUEST * model.concurrent_requests}",
        f"--cuda-memory-fraction={USABLE_SHARE}",
        "--usage-stats=off",
        "--json-output",
    ]
    if dtype := vllm.DTYPES.get(model.precision):
        options.append(f"--dtype={dtype}")
    if model.kv_cache_precision == "fp8":
        options.append("--kv-cache-dtype=fp8_e4m3fn")
    return options


class Tgi:
    """Text Generation Inference in pods of the platform's own."""

    port = 8000

    def __init__(self, spec: TgiEngine) -> None:
        self._spec = spec

    def service_name(self, model: SelfHostedModel) -> str:
        """The Service is named like the model."""
        return model.name

    def served_name(self, model: SelfHostedModel) -> str:
        """It serves one model and answers to any name."""
        return model.name

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """The platform's own labels."""
        return pods.selector(containers.COMPONENT, model.name)

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """All of them: a replica is one pod."""
        return self.pod_selector(model)

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """The gateway and Prometheus, on the server's port."""
        return usual_doors(self.port)

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """One replica at a time."""
        return Disruption(max_unavailable=1)

    def signals(self, model: SelfHostedModel) -> Signals:
        """It does not tell how full the KV cache is."""
        where = f"{{{monitors.of_model(model.name)}}}"
        return Signals(waiting=f"sum({QUEUE}{where})", running=f"sum({BATCH}{where})", kv_cache=None)

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """Nothing besides."""
        return ()

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget:
        """The Deployment."""
        return ScaleTarget("apps/v1", "Deployment", model.name)

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The Deployment and its Service; gives the Deployment."""
        server = files.Server(
            name="tgi",
            image=self._spec.image,
            command=["text-generation-launcher"],
            args=arguments(model, self.port),
            variables={
                "HOME": vllm.CACHE,
                "HF_HUB_OFFLINE": "1",
                "HF_HOME": f"{vllm.CACHE}/huggingface",
                "TRITON_CACHE_DIR": f"{vllm.CACHE}/triton",
            },
            health_path="/health",
        )
        return files.serve_files(server, model, site, self.pod_selector(model), self.port)
