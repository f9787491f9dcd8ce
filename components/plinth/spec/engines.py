"""Engines: what runs a self-hosted model on its GPUs."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import ImageDigest, Model, matches

RayVersion = Annotated[
    str,
    matches(
        r"^(2\.(5[2-9]|[6-9]\d|\d{3,})|[3-9]\.\d+|\d{2,}\.\d+)\.\d+$",
        "a version of Ray, 2.52.0 or newer, for example 2.54.0",
    ),
]

TritonModelName = Annotated[str, matches(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", "letters, digits and . _ -", max_length=100)]


class VllmEngine(Model):
    """vLLM in pods of the platform's own."""

    kind: Literal["vllm"]
    """Which engine."""

    image: ImageDigest
    """Image of vLLM, 0.20 or newer, by digest."""


class KServeEngine(Model):
    """vLLM in a KServe LLMInferenceService: llm-d's router sends each request where most of its prefix is cached."""

    kind: Literal["kserve"]
    """Which engine."""

    image: ImageDigest
    """Image of vLLM, 0.20 or newer, by digest."""

    router_image: ImageDigest
    """Image of llm-d's router (`llm-d-router-endpoint-picker`), 0.9 or 0.10, by digest."""

    proxy_image: ImageDigest
    """Image of Envoy, 1.33 or newer, by digest."""


class RayEngine(Model):
    """vLLM in Ray Serve, on a Ray cluster of the model's own (a KubeRay RayService)."""

    kind: Literal["ray"]
    """Which engine."""

    image: ImageDigest
    """Image of Ray with Ray Serve LLM (`ray-llm`), by digest."""

    ray_version: RayVersion
    """Version of Ray in the image."""


class TritonEngine(Model):
    """Triton Inference Server with its OpenAI frontend."""

    kind: Literal["triton"]
    """Which engine."""

    image: ImageDigest
    """Image of Triton with the backend and the frontend, 25.02 or newer, by digest."""

    backend: Literal["tensorrtllm", "vllm"] = "tensorrtllm"
    """What runs the model: engines that TensorRT-LLM compiled for the pool's GPUs, or vLLM."""

    model: TritonModelName = "ensemble"
    """The model's name in the model repository, which is the folder `repository` below the model's path in the bucket.

    The folder `tokenizer` beside it has the tokenizer.
    """


class TgiEngine(Model):
    """Hugging Face's Text Generation Inference."""

    kind: Literal["tgi"]
    """Which engine."""

    image: ImageDigest
    """Image of Text Generation Inference, 3.0 or newer, by digest."""


Engine = Annotated[VllmEngine | KServeEngine | RayEngine | TritonEngine | TgiEngine, Field(discriminator="kind")]
"""What runs a self-hosted model, told apart by `kind`."""
