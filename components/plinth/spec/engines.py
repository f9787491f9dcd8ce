"""Engines: what runs a self-hosted model on its GPUs."""

from typing import Literal

from plinth.spec.base import ImageDigest, Model


class VllmEngine(Model):
    """vLLM in pods of the platform's own."""

    kind: Literal["vllm"]
    """Which engine."""

    image: ImageDigest
    """Image of vLLM, 0.20 or newer, by digest."""


Engine = VllmEngine
"""What runs a self-hosted model, told apart by `kind`."""
