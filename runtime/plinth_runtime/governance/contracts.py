"""Rows against a table's contract: what keeps it, and what breaks it and why."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic_core import SchemaError

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.config import Column, ColumnType, Contract

TYPES: dict[ColumnType, Any] = {
    "text": str,
    "integer": Annotated[int, Field(ge=-(2**63), lt=2**63)],
    "decimal": Decimal,
    "boolean": bool,
    "timestamp": AwareDatetime,
    "date": date,
    "uuid": UUID,
    "json": JsonValue,
}

MAX_REASONS = 20
"""Reasons that are kept for one row."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One way in which a row breaks the contract. It never repeats the value, which may be personal."""

    column: str
    """The column; empty for the row as a whole."""
    rule: str
    """What is wrong, in words."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that breaks the contract."""

    line: int
    """Its number in the batch, from 1."""
    original: bytes
    """The row as it came, byte for byte."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch, sorted."""

    kept: tuple[dict[str, Any], ...]
    """Rows that keep the contract, with a value (or None) for each column, in the contract's order."""
    broken: tuple[Broken, ...]


class Checker:
    """Checks rows against one contract."""

    def __init__(self, contract: Contract) -> None:
        """Make the checker.

        Raises:
            StartupError: a column's pattern is no regular expression, or a rule does not go with its type.
        """
        self.contract = contract
        fields: dict[str, Any] = {
            # Columns may be called like methods of pydantic's: their fields have names of our own.
            f"column_{number}": (_annotation(contract, column), _field(column))
            for number, column in enumerate(contract.columns)
        }
        config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
        try:
            self._model = cast("type[BaseModel]", create_model("Row", __config__=config, **fields))
        except (SchemaError, TypeError) as error:
            raise StartupError(f"the contract of table {contract.name} cannot be used: {error}") from None

    def check(self, lines: Iterable[bytes]) -> Checked:
        """Sort a batch of rows, each a JSON object."""
        kept: list[dict[str, Any]] = []
        broken: list[Broken] = []
        for number, line in enumerate(lines, 1):
            original = line.rstrip(b"\r\n")
            row = self._row(original)
            if isinstance(row, dict):
                kept.append(row)
            else:
                broken.append(Broken(number, original, tuple(row[:MAX_REASONS])))
        return Checked(tuple(kept), tuple(broken))

    def _row(self, original: bytes) -> dict[str, Any] | list[Reason]:
        if twice := _repeated(original):
            return [Reason(name, "is given more than once") for name in twice]
        try:
            row = self._model.model_validate_json(original)
        except ValidationError as error:
            return [_reason(item) for item in error.errors(include_input=False, include_url=False)]
        return {column.name: getattr(row, f"column_{number}") for number, column in enumerate(self.contract.columns)}


def _repeated(original: bytes) -> list[str]:
    """Names that the row has more than once: which of the values was meant, nobody knows."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice[:] = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        return {}

    try:
        json.loads(original, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return []
    return twice


def _annotation(contract: Contract, column: Column) -> Any:
    numeric, text = column.type in ("integer", "decimal"), column.type == "text"
    if (column.minimum is not None or column.maximum is not None) and not numeric:
        raise StartupError(f"table {contract.name}, column {column.name}: minimum and maximum are for numbers")
    if (column.values or column.pattern or column.max_length) and not text:
        raise StartupError(f"table {contract.name}, column {column.name}: values, pattern, max_length are for texts")
    made: Any = TYPES[column.type]
    if column.values:
        made = Literal[tuple(column.values)]
    elif column.pattern or column.max_length:
        made = Annotated[str, Field(pattern=column.pattern, max_length=column.max_length)]
    if column.minimum is not None or column.maximum is not None:
        least, most = _exact(column.minimum, column.type), _exact(column.maximum, column.type)
        made = Annotated[made, Field(ge=least, le=most)]
    return made if column.required else made | None


def _exact(bound: float | None, kind: ColumnType) -> Any:
    if bound is None:
        return None
    return Decimal(str(bound)) if kind == "decimal" else bound


def _field(column: Column) -> Any:
    return Field(alias=column.name) if column.required else Field(default=None, alias=column.name)


def _reason(item: Any) -> Reason:
    place: Sequence[int | str] = item["loc"]
    words = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return Reason(str(place[0]) if place else "", words[:1].lower() + words[1:])
