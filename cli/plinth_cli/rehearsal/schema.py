"""What an installed Pulumi SDK says about its resource types and functions.

The SDKs register their resource modules at import; a submodule (`pulumi_aws.s3`) is loaded when a program or a
stand-in first asks for it, so that the 270 MB of pulumi_aws are never read as a whole.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from plinth_cli.rehearsal.shapes import Property, Shape, camel_case, parse, shape_of

_importing = threading.RLock()


@dataclass(frozen=True)
class ResourceSchema:
    """Inputs and outputs of one resource type."""

    token: str
    inputs: Shape
    outputs: Shape
    """What the provider returns; an input of the same name is in both."""


@dataclass(frozen=True)
class FunctionSchema:
    """Arguments and result of one function."""

    token: str
    arguments: Shape
    result: Shape


class SdkSchema:
    """The types of one installed SDK, read lazily. Safe to share between threads."""

    def __init__(self, name: str, module: str, version: str) -> None:
        self.name = name
        """Pulumi's name of the package, for example `aws`."""
        self.module = module
        """Python's name of it, for example `pulumi_aws`."""
        self.version = version
        self._resources: dict[str, ResourceSchema | None] = {}
        self._functions: dict[str, FunctionSchema | None] = {}

    @cached_property
    def _modules(self) -> Mapping[str, Mapping[str, str]]:
        """By `pkg:mod`: fqn -> Python module; classes -> by token."""
        rpc: Any = importlib.import_module("pulumi.runtime.rpc")
        with _importing:
            importlib.import_module(self.module)
        registered = cast("Mapping[str, list[Any]]", rpc._RESOURCE_MODULES)
        infos = [
            entry.mod_info
            for key, entries in registered.items()
            for entry in entries
            if key.startswith(f"{self.name}:")
        ]
        return {f"{info['pkg']}:{info['mod']}": info for info in infos}

    @cached_property
    def _classes(self) -> Mapping[str, tuple[str, str]]:
        """Module and class by resource token."""
        return {
            token: (info["fqn"], cls)
            for info in self._modules.values()
            for token, cls in cast("Mapping[str, str]", info["classes"]).items()
        }

    def resource(self, token: str) -> ResourceSchema | None:
        """The schema of a resource type or of the provider itself; None when the SDK does not have it."""
        if token not in self._resources:
            with _importing:
                self._resources[token] = self._read_resource(token)
        return self._resources[token]

    def nearest(self, token: str) -> str | None:
        """The resource type that is spelt most like the token."""
        return next(iter(get_close_matches(token, self._classes, n=1)), None)

    def function(self, token: str) -> FunctionSchema | None:
        """The schema of a function; None when the SDK does not have it."""
        if token not in self._functions:
            with _importing:
                self._functions[token] = self._read_function(token)
        return self._functions[token]

    def _read_resource(self, token: str) -> ResourceSchema | None:
        if token == f"pulumi:providers:{self.name}":
            module, cls_name = self.module, "Provider"
        elif token in self._classes:
            module, cls_name = self._classes[token]
        else:
            return None
        cls: type = getattr(importlib.import_module(module), cls_name)
        home = importlib.import_module(cls.__module__)
        args = next(
            (vars(home)[f"{cls_name}{end}"] for end in ("InitArgs", "Args") if f"{cls_name}{end}" in vars(home)), None
        )
        inputs = shape_of(args) if args is not None else Shape(cls_name, {})
        return ResourceSchema(token, inputs, shape_of(cls))

    def _read_function(self, token: str) -> FunctionSchema | None:
        _, mod, name = token.split(":")
        folder = mod.split("/")[0]
        fqn = next(
            (info["fqn"] for key, info in self._modules.items() if key.startswith(f"{self.name}:{folder}/")),
            self.module,
        )
        function = getattr(importlib.import_module(fqn), _snake_case(name), None)
        if function is None:
            return None
        function = cast("Callable[..., Any]", inspect.unwrap(function))
        home = importlib.import_module(function.__module__)
        result: type | None = vars(home).get(f"{name[0].upper()}{name[1:]}Result")
        arguments = {
            camel_case(parameter.name): _argument(parameter, function.__module__)
            for parameter in inspect.signature(function).parameters.values()
            if parameter.name != "opts"
        }
        return FunctionSchema(token, Shape(name, arguments), shape_of(result) if result else Shape(name, {}))


def _argument(parameter: inspect.Parameter, module: str) -> Property:
    kind, _ = parse(parameter.annotation, module)
    return Property(camel_case(parameter.name), kind, parameter.default is parameter.empty)


def _snake_case(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def installed() -> dict[str, SdkSchema]:
    """Every Pulumi SDK that can be imported beside us, by Pulumi's name of the package.

    Found by the `pulumi-plugin.json` that each carries; component libraries and policy packages have none, or one that
    says that no provider belongs to them.
    """
    found: dict[str, SdkSchema] = {}
    for folder in dict.fromkeys(sys.path):
        for path in sorted(Path(folder).glob("pulumi_*/pulumi-plugin.json")):
            plugin = json.loads(path.read_text())
            if plugin.get("resource") and plugin["name"] not in found:
                found[plugin["name"]] = SdkSchema(plugin["name"], path.parent.name, plugin.get("version") or "0.0.0")
    return found
