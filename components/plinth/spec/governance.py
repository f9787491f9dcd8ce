"""What may happen to data: how long it is kept, where it may rest, and how it goes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.data import SqlName
from plinth.spec.environment import DataClass

Region = Annotated[str, matches(r"^[a-z]{2}(-[a-z]+)+-\d$", "an AWS region, for example us-east-1")]

Days = Annotated[int, Field(ge=1, le=36_500)]


class DataRules(Model):
    """One class of data: everything that is kept, placed and deleted alike."""

    name: Name
    """Name of the class, for example `customer-content`."""

    sensitivity: DataClass
    """How sensitive its data is; a bucket under it has the same `data_class`."""

    purpose: Literal["content", "audit", "operations"] = "content"
    """content: what people and products write; audit: what proves what happened; operations: what runs the platform."""

    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days that its data is kept at least, because a law or a contract says so."""

    retention_days: Days | None = None
    """Days after which its data is gone at the latest, old versions and backups included. Empty: while it is used."""

    regions: list[Region] = []
    """AWS regions that it may rest in. Empty: any."""

    deletion: Literal["erase", "anonymize", "keep"] = "erase"
    """What happens to a person's data when the person is erased. erase: it is deleted; anonymize: rows stay, and their
    personal columns are emptied; keep: it stays, and the receipt says so. Audit data is kept."""

    encryption: Literal["customer_key", "any"] = "customer_key"
    """customer_key: only stores that encrypt with the platform's own KMS keys; any: stores of other companies too."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.retention_days is not None and self.keep_days > self.retention_days:
            raise ValueError(f"keep_days {self.keep_days} is above retention_days {self.retention_days}")
        if self.purpose == "audit" and self.deletion != "keep":
            raise ValueError("class with purpose audit needs deletion: keep, or a deletion would erase its own proof")
        if self.purpose == "audit" and not self.keep_days:
            raise ValueError("class with purpose audit needs keep_days: how long what happened must be provable")
        return self


class Holdings(Model):
    """Which class the data in each store belongs to. Every store of the platform has one."""

    others: Name | None = None
    """Class of buckets, collections and Snowflake databases that are not named below. Empty: each must be named."""

    buckets: dict[str, Name] = {}
    """Bucket of `storage.buckets` -> class."""

    postgres: Name | None = None
    """Class of what the platform's PostgreSQL holds."""

    cache: Name | None = None
    """Class of what the cache holds."""

    collections: dict[str, Name] = {}
    """Collection of the vector store -> class."""

    snowflake: dict[str, Name] = {}
    """Snowflake database -> class."""

    audit_trail: Name | None = None
    """Class of CloudTrail's records, where this environment keeps them."""


class TableColumn(Model):
    """One column of a table, and what its values must be."""

    name: SqlName
    """Name of the column."""

    type: Literal["text", "integer", "decimal", "boolean", "timestamp", "date", "uuid", "json"]
    """What its values are. timestamp: an instant with its offset, ISO 8601; integer: 64 bits."""

    required: bool = True
    """Whether each row has a value."""

    minimum: float | None = None
    """Least value of an integer or decimal."""

    maximum: float | None = None
    """Greatest value of an integer or decimal."""

    max_length: Annotated[int, Field(ge=1)] | None = None
    """Most characters of a text."""

    pattern: Annotated[str, Field(max_length=1000)] | None = None
    """Regular expression that a text contains (Rust syntax, without look-around)."""

    values: list[str] = []
    """The texts that are allowed. Empty: any."""

    personal: bool = False
    """Whether it is emptied when a person is anonymized."""

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("integer", "decimal"):
            raise ValueError(f"column {self.name} is {self.type}: minimum and maximum are for integers and decimals")
        if (self.values or self.pattern or self.max_length) and self.type != "text":
            raise ValueError(f"column {self.name} is {self.type}: values, pattern and max_length are for texts")
        return self


class RowsPerDay(Model):
    """How many rows 24 hours bring."""

    least: Annotated[int, Field(ge=0)] | None = None
    """Fewest rows."""

    most: Annotated[int, Field(ge=0)] | None = None
    """Most rows."""


