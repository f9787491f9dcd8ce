"""The stand-in for any installed SDK: its types decide what is valid, tables what the cloud would assign."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from typing_extensions import override

from plinth_cli.rehearsal.checker import check_inputs
from plinth_cli.rehearsal.differ import difference
from plinth_cli.rehearsal.naming import DEFAULTS, NameRule, autoname, is_made_up
from plinth_cli.rehearsal.package import (
    BasePackage,
    Call,
    Checked,
    Created,
    Difference,
    Failure,
    Found,
    Invoked,
    Naming,
    Refusal,
)
from plinth_cli.rehearsal.schema import ResourceSchema, SdkSchema
from plinth_cli.rehearsal.shapes import STRING, ListOf, ObjectOf, Shape, Type
from plinth_cli.rehearsal.templates import Facts, complete, follows_inputs, placeholder, render
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, reveal

_ENGINE_CONFIG = frozenset({"version", "pluginDownloadURL", "pluginChecksums", "__internal"})
"""Configuration of a provider resource that belongs to the engine, not to the provider."""

Function = Callable[[Call, Props], Props]


@dataclass(frozen=True)
class Row:
    """What is known of one resource type beyond its SDK. Templates are explained in `templates`."""

    id: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Templates by property path."""
    immutable: tuple[str, ...] = ()
    """Property paths that cannot be changed in place."""
    name: NameRule | None = None


@dataclass(frozen=True)
class Tables:
    """What is known of one package beyond its SDK."""

    rows: Mapping[str, Row] = field(default_factory=dict[str, Row])
    """By type token."""
    id: str = "{name}"
    """Id of types that say nothing else."""
    outputs: tuple[tuple[str, Any], ...] = ()
    """Templates for string outputs by a pattern on the last name of their path; the first that matches counts."""
    planned: frozenset[str] = frozenset()
    """Outputs that the provider already knows when it previews a create."""
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])
    """By function token."""
    renames_in_place: frozenset[str] = frozenset()
    """Types whose physical name can be changed in place."""


