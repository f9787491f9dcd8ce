"""Property values as plain Python, and their form on the wire.

Pulumi sends properties as protobuf Structs in which secrets, unknowns and assets are marked by signatures
(pulumi/pulumi, sdk/go/common/resource/sig and plugin/rpc.go). A stand-in works on dicts, lists, strings, numbers,
booleans and None, plus the few classes below; `decode` and `encode` are the only place where the marks are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, cast

from google.protobuf import struct_pb2

Props = dict[str, Any]
"""Properties of a resource by their wire name, for example `bucketPrefix`."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a signature of the protocol
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        _UNKNOWN_STRING,
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class Unknown(Enum):
    """A value that is not known before the update runs. There is one: `UNKNOWN`."""

    THE_ONE = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.THE_ONE


@dataclass(frozen=True)
class Secret:
    """A value that must be encrypted in state and never shown. Its repr hides it, so that a log cannot leak it."""

    value: Any = field(repr=False)

    def __hash__(self) -> int:
        return hash(Secret)


@dataclass(frozen=True)
class Asset:
    """A file: exactly one of text, path or uri is set."""

    text: str | None = field(default=None, repr=False)
    path: str | None = None
    uri: str | None = None
    hash: str | None = None


@dataclass(frozen=True)
class Archive:
    """A folder or an archive file: exactly one of assets, path or uri is set."""

    assets: Mapping[str, Any] | None = field(default=None, hash=False)
    path: str | None = None
    uri: str | None = None
    hash: str | None = None


@dataclass(frozen=True)
class Reference:
    """A reference to another resource, passed as a value."""

    urn: str
    id: str | Unknown | None = None
    version: str | None = None


# --- from the wire ---------------------------------------------------------------------------------------------


def decode(properties: struct_pb2.Struct) -> Props:
    """Returns the properties as plain Python with Secret, UNKNOWN, Asset, Archive and Reference where marked."""
    return {key: _decode(value) for key, value in properties.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        return _number(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _decode_struct(value.struct_value)
    return None


def _number(number: float) -> int | float:
    """Protobuf has only doubles; a whole number that a double holds exactly is an int in Python."""
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number


def _decode_struct(struct: struct_pb2.Struct) -> Any:
    plain = decode(struct)
    signature = plain.get(SIGNATURE)
    if signature is None:
        return plain
    if signature == SECRET:
        return secret(plain.get("value"))
    if signature == OUTPUT:
        value = plain.get("value", UNKNOWN)
        return secret(value) if plain.get("secret") else value
    if signature == ASSET:
        return Asset(**_only(plain, "text", "path", "uri", "hash"))
    if signature == ARCHIVE:
        return Archive(**_only(plain, "assets", "path", "uri", "hash"))
    if signature == RESOURCE:
        version = plain.get("packageVersion")
        return Reference(plain["urn"], plain.get("id"), version)
    raise ValueError(f"a property carries the unknown signature {signature!r}")


def _only(plain: Props, *names: str) -> Props:
    return {name: plain[name] for name in names if name in plain}


# --- to the wire -----------------------------------------------------------------------------------------------


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Returns the Struct for the properties; the inverse of `decode`.

    Raises:
        TypeError: a value is of a type that has no form on the wire.
    """
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _encode(value, struct.fields[key])
    return struct


def _encode(value: Any, into: struct_pb2.Value) -> None:
    if value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, (int, float)):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif value is UNKNOWN:
        into.string_value = _UNKNOWN_STRING
    elif isinstance(value, Mapping):
        into.struct_value.CopyFrom(encode(cast("Mapping[str, Any]", value)))
    elif isinstance(value, (list, tuple)):
        into.list_value.SetInParent()
        for item in cast("Sequence[Any]", value):
            _encode(item, into.list_value.values.add())
    else:
        into.struct_value.CopyFrom(encode(_marked(value)))


def _marked(value: Any) -> Props:
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "value": value.value}
    if isinstance(value, Reference):
        marked = {SIGNATURE: RESOURCE, "urn": value.urn, "id": value.id, "packageVersion": value.version}
    elif isinstance(value, Asset):
        marked = {SIGNATURE: ASSET, **vars(value)}
    elif isinstance(value, Archive):
        marked = {SIGNATURE: ARCHIVE, **vars(value)}
    else:
        raise TypeError(f"a property cannot hold a {type(value).__name__}")
    return {key: item for key, item in marked.items() if item is not None}


# --- looking at values -----------------------------------------------------------------------------------------


def secret(value: Any) -> Secret:
    """Marks the value secret, once."""
    return value if isinstance(value, Secret) else Secret(value)


def unwrap(value: Any) -> Any:
    """The value without its own secret mark; marks further inside stay."""
    return value.value if isinstance(value, Secret) else value


def reveal(value: Any) -> Any:
    """The value without any secret mark, at any depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [reveal(item) for item in cast("Sequence[Any]", value)]
    return value


def has_unknown(value: Any) -> bool:
    """Whether the value is, or contains at any depth, UNKNOWN."""
    return any(item is UNKNOWN for item in walk(value))


def has_secret(value: Any) -> bool:
    """Whether the value is, or contains at any depth, a Secret."""
    return any(isinstance(item, Secret) for item in walk(value))


def walk(value: Any) -> Iterator[Any]:
    """The value and everything inside it, parents first, through secrets, lists, maps and archives."""
    yield value
    if isinstance(value, Secret):
        yield from walk(value.value)
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, Any]", value).values():
            yield from walk(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("Sequence[Any]", value):
            yield from walk(item)
    elif isinstance(value, Archive) and value.assets:
        yield from walk(value.assets)


def secret_texts(value: Any) -> frozenset[str]:
    """Every string that lies under a secret mark."""
    marked = (item.value for item in walk(value) if isinstance(item, Secret))
    return frozenset(text for inside in marked for text in walk(inside) if isinstance(text, str) and text)
