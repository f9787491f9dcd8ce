"""The difference of two property values, as far down as it can be told.

Policies, Helm values and rendered configuration reach the engine as text. Where a text is a JSON or YAML document, the
difference is that of the documents.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

import yaml

LONGEST_DOCUMENT = 200_000
"""Characters above which a text is not parsed: reading it would take longer than its reader has."""

_IDENTITIES = ("Sid", "name", "Name", "id", "key", "alert")
"""Fields that tell the items of a list apart: IAM's statements, Kubernetes' containers, alert rules."""


class Absent(Enum):
    """The type of `ABSENT`; an enum, so that a copy is the same object."""

    ABSENT = "(none)"


ABSENT: Final = Absent.ABSENT
"""There is no value on this side."""


@dataclass(frozen=True)
class Difference:
    """One value that differs.

    Attributes:
        path: Where, from the resource down, through documents: `policy → Statement[read].Action[0]`.
        old: The value before, or `ABSENT`.
        new: The value after, or `ABSENT`.
    """

    path: str
    old: Any
    new: Any


def differences(path: str, old: Any, new: Any) -> list[Difference]:
    """Return what differs between two values of a property; nothing where only spelling does.

    Args:
        path: The property's path.
        old: The value before; None when there was none.
        new: The value after; None when there is none.
    """
    before, after = (ABSENT if value is None else value for value in (old, new))
    documents = _documents(before, after)
    if documents:
        return list(_walk(f"{path} →", *documents))
    return list(_walk(path, before, after))


def _documents(old: Any, new: Any) -> tuple[Any, Any] | None:
    """Both sides as documents, when both are texts of one."""
    if not (isinstance(old, str) and isinstance(new, str)) or max(len(old), len(new)) > LONGEST_DOCUMENT:
        return None
    for parse in (_json, _yaml):
        parsed = parse(old), parse(new)
        if all(isinstance(side, (dict, list)) for side in parsed):
            return parsed
    return None


def _json(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _yaml(text: str) -> Any:
    if "\n" not in text.strip() or ":" not in text:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _walk(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(path, cast(Mapping[str, Any], old), cast(Mapping[str, Any], new))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, cast(Sequence[Any], old), cast(Sequence[Any], new))
    elif isinstance(old, str) and isinstance(new, str) and (documents := _documents(old, new)):
        yield from _walk(f"{path} →", *documents)
    else:
        yield Difference(path, old, new)


def _mappings(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for key in sorted({*old, *new}, key=str):
        yield from _walk(_joined(path, str(key)), old.get(key, ABSENT), new.get(key, ABSENT))


def _lists(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    for identity in _IDENTITIES:
        before, after = _by(identity, old), _by(identity, new)
        if before is not None and after is not None and before.keys() & after.keys():
            for name in [*before, *(name for name in after if name not in before)]:
                yield from _walk(f"{path}[{name}]", before.get(name, ABSENT), after.get(name, ABSENT))
            return
    yield from _aligned(path, old, new)


def _by(identity: str, items: Sequence[Any]) -> dict[str, Any] | None:
    """The items by a field, when every one has it and no two the same."""
    found: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        name = cast(dict[str, Any], item).get(identity)
        if not isinstance(name, str) or name in found:
            return None
        found[name] = item
    return found


def _aligned(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    """By position where a run of items was changed, else as what came and what went."""
    texts = [[json.dumps(item, sort_keys=True, default=str) for item in side] for side in (old, new)]
    matcher = difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(b - a, d - c)):
            before = old[a + offset] if a + offset < b else ABSENT
            after = new[c + offset] if c + offset < d else ABSENT
            yield from _walk(f"{path}[{c + offset if after is not ABSENT else a + offset}]", before, after)


def _joined(path: str, key: str) -> str:
    if path.endswith("→"):
        return f"{path} {key}"
    simple = key.replace("_", "").replace("-", "").isalnum()
    return f"{path}.{key}" if simple else f'{path}["{key}"]'


def shortened(old: Any, new: Any, width: int) -> tuple[str, str]:
    """Return both values as text of at most `width` characters that shows where they first differ."""
    before, after = _text(old), _text(new)
    if len(before) <= width and len(after) <= width:
        return before, after
    shared = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = max(0, shared - width // 3)
    return _window(before, start, width), _window(after, start, width)


def _window(text: str, start: int, width: int) -> str:
    if len(text) <= width:
        return text
    start = min(start, len(text) - width + 1)
    head = "…" if start > 0 else ""
    room = width - len(head)
    cut = text[start : start + room]
    if start + room < len(text):
        cut = cut[:-1] + "…"
    return head + cut


def _text(value: Any) -> str:
    if value is ABSENT:
        return "(none)"
    if isinstance(value, str):
        text = " ".join(value.split())
        return text if value.startswith(("[secret]", "(known")) else f'"{text}"'
    return json.dumps(value, ensure_ascii=False, default=str)
