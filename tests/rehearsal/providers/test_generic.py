"""A package that nobody prepared: found by what is installed, checked by its own types."""

from __future__ import annotations

import sys

import pytest

from plinth_cli.rehearsal import schema, server
from plinth_cli.rehearsal.package import Call, Naming, Urn
from plinth_cli.rehearsal.values import UNKNOWN

WIDGET = "acme:index/widget:Widget"
URN = Urn.parse(f"urn:pulumi:dev::project::{WIDGET}::w")

INIT = """
import pulumi, pulumi.runtime
from .widget import Widget, WidgetArgs

class _Module(pulumi.runtime.ResourceModule):
    mod_info = {"pkg": "acme", "mod": "index/widget", "fqn": "pulumi_acme",
                "classes": {"acme:index/widget:Widget": "Widget"}}
    def version(self): return None
    def construct(self, name, typ, urn): ...

pulumi.runtime.register_resource_module("acme", "index/widget", _Module())
"""
MODULE = '''
import builtins as _builtins
from typing import Mapping, Optional, Sequence, Union
import pulumi

@pulumi.input_type
class SizeArgs:
    def __init__(__self__, *, width_cm: pulumi.Input[int]): ...
    @property
    @pulumi.getter(name="widthCm")
    def width_cm(self) -> pulumi.Input[_builtins.int]: ...

@pulumi.input_type
class WidgetArgs:
    def __init__(__self__, *, size: pulumi.Input["SizeArgs"], color: pulumi.Input[Optional[str]] = None,
                 labels: pulumi.Input[Optional[Mapping[str, pulumi.Input[str]]]] = None): ...
    @property
    @pulumi.getter
    def size(self) -> pulumi.Input[Union["SizeArgs", "SizeArgsDict"]]: ...
    @property
    @pulumi.getter
    def color(self) -> pulumi.Input[Optional[_builtins.str]]:
        """Color of the widget. Changing this forces a new resource to be created."""
    @property
    @pulumi.getter
    def labels(self) -> pulumi.Input[Optional[Mapping[str, pulumi.Input[_builtins.str]]]]: ...

class Widget(pulumi.CustomResource):
    @property
    @pulumi.getter
    def size(self) -> pulumi.Output["SizeArgs"]: ...
    @property
    @pulumi.getter(name="serialNumber")
    def serial_number(self) -> pulumi.Output[_builtins.str]: ...
    @property
    @pulumi.getter
    def parts(self) -> pulumi.Output[Sequence[_builtins.str]]: ...
    @property
    @pulumi.getter
    def note(self) -> pulumi.Output[Optional[_builtins.str]]: ...
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "pulumi_acme"
    folder.mkdir()
    (folder / "pulumi-plugin.json").write_text('{"resource": true, "name": "acme", "version": "1.2.3"}')
    (folder / "__init__.py").write_text(INIT)
    (folder / "widget.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield server.packages(tmp_path, None)["acme"]
    from pulumi.runtime import rpc

    rpc._RESOURCE_MODULES.pop("acme:index/widget")
    for name in [name for name in sys.modules if name.startswith("pulumi_acme")]:
        del sys.modules[name]


def test_it_is_found_and_checked(package):
    assert (package.name, package.version) == ("acme", "1.2.3")
    answer = package.check(Call(URN), {"size": {"width": 3}, "colour": "red"}, {}, Naming())
    assert {failure.path: failure.reason.split(";")[0] for failure in answer.failures} == {
        "colour": "there is no such property",
        "size.width": "there is no such property",
        "size.widthCm": "is required but missing",
    }


def test_it_has_outputs_and_replaces_by_its_documentation(package):
    inputs = {"size": {"widthCm": 3}, "color": "red"}
    preview = package.create(Call(URN, preview=True), inputs)
    assert preview.outputs == {**inputs, "serialNumber": UNKNOWN, "parts": UNKNOWN}
    created = package.create(Call(URN), inputs)
    assert created.outputs == {**inputs, "serialNumber": "w-serialNumber", "parts": []}
    found = package.diff(Call(URN), created.id, inputs, created.outputs, {"size": {"widthCm": 4}, "color": "blue"})
    assert found.changes.keys() == {"size.widthCm", "color"}
    assert found.replaces == {"color"}


def test_packages_without_a_provider_are_left_out(tmp_path, monkeypatch):
    folder = tmp_path / "pulumi_library"
    folder.mkdir()
    (folder / "pulumi-plugin.json").write_text('{"resource": false, "name": "library"}')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"aws", "kubernetes", "random", "snowflake"} <= schema.installed().keys()
    assert "library" not in schema.installed()
