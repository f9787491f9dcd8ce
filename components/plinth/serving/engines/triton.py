"""Triton Inference Server with its OpenAI frontend: compiled TensorRT-LLM engines, or vLLM as a backend.

Source: Triton's documentation, "OpenAI-Compatible Frontend", release 26.01 (`main.py`, observability routes); its
metrics reference.
"""

from collections.abc import Sequence

import pulumi

from plinth import pods
from plinth.serving import containers, vllm
from plinth.serving.engine import Disruption, Doors, ScaleTarget, Scrape, Signals, Site, usual_doors
from plinth.serving.engines import files, monitors
from plinth.spec.engines import TritonEngine
from plinth.spec.gpu import GpuPool
from plinth.spec.models import SelfHostedModel

FRONTEND = "/opt/tritonserver/python/openai/openai_frontend/main.py"
"""The frontend in NVIDIA's images."""

REPOSITORY, TOKENIZER = "repository", "tokenizer"
"""Folders below a model's path in the bucket: Triton takes everything in its model repository for a model."""

PENDING = "nv_inference_pending_request_count"
"""Triton's gauge of requests that wait for a model."""


def arguments(spec: TritonEngine, port: int) -> list[str]:
    """Options of the frontend."""
    return [
        f"--model-repository={files.WEIGHTS}/{REPOSITORY}",
        f"--tokenizer={files.WEIGHTS}/{TOKENIZER}",
        f"--backend={spec.backend}",
        "--host=0.0.0.0",
        f"--openai-port={port}",
    ]


class Triton:
    """Triton in pods of the platform's own."""

    port = 8000

    def __init__(self, spec: TritonEngine) -> None:
        self._spec = spec

    def service_name(self, model: SelfHostedModel) -> str:
        """The Service is named like the model."""
        return model.name

    def served_name(self, model: SelfHostedModel) -> str:
        """The frontend calls a model what the repository does."""
        return self._spec.model

    def pod_selector(self, model: SelfHostedModel) -> dict[str, str]:
        """The platform's own labels."""
        return pods.selector(containers.COMPONENT, model.name)

    def answering_selector(self, model: SelfHostedModel, pool: GpuPool) -> dict[str, str]:
        """All of them: a replica is one pod."""
        return self.pod_selector(model)

    def doors(self, model: SelfHostedModel, pool: GpuPool) -> Doors:
        """The gateway and Prometheus, on the frontend's port."""
        return usual_doors(self.port)

    def disruption(self, model: SelfHostedModel) -> Disruption:
        """One replica at a time."""
        return Disruption(max_unavailable=1)

    def signals(self, model: SelfHostedModel) -> Signals:
        """Triton counts what waits; it tells neither what it works on nor how full the KV cache is."""
        where = f'{monitors.of_model(model.name)},model="{self._spec.model}"'
        waiting = f"sum({PENDING}{{{where}}})"
        return Signals(waiting=waiting, running=waiting, kv_cache=None)

    def scrapes(self, model: SelfHostedModel) -> Sequence[Scrape]:
        """Nothing besides."""
        return ()

    def scale_target(self, model: SelfHostedModel, pool: GpuPool) -> ScaleTarget:
        """The Deployment."""
        return ScaleTarget("apps/v1", "Deployment", model.name)

    def render(self, model: SelfHostedModel, site: Site) -> pulumi.Resource:
        """The Deployment and its Service; gives the Deployment."""
        server = files.Server(
            name="triton",
            image=self._spec.image,
            command=["python3", FRONTEND],
            args=arguments(self._spec, self.port),
            variables={"HOME": vllm.CACHE, "HF_HUB_OFFLINE": "1", "HF_HOME": f"{vllm.CACHE}/huggingface"},
            health_path="/health/ready",
        )
        return files.serve_files(server, model, site, self.pod_selector(model), self.port)