class Table(Model):
    """A table of the platform's PostgreSQL, and what its owner promises to those who read it."""

    name: Name
    """Name of the table on the platform, as metrics and lineage show it."""

    version: Annotated[int, Field(ge=1)] = 1
    """Version of the promise; it rises with every change."""

    owner: Name
    """Team that answers for it."""

    data_class: Name
    """Class of its data."""

    database: SqlName
    """Database in the platform's PostgreSQL."""

    schema_name: SqlName = "public"
    """Schema in the database."""

    table: SqlName
    """Table in the schema."""

    columns: Annotated[list[TableColumn], Field(min_length=1)]
    """Its columns."""

    key: Annotated[list[SqlName], Field(min_length=1)]
    """Columns that tell rows apart."""

    subject: SqlName | None = None
    """Column with the id of the person that a row is about. Empty: it is about nobody."""

    written: SqlName | None = None
    """Timestamp column that says when a row was written. Age, freshness and volume are counted from it."""

    freshness_minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None
    """Minutes without a new row after which an alert says so."""

    rows_per_day: RowsPerDay | None = None
    """Rows that 24 hours bring; an alert says when it is another number. Empty: any."""

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        types = {column.name: column.type for column in self.columns}
        if len(types) < len(self.columns):
            raise ValueError(f"table {self.name} has a column twice")
        named = [*self.key, *filter(None, (self.subject, self.written))]
        if missing := sorted(set(named) - set(types)):
            raise ValueError(f"table {self.name} has no column {', '.join(missing)}, only {', '.join(types)}")
        if optional := [c.name for c in self.columns if c.name in self.key and not c.required]:
            raise ValueError(f"table {self.name}: key column {', '.join(optional)} must be required")
        if self.written and types[self.written] != "timestamp":
            raise ValueError(f"table {self.name}: written names column {self.written}, which must be a timestamp")
        if (self.freshness_minutes or self.rows_per_day) and not self.written:
            raise ValueError(
                f"table {self.name}: freshness_minutes and rows_per_day need written, the column to count by"
            )
        return self

    @property
    def measured(self) -> bool:
        """Whether freshness or volume is promised."""
        return self.freshness_minutes is not None or self.rows_per_day is not None


class PersonalFiles(Model):
    """Files in a bucket that belong to persons, each person's below a prefix of their own."""

    bucket: Name
    """Bucket of `storage.buckets`."""

    prefix: Annotated[
        str,
        matches(r"^([^{}/]+/)*\{subject\}/$", "folders and at the end `{subject}/`, for example people/{subject}/"),
    ]
    """Start of a person's keys; `{subject}` stands for the person's id."""


class PersonalVectors(Model):
    """A collection of the vector store whose records may be about persons."""

    collection: str
    """Collection of `vector.collections`."""

    subject_field: Annotated[str, Field(min_length=1, max_length=200)]
    """Field of the records' metadata with the id of the person."""


class LegalHold(Model):
    """What it covers is neither erased nor deleted by age while it is in the spec."""

    name: Name
    """Name of the case, as receipts show it."""

    subjects: list[
        Annotated[str, matches(r"^[^@\s/]{1,200}$", "an id that says nothing itself: no e-mail address")]
    ] = []
    """Ids of persons whose data is held. Empty: everybody's."""

    data_classes: list[Name] = []
    """Classes that are held. Empty: all."""


class LineageCatalog(Model):
    """A catalog that collects OpenLineage events, such as Marquez or DataHub."""

    url: Annotated[str, matches(r"^https://[^\s/?#@]+(/[^\s?#]*)?$", "an address that starts with https://")]
    """Its address, without the path of its API. TCP port 443."""


class Governance(Model):
    """Classes of data, and which store holds which. Each store is checked against its class, without a cloud."""

    classes: Annotated[list[DataRules], Field(min_length=1)]
    """Classes of data."""

    holdings: Holdings
    """Which class each store holds."""

    tables: list[Table] = []
    """Tables with a contract: rows are checked on their way in, measured, erased and deleted by age."""

    personal_files: list[PersonalFiles] = []
    """Where files of persons are, so that they are erased with the person."""

    personal_vectors: list[PersonalVectors] = []
    """Collections of a pgvector store with records about persons, so that they are erased with the person."""

    holds: list[LegalHold] = []
    """Legal holds; they win over every deletion."""

    lineage: LineageCatalog | None = None
    """Where lineage goes. Empty: nowhere."""

    receipt_days: Annotated[int, Field(ge=1, le=36_500)] = 2555
    """Days for which nobody, AWS included, can delete a receipt (S3 Object Lock, compliance mode), in staging and
    production."""

    @property
    def in_postgres(self) -> bool:
        """Whether some of it is in the platform's PostgreSQL."""
        return bool(self.tables or self.personal_vectors)

    @property
    def governs(self) -> bool:
        """Whether there is data that can be erased and deleted by age."""
        return bool(self.tables or self.personal_files or self.personal_vectors)

    def rules(self, name: str) -> DataRules | None:
        """The class of that name, if there is one."""
        return next((rules for rules in self.classes if rules.name == name), None)
