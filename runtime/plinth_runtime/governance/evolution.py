"""How a contract may change: whoever reads the table by the old one must be able to go on. Pure.

What new rows may be can become less; it never becomes more. Rows that are there came in under an older version.
"""

from collections.abc import Iterator
from typing import Final

from plinth_runtime.governance.config import Column, ColumnType, Contract

WIDER: Final[dict[ColumnType, tuple[ColumnType, ...]]] = {"integer": ("decimal",)}
"""Types that hold every value of another."""

IDENTITY = ("store", "schema_name", "table", "key", "subject", "written")
"""What readers join, erase and measure by."""


def refusals(old: Contract, new: Contract) -> list[str]:
    """Why `new` cannot follow `old`; empty when it can."""
    found = [*_identity(old, new), *_columns(old, new)]
    if not found and _promise(old) != _promise(new) and new.version <= old.version:
        found = [f"its version is {new.version}, and version {old.version} says something else: raise it"]
    return found


def _promise(contract: Contract) -> dict[str, object]:
    return contract.model_dump(exclude={"version"})


def _identity(old: Contract, new: Contract) -> Iterator[str]:
    for field in IDENTITY:
        before, after = getattr(old, field), getattr(new, field)
        # A column that says who or when may be named later: nobody relied on its absence.
        if before != after and not (before is None and field in ("subject", "written")):
            yield f"{field} was {before} and is {after}: make a new table, and move the rows"


def _columns(old: Contract, new: Contract) -> Iterator[str]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in before:
        if name not in after:
            yield f"column {name} has gone: readers count on it, so keep it"
    for name, column in after.items():
        if name in before:
            yield from _column(before[name], column)
        elif column.required:
            yield f"column {name} is new and required: rows that are there have no value, so make it optional"


def _column(old: Column, new: Column) -> Iterator[str]:
    if new.type != old.type and new.type not in WIDER.get(old.type, ()):
        yield f"column {old.name} was {old.type} and is {new.type}: make a new column"
        return
    if old.required and not new.required:
        yield f"column {old.name} was always given and may now be missing: readers count on it"
    if new.required and not old.required:
        yield f"column {old.name} was optional and is required: rows that are there may have no value"
    if _added(old.minimum, new.minimum, -1) or _added(old.maximum, new.maximum, 1):
        yield f"column {old.name} now has values beyond {old.minimum} to {old.maximum}: readers count on these"
    if (longer := _added(old.max_length, new.max_length, 1)) or (old.pattern and new.pattern != old.pattern):
        what = f"may be longer than {old.max_length}" if longer else f"no longer matches {old.pattern}"
        yield f"column {old.name} {what}: readers count on it"
    if old.values and (more := sorted(set(new.values) - set(old.values)) if new.values else ["any text"]):
        yield f"column {old.name} may now be {', '.join(more)}: readers know only {', '.join(old.values)}"


def _added(old: float | None, new: float | None, sign: int) -> bool:
    """Whether the bound lets more through than before."""
    return old is not None and (new is None or sign * new > sign * old)
