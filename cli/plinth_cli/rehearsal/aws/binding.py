"""Resources that are really created, in the rehearsal's cloud, through boto3: how a type is bound to API calls.

A `Binding` is data: one call that creates, calls that settle the rest (run after the creation, and again when one of
their inputs changes), one that tells whether the resource exists, and those that delete it. botocore checks every
parameter against the service's own model, and moto checks what the service would.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError

from plinth_cli.rehearsal.package import Refusal, Unsure
from plinth_cli.rehearsal.values import Props

_GONE = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist|^404$")
_EXISTS = re.compile(r"AlreadyExist|AlreadyOwned|Duplicate|ResourceInUse|ResourceExists|ConflictException")


@dataclass(frozen=True)
class Target:
    """The resource that a call is about. Everything is plain: no secret marks, no unknowns."""

    id: str
    inputs: Props
    outputs: Props
    """With the tags that include the provider's defaults under `tagsAll`."""
    account: str
    region: str
    old: Props = field(default_factory=dict[str, Any])
    """Inputs of the last update; empty for a creation."""

    @property
    def tags(self) -> dict[str, str]:
        """Every tag that the resource should have."""
        return cast("dict[str, str]", self.inputs.get("tagsAll") or self.inputs.get("tags") or {})

    @property
    def old_tags(self) -> dict[str, str]:
        """Every tag that it had after the last update."""
        return cast("dict[str, str]", self.old.get("tagsAll") or self.old.get("tags") or {})


@dataclass(frozen=True)
class P:
    """A parameter that is computed, and the inputs that it is computed from."""

    make: Callable[[Target], Any]
    uses: tuple[str, ...] = ()


Parameter = str | P
"""The name of an input, `=` and a constant, or a computation. What comes to None is left out."""


@dataclass(frozen=True)
class Op:
    """One API call."""

    method: str | Callable[[Any, Target], Any]
    """Method of the boto3 client, or a function of the client and the target where one call is not enough."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    when: Callable[[Target], bool] = lambda target: True
    captures: Mapping[str, str] = field(default_factory=dict[str, str])
    """Outputs taken from the answer: name -> path such as `KeyMetadata.KeyId`. `id` is the id of the resource."""
    uses: tuple[str, ...] = ()
    """Inputs that matter beside those of the parameters."""

    def inputs(self) -> frozenset[str]:
        """The inputs whose change makes the call worth repeating."""
        named = [p.partition(".")[0] for p in self.parameters.values() if isinstance(p, str) and not p.startswith("=")]
        computed = [name for p in self.parameters.values() if isinstance(p, P) for name in p.uses]
        return frozenset((*named, *computed, *self.uses))

    def run(self, client: Any, target: Target) -> Props:
        """Makes the call and returns what it captures."""
        if callable(self.method):
            return self.method(client, target) or {}
        arguments = {name: _value(parameter, target) for name, parameter in self.parameters.items()}
        arguments = {name: value for name, value in arguments.items() if value is not None}
        answer = getattr(client, self.method)(**arguments)
        return {name: _dig(answer, path) for name, path in self.captures.items()}


@dataclass(frozen=True)
class Binding:
    """How one resource type is kept in the cloud."""

    service: str
    """boto3's name of the service."""
    create: Op | None
    """None for a type that is only a setting of another resource."""
    settings: Sequence[Op] = ()
    read: Op | None = None
    find: Op | None = None
    """Captures what `create` would, of a resource that exists already, by its name."""
    delete: Sequence[Op] = ()
    always_update: bool = False
    """Run every setting at every update, because the calls replace the whole."""

    def make(self, client: Any, target: Target, resumed: bool) -> Props:
        """Creates the resource and returns the outputs that the cloud assigned.

        What cannot be completed is taken back, so that a refused creation leaves nothing behind.
        """
        captured: Props = {}
        if self.create is not None:
            try:
                captured = self.create.run(client, target)
            except ClientError as error:
                if not (resumed and exists_already(error)):
                    raise
                captured = self.find.run(client, target) if self.find else {}
        made = _with(target, captured)
        try:
            return {**captured, **self.settle(client, made)}
        except Exception:
            if self.create is not None:
                self.remove(client, made)
            raise

    def take_over(self, client: Any, target: Target) -> Props:
        """Settles a resource that exists already, and returns what the cloud assigned to it."""
        found = self.find.run(client, target) if self.find else {}
        return {**found, **self.settle(client, _with(target, found))}

    def settle(self, client: Any, target: Target) -> Props:
        """Runs every setting of a resource that exists."""
        captured: Props = {}
        for op in self.settings:
            if op.when(target):
                captured.update(op.run(client, target))
        return captured

    def change(self, client: Any, target: Target) -> Props:
        """Repeats the settings whose inputs changed."""
        changed = {
            name for name in target.inputs.keys() | target.old.keys() if target.inputs.get(name) != target.old.get(name)
        }
        captured: Props = {}
        for op in self.settings:
            if (self.always_update or changed & op.inputs()) and op.when(target):
                captured.update(op.run(client, target))
        return captured

    def exists(self, client: Any, target: Target) -> bool:
        """Whether the resource is there."""
        if self.read is None:
            return True
        try:
            self.read.run(client, target)
        except ClientError as error:
            if is_gone(error):
                return False
            raise
        return True

    def remove(self, client: Any, target: Target) -> None:
        """Deletes the resource; that it is gone already is no error."""
        for op in self.delete:
            try:
                if op.when(target):
                    op.run(client, target)
            except ClientError as error:
                if not is_gone(error):
                    raise


