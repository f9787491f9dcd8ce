"""Engines: the ways to serve a self-hosted model.

To add one: its fields in `plinth.spec.engines`, a class here with the methods of `Engine`, a line in `engine_of`.
"""

from plinth.serving.engine import Engine
from plinth.serving.engines.kserve import KServe
from plinth.serving.engines.ray import RayServe
from plinth.serving.engines.tgi import Tgi
from plinth.serving.engines.triton import Triton
from plinth.serving.engines.vllm import DirectVllm
from plinth.spec.engines import KServeEngine, RayEngine, TgiEngine, TritonEngine, VllmEngine
from plinth.spec.models import SelfHostedModel


def engine_of(model: SelfHostedModel) -> Engine:
    """The engine that the model's spec asks for."""
    match model.engine:
        case VllmEngine():
            return DirectVllm()
        case KServeEngine():
            return KServe(model.engine)
        case RayEngine():
            return RayServe(model.engine)
        case TritonEngine():
            return Triton(model.engine)
        case TgiEngine():
            return Tgi(model.engine)
