"""Engines: the ways to serve a self-hosted model.

To add one: its fields in `plinth.spec.engines`, a class here with the methods of `Engine`, a line in `engine_of`.
"""

from plinth.serving.engine import Engine
from plinth.serving.engines.vllm import DirectVllm
from plinth.spec.models import SelfHostedModel


def engine_of(model: SelfHostedModel) -> Engine:
    """The engine that the model's spec asks for."""
    match model.engine.kind:
        case "vllm":
            return DirectVllm()
