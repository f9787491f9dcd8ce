"""What holds data, and how it is protected: one table that components, policies and tests read."""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pulumi

from plinth.spec.environment import Environment

StateClass = Literal["stateless", "stateful", "precious"]
"""stateless: can be made again; stateful: losing it hurts; precious: losing it loses data for good."""


@cache
def _table() -> dict[str, StateClass]:
    data: dict[StateClass, list[str]] = json.loads(files("plinth").joinpath("tables/state_classes.json").read_text())
    return {token: name for name, tokens in data.items() for token in tokens}


def state_class(token: str) -> StateClass:
    """The class of a resource type, by its type token such as `aws:s3/bucket:Bucket`."""
    return _table().get(token, "stateless")


def state_options(of: type[pulumi.Resource], environment: Environment) -> dict[str, Any]:
    """The resource options that follow from the type's class and the environment's stage.

    Staging and production protect what is stateful or precious; production also keeps what is
    precious in the cloud when it leaves the program.
    """
    kind = state_class(str(getattr(of, "pulumi_type", "")))
    options: dict[str, Any] = {}
    if kind != "stateless" and environment.protects_data:
        options["protect"] = True
    if kind == "precious" and environment.stage == "production":
        options["retain_on_delete"] = True
    return options