def _with(target: Target, captured: Props) -> Target:
    outputs = {**target.outputs, **captured}
    return Target(str(captured.get("id", target.id)), target.inputs, outputs, target.account, target.region, target.old)


def _value(parameter: Parameter, target: Target) -> Any:
    if isinstance(parameter, P):
        return parameter.make(target)
    if parameter.startswith("="):
        return parameter[1:]
    return target.id if parameter == "id" else _dig(target.inputs, parameter)


def _dig(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def is_gone(error: ClientError) -> bool:
    """Whether the error says that the resource does not exist."""
    return bool(_GONE.search(_code(error)))


def exists_already(error: ClientError) -> bool:
    """Whether the error says that the resource exists already."""
    return bool(_EXISTS.search(_code(error)))


def _code(error: ClientError) -> str:
    return str(cast("Any", error).response.get("Error", {}).get("Code", ""))


def refusal(error: BotoCoreError | ClientError) -> Refusal:
    """The error of the cloud as a refusal that reads like one of the real provider."""
    if isinstance(error, HTTPClientError | UnreachableError):
        return Unsure("the rehearsal's cloud stopped answering; run the same command again to continue")
    if isinstance(error, ClientError):
        untyped: Any = error
        said = untyped.response.get("Error", {})
        return Refusal(
            f"{untyped.operation_name} was refused by the rehearsal's cloud: {said.get('Code')}: {said.get('Message')}"
        )
    return Refusal(f"the request is not valid: {' '.join(str(error).split())}")


# --- helpers for the tables ------------------------------------------------------------------------------------


def tag_list(target: Target, key: str = "Key", value: str = "Value") -> list[dict[str, str]] | None:
    """Tags as most services take them; None when there are none."""
    return [{key: name, value: text} for name, text in sorted(target.tags.items())] or None


def document(name: str) -> P:
    """A policy document: the SDK takes it as JSON text or as an object."""

    def make(target: Target) -> Any:
        value = target.inputs.get(name)
        return json.dumps(value) if isinstance(value, Mapping) else value

    return P(make, (name,))


def removed_tags(target: Target) -> list[str]:
    """Tags of the last update that there should not be any more."""
    return sorted(target.old_tags.keys() - target.tags.keys())


TAG_INPUTS = ("tags", "tagsAll")


def tags(key: str = "Key", value: str = "Value") -> P:
    """The parameter `Tags` of most calls."""
    return P(lambda target: tag_list(target, key, value), TAG_INPUTS)


def retag(
    tag: str, untag: str, handle: Mapping[str, Parameter], tags_name: str, keys_name: str, form: P
) -> tuple[Op, Op]:
    """The pair of settings that keeps the tags of an existing resource up to date."""
    return (
        Op(
            untag,
            {**handle, keys_name: P(removed_tags, TAG_INPUTS)},
            when=lambda target: bool(target.old and removed_tags(target)),
        ),
        Op(tag, {**handle, tags_name: form}, when=lambda target: bool(target.old and target.tags)),
    )


def renamed(value: Any, names: Mapping[str, str] | None = None) -> Any:
    """A nested Pulumi value in the spelling of boto3: `daysAfterInitiation` -> `DaysAfterInitiation`.

    Args:
        value: any nesting of maps and lists.
        names: spellings that differ otherwise, by Pulumi's name; an empty one leaves the property out.
    """
    special = names or {}
    if isinstance(value, Mapping):
        return {
            special.get(name, name[:1].upper() + name[1:]): renamed(item, special)
            for name, item in cast("Mapping[str, Any]", value).items()
            if item is not None and special.get(name) != ""
        }
    if isinstance(value, list):
        return [renamed(item, special) for item in cast("list[Any]", value)]
    return value
