"""What a table's owner promises: the contract that the platform program renders and the runtime reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Model(BaseModel):
    """Frozen, and refuses unknown fields: what is not understood must not be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=2, max_length=63)]
"""A lower-case name with single dashes."""

SqlName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
"""A name of a database, schema, table or column; it is always quoted."""

Path = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]
"""An absolute path inside the container."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A duration in seconds."""

ColumnType = Literal["text", "integer", "decimal", "boolean", "timestamp", "date", "uuid", "json"]
"""timestamp: an instant with its offset, ISO 8601; integer: 64 bits; decimal: a number, or text for exact ones."""


class Column(_Model):
    """One column of a table, and what its values must be."""

    name: SqlName
    """Name of the column."""

    type: ColumnType
    """What its values are."""

    required: bool = True
    """Whether each row has a value; otherwise it may be missing or null."""

    minimum: float | None = None
    """Least value of an integer or decimal."""

    maximum: float | None = None
    """Greatest value of an integer or decimal."""

    max_length: Annotated[int, Field(ge=1)] | None = None
    """Most characters of a text."""

    pattern: str | None = None
    """Regular expression (Rust syntax: no look-around, linear time) that a text contains."""

    values: list[str] = []
    """The texts that are allowed. Empty: any."""

    personal: bool = False
    """Whether it is emptied when a person is anonymized."""


class Contract(_Model):
    """What a table's owner promises to those who read it."""

    name: Name
    """Name of the table on this platform, as metrics and lineage show it."""

    version: Annotated[int, Field(ge=1)] = 1
    """Version of the promise; it rises with every change."""

    owner: Name
    """Team that answers for it."""

    data_class: Name
    """Class of its data."""

    store: Name
    """Name of the store that it lives in."""

    schema_name: SqlName | None = None
    """Schema. Empty: the store's default."""

    table: SqlName
    """Table in the schema."""

    columns: Annotated[list[Column], Field(min_length=1)]
    """Its columns."""

    key: Annotated[list[SqlName], Field(min_length=1)]
    """Columns that tell rows apart: a row with the key of another replaces it."""

    subject: SqlName | None = None
    """Column with the id of the person that a row is about. Empty: it is about nobody."""

    written: SqlName | None = None
    """Timestamp column that says when a row was written: age and freshness are counted from it."""

    freshness_minutes: Annotated[int, Field(ge=1)] | None = None
    """Minutes after which a table without a new row is stale."""

    least_rows_a_day: Annotated[int, Field(ge=0)] | None = None
    """Fewest rows that 24 hours bring."""

    most_rows_a_day: Annotated[int, Field(ge=0)] | None = None
    """Most rows that 24 hours bring."""

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        columns = {column.name: column for column in self.columns}
        if len(columns) < len(self.columns):
            raise ValueError(f"table {self.name} has a column twice")
        named = [*self.key, *filter(None, (self.subject, self.written))]
        if missing := sorted(set(named) - set(columns)):
            raise ValueError(f"table {self.name} has no column {', '.join(missing)}")
        if optional := sorted(name for name in self.key if not columns[name].required):
            raise ValueError(f"table {self.name}: key column {', '.join(optional)} must be required")
        if self.written and columns[self.written].type != "timestamp":
            raise ValueError(f"table {self.name}: column {self.written} must be a timestamp")
        return self

    @property
    def measured(self) -> bool:
        """Whether freshness or volume is promised."""
        return any(value is not None for value in (self.freshness_minutes, self.least_rows_a_day, self.most_rows_a_day))
