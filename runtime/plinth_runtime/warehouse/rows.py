"""Results that Snowflake sends as JSON, such as those of SHOW and of DML, as Arrow tables like all others."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from plinth_runtime.warehouse.errors import UnreachableError


def from_rows(rows: Iterable[object], columns: Sequence[Any]) -> pa.Table:
    """Make a table of rows.

    Raises:
        UnreachableError: a row cannot be decoded.
    """
    complete: list[tuple[Any, ...]] = []
    for row in rows:
        if isinstance(row, Exception):
            raise UnreachableError(f"a row cannot be decoded: {row}", sent=True)
        assert isinstance(row, tuple)
        complete.append(row)
    names = [column.name for column in columns]
    by_column = list(zip(*complete, strict=True)) if complete else [()] * len(names)
    return pa.Table.from_arrays([_array(values) for values in by_column], names=names)


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, type=None if any(value is not None for value in values) else pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Columns of mixed types come from semi-structured values.
        return pa.array([None if value is None else str(value) for value in values], type=pa.string())
