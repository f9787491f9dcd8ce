"""Objects ready to be checked: plain values in which what is secret or unknown still is.

Checks read a secret like any value, but cannot print it: its text form is `[secret]`. UNKNOWN stays UNKNOWN.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from plinth_cli.rehearsal.values import UNKNOWN, Secret, Unknown

REDACTED: Final = "[secret]"

Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""


class _Hidden:
    """Mixin: every text form is the same."""

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return REDACTED


class HiddenStr(_Hidden, str):
    """A secret string."""


class HiddenInt(_Hidden, int):
    """A secret whole number."""


class HiddenFloat(_Hidden, float):
    """A secret number."""


def plain(value: Any, hidden: bool = False) -> Any:
    """Returns the value for checks: no nulls in maps, no secret marks, `x_kubernetes_...` fields by their own name.

    The SDKs cannot spell a dash in a field name, so the provider translates `x_kubernetes_` back; so does this.
    """
    if isinstance(value, Secret):
        return plain(value.value, hidden=True)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {_field(key): plain(item, hidden) for key, item in items if not _is_null(item)}
    if isinstance(value, (list, tuple)):
        return [plain(item, hidden) for item in cast("list[Any]", value)]
    return _hide(value) if hidden else value


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a map, else an empty one: a wrong type is for the schema to report."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """The value if it is a known string."""
    return value if isinstance(value, str) else None


def at(value: Any, *path: str) -> Any:
    """What lies under the keys; None when something on the way is missing, UNKNOWN when it is not known."""
    for key in path:
        if isinstance(value, Unknown):
            return UNKNOWN
        value = mapping(value).get(key)
    return value


def redacted(value: Any) -> Any:
    """The value with every secret replaced by `[secret]`, whole maps and lists included."""
    if isinstance(value, Secret):
        return REDACTED
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {_field(key): redacted(item) for key, item in items if item is not None}
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in cast("list[Any]", value)]
    return "[unknown]" if isinstance(value, Unknown) else value


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, Secret) and value.value is None)


def _field(key: str) -> str:
    return key.replace("_", "-") if key.startswith("x_kubernetes_") else key


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return HiddenStr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return HiddenInt(value)
    return HiddenFloat(value) if isinstance(value, float) else value
