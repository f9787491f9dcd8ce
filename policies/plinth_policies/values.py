"""Property values as rules see them: plain data, in which what is not known is a value too.

The policy SDK hands rules a proxy that raises on every look at a value that the preview does not know yet,
and gives a secret as if it were any text. `plain` turns that into data that is safe to read in any way.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias, TypeGuard, cast


class Marker(Enum):
    """What stands where there is no value to look at."""

    MISSING = "missing"
    """The property is not set, or null."""

    UNKNOWN = "unknown"
    """The property is set, and its value is known only during the update, or withheld."""


MISSING = Marker.MISSING
UNKNOWN = Marker.UNKNOWN

Value: TypeAlias = "bool | float | str | Sequence[Value] | Mapping[str, Value] | Marker"
"""A property value; numbers are floats, as they cross the wire."""

UNKNOWN_SENTINELS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""How Pulumi writes an unknown value of each kind on the wire (`pulumi_policy.proxy`)."""

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - marks a secret on the wire, is none
_WITHHELD = "[secret]"  # what `pulumi policy analyze` shows in place of a secret


class SecretText(str):
    """Text that was marked secret: compares like any text, prints as `[secret]`."""

    __slots__ = ()

    def __str__(self) -> str:
        return _WITHHELD

    def __repr__(self) -> str:
        return _WITHHELD

    def __format__(self, spec: str) -> str:
        return format(_WITHHELD, spec)


def plain(raw: object, *, secret: bool = False) -> Value:
    """Turn whatever the SDK (or a test) gives into a `Value`. Never raises.

    Args:
        raw: A proxy, plain data, or a single value.
        secret: Whether `raw` lies inside a secret, so that its texts must not be printed.
    """
    if raw is None:
        return MISSING
    if isinstance(raw, bool | Marker):
        return raw
    if isinstance(raw, int | float):
        return float(raw)
    if isinstance(raw, str):
        if raw in UNKNOWN_SENTINELS or raw == _WITHHELD:
            return UNKNOWN
        return SecretText(raw) if secret else raw
    if isinstance(raw, Mapping):
        return _plain_mapping(cast("Mapping[str, object]", raw), secret)
    if isinstance(raw, Sequence):
        items = cast("Sequence[object]", raw)
        return [plain(_item(items, index), secret=secret) for index in range(len(items))]
    if type(raw).__name__ == "Secret" and hasattr(raw, "value"):
        return plain(cast(Any, raw).value, secret=True)
    return UNKNOWN  # assets and archives: there, and not for rules to read


def _plain_mapping(raw: Mapping[str, object], secret: bool) -> Value:
    keys = list(raw)  # not `in`: on the SDK's proxy that raises for an unknown value
    if _SIGNATURE_KEY in keys:
        if _item(raw, _SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return plain(_item(raw, "value"), secret=True)
        return UNKNOWN  # an asset or archive
    return {key: plain(_item(raw, key), secret=secret) for key in keys}


def _item(container: Any, key: str | int) -> object:
    """One entry of a proxy; the SDK raises where the value is unknown."""
    try:
        return container[key]
    except Exception as error:
        # The SDK's class cannot be imported here: rules must load where the SDK is not installed.
        if type(error).__name__ == "UnknownValueError":
            return UNKNOWN
        raise


def at(value: Value, *path: str | int) -> Value:
    """The value at a path of keys and indexes: MISSING where there is none, UNKNOWN under an unknown."""
    for step in path:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(step, int) and is_list(value) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def is_list(value: Value) -> TypeGuard[Sequence[Value]]:
    """Whether it is a list (text is a sequence too, and is not meant)."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def items(value: Value) -> Sequence[Value]:
    """The entries of a list; nothing for anything else."""
    return value if is_list(value) else ()


def entries(value: Value) -> Iterator[tuple[str, Value]]:
    """Keys and values of a map; nothing for anything else."""
    if isinstance(value, Mapping):
        yield from value.items()


def texts(value: Value) -> list[str]:
    """The known texts of a list, or a single text as a list of one."""
    found = [value] if isinstance(value, str) else items(value)
    return [item for item in found if isinstance(item, str)]


def number(value: Value) -> float | None:
    """The number, also when a provider writes it as text; None when there is no known number."""
    if isinstance(value, bool) or not isinstance(value, float | str):
        return None
    try:
        return float(str.__str__(value) if isinstance(value, str) else value)
    except ValueError:
        return None


def flag(value: Value) -> bool | None:
    """The boolean, also when a provider writes it as text; None when there is no known boolean."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return None


def absent(value: Value) -> bool:
    """Whether nothing is there: not set, or an empty text, list or map. An unknown is there."""
    return value is MISSING or (isinstance(value, str | Sequence | Mapping) and not value)


def differs(value: Value, wanted: bool) -> bool:
    """Whether a flag is known not to be `wanted`; a flag that is not set differs, an unknown one does not."""
    return value is not UNKNOWN and flag(value) is not wanted


def shown(value: Value, limit: int = 80) -> str:
    """A value for a message: short, and never a secret."""
    if value is MISSING:
        return "not set"
    if value is UNKNOWN:
        return "not known yet"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        text = f"{value}"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    else:
        text = "[" + ", ".join(shown(item) for item in items(value)) + "]"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
