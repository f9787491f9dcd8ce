"""What a stand-in for one Pulumi package must answer, free of gRPC.

`provider.StandIn` speaks the protocol of the engine and asks a `Package` for everything that differs between
packages. It also takes care of what every package needs alike, so an implementation does not have to:

* secrets: what was secret among the inputs becomes secret among the outputs, whatever the package returns;
* the ledger: what was created, and the adoption of what a killed update left behind;
* errors: a `Refusal` becomes one clean message that names the resource.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from typing_extensions import override

from plinth_cli.rehearsal.differ import Change, Difference, difference
from plinth_cli.rehearsal.values import Props, reveal

__all__ = [
    "BasePackage",
    "Call",
    "Change",
    "Checked",
    "Created",
    "Difference",
    "Failure",
    "Found",
    "Invoked",
    "Naming",
    "Package",
    "Refusal",
    "Unsure",
    "Urn",
]


@dataclass(frozen=True)
class Urn:
    """The parts of a Pulumi resource name, `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`."""

    text: str
    type: str
    """Type token without the parents, for example `aws:s3/bucket:Bucket`."""
    name: str
    """Logical name."""

    @classmethod
    def parse(cls, text: str) -> Urn:
        """Raises ValueError when the text is not a URN."""
        parts = text.split("::", 3)
        if len(parts) != 4 or not text.startswith("urn:pulumi:"):
            raise ValueError(f"not a Pulumi URN: {text!r}")
        return cls(text, parts[2].rsplit("$", 1)[-1], parts[3])


@dataclass(frozen=True)
class Call:
    """What a package knows about the call it answers."""

    urn: Urn
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Configuration of the provider instance (explicit or default) that the resource belongs to, without marks."""
    preview: bool = False
    """Nothing may be created; what the cloud would assign is UNKNOWN. Check and Diff are not told: False there."""
    incarnation: int = 0
    """0 for the first resource of this URN, 1 for the one that replaced it, ..."""
    resumed: bool = False
    """A killed update may have created this very incarnation already, without noting its id."""

    def digest(self, purpose: str = "") -> str:
        """64 hex digits that are the same whenever this incarnation of the resource is asked about."""
        return sha256(f"{self.urn.text}\0{self.incarnation}\0{purpose}".encode()).hexdigest()


@dataclass(frozen=True)
class Naming:
    """How the engine wants names that the program does not give (`pulumi:autonaming`).

    The default is the one of Pulumi's bridge: the logical name, a hyphen and seven hex digits (see `Call.digest`).
    """

    proposed: str | None = None
    mode: str = "propose"
    """propose, enforce or disable."""


@dataclass(frozen=True)
class Failure:
    """One input that cannot be accepted."""

    path: str
    """Property path such as `versioningConfiguration.status`."""
    reason: str
    """What is wrong and what is allowed. Never contains the value of a secret."""


@dataclass(frozen=True)
class Checked:
    """The inputs with defaults filled in, and what is wrong with them."""

    inputs: Props
    failures: Sequence[Failure] = ()


@dataclass(frozen=True)
class Created:
    """A resource that now exists (or would, in a preview, with an empty id)."""

    id: str
    outputs: Props


@dataclass(frozen=True)
class Found:
    """A resource that was read back."""

    id: str
    inputs: Props
    outputs: Props


@dataclass(frozen=True)
class Invoked:
    """The answer of a function such as `aws:index/getRegion:getRegion`."""

    result: Props
    failures: Sequence[Failure] = ()


class Refusal(Exception):
    """The stand-in cloud says no. The message goes to the terminal, so it must not contain a secret."""

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        """Property at fault, when known."""


class Unsure(Refusal):
    """The cloud did not answer: whether it did what it was asked is not known, and must be found out next time."""


class Package(Protocol):
    """The strategy of a stand-in provider for one package. Calls come from several threads at once."""

    name: str
    """Package name as in type tokens, for example `aws`."""
    version: str
    """Version of the installed SDK, without a leading v."""

    def check_config(self, call: Call, inputs: Props) -> Checked:
        """Checks the configuration of a provider instance."""
        ...

    def read_config(self, inputs: Props) -> Mapping[str, Any]:
        """Turns the checked configuration of a provider instance into what `Call.config` holds."""
        ...

    def check(self, call: Call, inputs: Props, old_inputs: Props, naming: Naming) -> Checked:
        """Validates inputs and fills in names and defaults. `old_inputs` is empty for a new resource."""
        ...

    def diff(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Difference:
        """Compares checked inputs with those of the last update."""
        ...

    def create(self, call: Call, inputs: Props) -> Created:
        """Creates the resource; with `call.preview`, only says what is known of it.

        Raises Refusal when the cloud would refuse.
        """
        ...

    def adopt(self, call: Call, id: str, inputs: Props) -> Created:
        """Like create, for a resource that an update which was killed has already made under this id."""
        ...

    def read(self, call: Call, id: str, inputs: Props, outputs: Props) -> Found | None:
        """Reads the resource back (refresh, import, `get`); None when it does not exist."""
        ...

    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        """Changes the resource in place and returns its outputs."""
        ...

    def delete(self, call: Call, id: str, inputs: Props, outputs: Props) -> None:
        """Deletes the resource; that it is gone already is no error."""
        ...

    def invoke(self, call: Call, token: str, args: Props) -> Invoked:
        """Answers a function. The URN of the call is that of the function token."""
        ...


class BasePackage(Package):
    """A package that accepts everything and creates nothing: subclasses override what they know better."""

    name = ""
    version = "0.0.0"

    @override
    def check_config(self, call: Call, inputs: Props) -> Checked:
        return Checked(inputs)

    @override
    def read_config(self, inputs: Props) -> Mapping[str, Any]:
        return reveal(inputs)

    @override
    def check(self, call: Call, inputs: Props, old_inputs: Props, naming: Naming) -> Checked:
        return Checked(inputs)

    @override
    def diff(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Difference:
        return difference(old_inputs, inputs)

    @override
    def create(self, call: Call, inputs: Props) -> Created:
        return Created("" if call.preview else call.urn.name, dict(inputs))

    @override
    def adopt(self, call: Call, id: str, inputs: Props) -> Created:
        return Created(id, self.create(call, inputs).outputs)

    @override
    def read(self, call: Call, id: str, inputs: Props, outputs: Props) -> Found | None:
        return Found(id, inputs, outputs)

    @override
    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        return {**old_outputs, **inputs}

    @override
    def delete(self, call: Call, id: str, inputs: Props, outputs: Props) -> None:
        return None

    @override
    def invoke(self, call: Call, token: str, args: Props) -> Invoked:
        raise Refusal(f"the rehearsal does not know the function {token}")
