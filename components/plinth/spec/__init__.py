"""The spec: what a user writes, one pydantic model per area, composed into `PlatformSpec`."""

from plinth.spec.load import load_spec
from plinth.spec.platform import PlatformSpec
from plinth.spec.problem import Problem, SpecError

__all__ = ["PlatformSpec", "Problem", "SpecError", "load_spec"]
