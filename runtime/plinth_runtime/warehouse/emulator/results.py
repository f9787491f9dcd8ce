"""Rows as Snowflake sends them: Arrow streams with its own types in the metadata, a chunk at a time."""

import importlib
from typing import Any

import pyarrow as pa


def encode(table: pa.Table, rowtype: list[dict[str, Any]], chunk_rows: int) -> list[tuple[bytes, int]]:
    """Cut a table into Arrow streams with their numbers of rows; there is always one, empty or not."""
    to_snowflake = importlib.import_module("fakesnow.arrow").to_sf
    parts: list[tuple[bytes, int]] = []
    for start in range(0, max(1, table.num_rows), chunk_rows):
        part = to_snowflake(table.slice(start, chunk_rows).combine_chunks(), rowtype)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_table(part)
        parts.append((sink.getvalue().to_pybytes(), part.num_rows))
    return parts