class SdkPackage(BasePackage):
    """A generic stand-in. Subclasses add what their cloud does besides."""

    def __init__(self, schema: SdkSchema, tables: Tables | None = None) -> None:
        self.schema = schema
        self.name = schema.name
        self.version = schema.version
        self.tables = tables or Tables()

    # --- configuration -----------------------------------------------------------------------------------------

    @override
    def check_config(self, call: Call, inputs: Props) -> Checked:
        schema = self.schema.resource(f"pulumi:providers:{self.name}")
        if schema is None:
            return Checked(inputs)
        plain = self._decoded_config(schema.inputs, inputs)
        return Checked(inputs, check_inputs(schema.inputs, plain, ignore=_ENGINE_CONFIG))

    @override
    def read_config(self, inputs: Props) -> Mapping[str, Any]:
        schema = self.schema.resource(f"pulumi:providers:{self.name}")
        return reveal(inputs if schema is None else self._decoded_config(schema.inputs, inputs))

    @staticmethod
    def _decoded_config(shape: Shape, inputs: Props) -> Props:
        """Provider configuration crosses the wire with everything but strings in JSON."""
        decoded = dict(inputs)
        for name, value in inputs.items():
            declared = shape.properties.get(name)
            inner = value.value if isinstance(value, Secret) else value
            if declared is None or declared.type == STRING or not isinstance(inner, str):
                continue
            try:
                plain = json.loads(inner)
            except ValueError:
                continue  # the checker says what is wrong with it
            decoded[name] = Secret(plain) if isinstance(value, Secret) else plain
        return decoded

    # --- check and diff ----------------------------------------------------------------------------------------

    @override
    def check(self, call: Call, inputs: Props, old_inputs: Props, naming: Naming) -> Checked:
        schema = self.schema.resource(call.urn.type)
        if schema is None:
            return Checked(inputs, [Failure("", self._unknown_type(call.urn.type))])
        failures = check_inputs(schema.inputs, inputs)
        checked = {name: value for name, value in inputs.items() if value is not None}
        rule = self.name_rule(call.urn.type)
        if rule is not None:
            failures += autoname(rule, call, checked, old_inputs, naming)
        if not failures:
            failures += self.refine(call, checked)
        return Checked(checked, failures)

    def refine(self, call: Call, inputs: Props) -> list[Failure]:
        """Adds defaults to inputs that have passed the check, and finds what types cannot tell."""
        return []

    def _unknown_type(self, token: str) -> str:
        near = self.schema.nearest(token)
        hint = f"; did you mean {near}?" if near else ""
        return f"{self.schema.module} {self.version} has no resource type {token}{hint}"

    def row(self, token: str) -> Row:
        return self.tables.rows.get(token, _NOTHING_KNOWN)

    def name_rule(self, token: str) -> NameRule | None:
        """How the physical name of the type is made; None when it has none or must be given one."""
        rule = self.row(token).name
        schema = self.schema.resource(token)
        if rule is not None or schema is None:
            return rule
        name, output = schema.inputs.properties.get("name"), schema.outputs.properties.get("name")
        if name is None or output is None or name.required or not output.required or name.type != STRING:
            return None
        return NameRule(prefix="namePrefix" if "namePrefix" in schema.inputs.properties else None)

    @override
    def diff(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Difference:
        token = call.urn.type
        found = difference(_without_defaults(old_inputs), _without_defaults(inputs), immutable=self.immutable(token))
        schema = self.schema.resource(token)
        fixed = {path for path in found.changes if schema is not None and _is_fixed(schema.inputs, path)}
        replaces = found.replaces | fixed
        return replace(
            found,
            replaces=replaces,
            delete_before_replace=bool(replaces) and self._name_is_taken(token, old_inputs, inputs),
        )

    def immutable(self, token: str) -> tuple[str, ...]:
        """Property paths of the type that cannot be changed in place."""
        rule = self.name_rule(token)
        names = () if rule is None or token in self.tables.renames_in_place else (rule.property,)
        return (*self.row(token).immutable, *names)

    def _name_is_taken(self, token: str, old_inputs: Props, inputs: Props) -> bool:
        """Whether the new resource would have the very name that the program gave the old one."""
        rule = self.name_rule(token)
        if rule is None or is_made_up(rule, inputs):
            return False
        return reveal(inputs.get(rule.property)) == reveal(old_inputs.get(rule.property))

    # --- create, read, update, delete --------------------------------------------------------------------------

    def facts(self, call: Call, inputs: Props, **known: Any) -> Facts:
        """What the templates of this resource can refer to."""
        rule = self.name_rule(call.urn.type)
        name = inputs.get(rule.property) if rule else inputs.get("name")
        made_up = f"{call.urn.name}-{call.digest('name')[:7]}"
        return Facts(call, inputs, name=name if name is not None else made_up, logical=call.urn.name, **known)

    def new_id(self, call: Call, inputs: Props) -> str:
        """The id of a new resource. An id is never encrypted, so it must not be made of a secret."""
        value = render(self.row(call.urn.type).id or self.tables.id, self.facts(call, inputs))
        return f"{call.urn.name}-{call.digest('id')[:7]}" if isinstance(value, Secret) else str(value)

    @override
    def create(self, call: Call, inputs: Props) -> Created:
        id = "" if call.preview else self.new_id(call, inputs)
        return Created(id, self.outputs(call, id or UNKNOWN, inputs))

    @override
    def adopt(self, call: Call, id: str, inputs: Props) -> Created:
        return Created(id, self.outputs(call, id, inputs))

    @override
    def read(self, call: Call, id: str, inputs: Props, outputs: Props) -> Found | None:
        given = {**outputs, **_without_defaults(inputs)}
        return Found(id, inputs, outputs if inputs else self.outputs(call, id, given))

    @override
    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        return self.outputs(call, id, inputs, kept=self._kept(call, old_inputs, old_outputs, inputs))

    def _kept(self, call: Call, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        """The outputs that an update does not touch: assigned by the cloud, and not made of inputs."""
        moving = {path for path, template in self.row(call.urn.type).outputs.items() if follows_inputs(template)}
        return {
            name: value
            for name, value in old_outputs.items()
            if name not in old_inputs and name not in inputs and name not in moving
        }

    def outputs(self, call: Call, id: Any, inputs: Props, kept: Props | None = None) -> Props:
        """Inputs, plus what the cloud assigns; with an unknown id (preview of a create) that part is unknown."""
        schema = self._resource(call)
        row = self.row(call.urn.type)
        facts = self.facts(call, inputs, id=id)
        outputs = {**(kept or {}), **_without_defaults(inputs)}
        facts.outputs = outputs
        for path, template in row.outputs.items():
            if "." not in path and outputs.get(path) is None:
                outputs[path] = (
                    UNKNOWN if id is UNKNOWN and path not in self.tables.planned else render(template, facts)
                )

        def fill(path: str, kind: Type) -> Any:
            if id is UNKNOWN and path not in self.tables.planned:
                return UNKNOWN
            if path in row.outputs:
                return render(row.outputs[path], facts)
            if path in schema.inputs.properties and kind == STRING and not self._pattern(path):
                return ""  # an optional setting that was left out
            return self._guess(facts, path, kind)

        return complete(schema.outputs, outputs, fill, also=frozenset(row.outputs))

    def _guess(self, facts: Facts, path: str, kind: Type) -> Any:
        """A value of the right shape for an output that no row mentions."""
        template = self._pattern(path) if kind == STRING else None
        if template is not None:
            return render(template, facts)
        return placeholder(kind, f"{facts.call.urn.name}-{path.rpartition('.')[2]}")

    def _pattern(self, path: str) -> Any:
        last = path.rpartition(".")[2]
        return next((template for pattern, template in self.tables.outputs if re.search(pattern, last)), None)

    def _resource(self, call: Call) -> ResourceSchema:
        schema = self.schema.resource(call.urn.type)
        if schema is None:
            raise Refusal(self._unknown_type(call.urn.type))
        return schema

    # --- functions ---------------------------------------------------------------------------------------------

    @override
    def invoke(self, call: Call, token: str, args: Props) -> Invoked:
        schema = self.schema.function(token)
        if schema is None:
            raise Refusal(f"{self.schema.module} {self.version} has no function {token}")
        failures = check_inputs(schema.arguments, args)
        if failures:
            return Invoked({}, failures)
        answer = self.tables.functions.get(token)
        given = {name: value for name, value in args.items() if value is not None}
        facts = self.facts(call, given, id=call.urn.name)
        known = {**given, **(answer(call, given) if answer else {})}
        return Invoked(complete(schema.result, known, lambda path, kind: self._guess(facts, path, kind)))


_NOTHING_KNOWN = Row()


def _without_defaults(inputs: Mapping[str, Any]) -> Props:
    return {name: value for name, value in inputs.items() if name != DEFAULTS}


def _is_fixed(shape: Shape, path: str) -> bool:
    """Whether the SDK's documentation calls any property on the path immutable."""
    return any(fixed for fixed in _fixed_along(shape, re.findall(r"[^.\[\]]+", path)))


def _fixed_along(shape: Shape, keys: list[str]) -> Iterator[bool]:
    kind: Type = ObjectOf(object)
    here: Shape | None = shape
    for key in keys:
        if key.isdigit() and isinstance(kind, ListOf):
            kind = kind.item
        else:
            declared = cast("Shape", here).properties.get(key)
            if declared is None:
                return
            yield declared.fixed
            kind = declared.type
        here = kind.shape if isinstance(kind, ObjectOf) else None
        if here is None and not isinstance(kind, ListOf):
            return
