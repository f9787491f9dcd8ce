"""What the parts that govern data are told: the type that the platform program renders and the runtime reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plinth_runtime.governance.promises import Column, ColumnType, Contract, Name, Path, Seconds, SqlName

__all__ = [
    "ClassRules",
    "Collection",
    "Column",
    "ColumnType",
    "Contract",
    "FileLineage",
    "FolderPlace",
    "GovernanceConfig",
    "Hold",
    "HttpLineage",
    "KmsKey",
    "Lineage",
    "LocalKey",
    "Objects",
    "Place",
    "PostgresStore",
    "Receipts",
    "S3Place",
    "Signer",
    "SqliteStore",
    "Store",
]


class _Model(BaseModel):
    """Frozen, and refuses unknown fields: what is not understood must not be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FolderPlace(_Model):
    """Files in a folder."""

    kind: Literal["folder"] = "folder"
    """Where it is."""

    path: Path
    """The folder; made when missing."""


class S3Place(_Model):
    """Objects in an S3 bucket, with the pod's own credentials."""

    kind: Literal["s3"] = "s3"
    """Where it is."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """The bucket."""

    prefix: Annotated[str, Field(pattern=r"^([^/\x00]+/)*$", max_length=512)] = ""
    """Start of every key, with a slash at its end."""

    lock_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days for which each new object is locked (S3 Object Lock, compliance mode). Empty: not locked."""


Place = Annotated[FolderPlace | S3Place, Field(discriminator="kind")]
"""Where files are kept, told apart by `kind`."""


class PostgresStore(_Model):
    """A PostgreSQL database."""

    kind: Literal["postgres"] = "postgres"
    """What it is."""

    name: Name
    """Name of the store, as tables refer to it."""

    host: Annotated[str, Field(min_length=1)]
    """Host name."""

    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    """TCP port."""

    database: SqlName
    """Database."""

    credentials_dir: Path = "/etc/plinth/postgres"
    """Folder with the files `username` and `password`."""

    ca_file: Path | None = None
    """Certificate authorities (PEM) that the server's certificate must come from. Absent: encrypted, not verified."""


class SqliteStore(_Model):
    """An embedded SQLite database."""

    kind: Literal["sqlite"] = "sqlite"
    """What it is."""

    name: Name
    """Name of the store, as tables refer to it."""

    path: Path
    """The database's file."""


Store = Annotated[PostgresStore | SqliteStore, Field(discriminator="kind")]
"""Where tables live, told apart by `kind`."""


class ClassRules(_Model):
    """How long data of a class is kept, and how it goes."""

    name: Name
    """Name of the class."""

    retention_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which its rows and files are deleted. Empty: never by age."""

    deletion: Literal["erase", "anonymize", "keep"] = "erase"
    """What happens when a person is erased; `keep` is reported in the receipt."""


class Hold(_Model):
    """A legal hold: what it covers is neither erased nor deleted by age while it lasts."""

    name: Name
    """Name of the case, as receipts show it."""

    subjects: list[Annotated[str, Field(min_length=1)]] = []
    """Persons whose data is held. Empty: everybody's."""

    data_classes: list[Name] = []
    """Classes that are held. Empty: all."""

    def covers(self, data_class: str) -> bool:
        """Whether data of the class is held."""
        return not self.data_classes or data_class in self.data_classes

    def holds(self, subject: str, data_class: str) -> bool:
        """Whether a person's data of the class is held."""
        return (not self.subjects or subject in self.subjects) and self.covers(data_class)


class Objects(_Model):
    """Files that belong to persons, each person's below a prefix of their own."""

    name: Name
    """Name of the store, as receipts show it."""

    data_class: Name
    """Class of its data."""

    place: Place
    """Where the files are."""

    subject_prefix: Annotated[str, Field(pattern=r"^([^{}\x00]*/)?\{subject\}/$")] = "{subject}/"
    """Start of the names of a person's files below the place: `{subject}` stands for the person's id.

    It ends with a slash, so that no person's id is the beginning of another's.
    """


class Collection(_Model):
    """A collection of the pgvector store whose records may be about persons."""

    name: Name
    """Name of the collection, as receipts show it."""

    data_class: Name
    """Class of its data."""

    store: Name
    """Name of the PostgreSQL store that it lives in."""

    table: SqlName
    """Its table, as `plinth-runtime vector-schema` makes it."""

    subject_field: Annotated[str, Field(min_length=1, max_length=200)]
    """Field of the records' metadata with the id of the person."""


class LocalKey(_Model):
    """Receipts are signed with Ed25519 by a key in a file."""

    kind: Literal["file"] = "file"
    """Who signs."""

    path: Path
    """File with the private key (PEM), made when missing; only its owner may read it."""


class KmsKey(_Model):
    """Receipts are signed by AWS KMS with ECDSA on P-256: the private key never leaves it."""

    kind: Literal["kms"] = "kms"
    """Who signs."""

    key_id: Annotated[str, Field(min_length=1, max_length=2048)]
    """ARN of the key."""


Signer = Annotated[LocalKey | KmsKey, Field(discriminator="kind")]
"""Who signs receipts, told apart by `kind`."""


class Receipts(_Model):
    """Where the proofs of deletion are kept, and who signs them."""

    place: Place
    """Where they are: nothing there is ever changed."""

    signer: Signer
    """Who signs them."""


class HttpLineage(_Model):
    """Lineage events are posted to a catalog that speaks OpenLineage, such as Marquez or DataHub."""

    kind: Literal["http"] = "http"
    """How events travel."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2048)]
    """Address of the catalog, without the path of its API."""

    key_file: Path | None = None
    """File with its API key. Empty: it wants none."""

    timeout_seconds: Seconds = 5.0
    """Longest time for one event."""


class FileLineage(_Model):
    """Lineage events are appended to a file, one JSON object a line."""

    kind: Literal["file"] = "file"
    """How events travel."""

    path: Path
    """The file."""


Lineage = Annotated[HttpLineage | FileLineage, Field(discriminator="kind")]
"""Where lineage goes, told apart by `kind`."""


QUARANTINE = "quarantine"
"""Name of the store of quarantined rows."""


class GovernanceConfig(_Model):
    """Everything that the governing parts read at start, as one JSON file."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    environment: Name
    """Name of the environment; also the namespace of lineage."""

    stores: list[Store] = []
    """Where tables live."""

    tables: list[Contract] = []
    """Tables with a contract."""

    objects: list[Objects] = []
    """Files that belong to persons."""

    collections: list[Collection] = []
    """Collections of vectors with records about persons."""

    classes: list[ClassRules] = []
    """Classes of data."""

    holds: list[Hold] = []
    """Legal holds."""

    receipts: Receipts | None = None
    """Proofs of deletion. Without them nobody can be erased, and nothing is deleted by age."""

    work: Place
    """Where quarantined rows, accepted contracts and unfinished work are kept."""

    lineage: Lineage | None = None
    """Where lineage goes. Empty: nowhere."""

    port: Annotated[int, Field(ge=1, le=65535)] = 9090
    """TCP port of `watch-tables` for `/metrics` and the probes."""

    measure_seconds: Seconds = 300.0
    """Time between two looks at freshness and volume, in seconds."""

    @model_validator(mode="after")
    def _references(self) -> Self:
        stores = _once("store", [store.name for store in self.stores])
        _once("table", [table.name for table in self.tables])
        _once("store", [*stores, *(item.name for item in self.objects), QUARANTINE])
        classes = _once("class", [rules.name for rules in self.classes])
        _once("hold", [hold.name for hold in self.holds])
        for table in self.tables:
            if table.store not in stores:
                raise ValueError(f"table {table.name} lives in store {table.store}, which is not one of {stores}")
            self._anonymous(table)
        _once("table and collection", [item.name for item in (*self.tables, *self.collections)])
        databases = [store.name for store in self.stores if isinstance(store, PostgresStore)]
        for item in self.collections:
            if item.store not in databases:
                raise ValueError(f"collection {item.name} lives in store {item.store}, which is no PostgreSQL store")
            rules = self.rules(item.data_class)
            if rules and rules.deletion == "anonymize":
                raise ValueError(f"collection {item.name}: vectors cannot be anonymized, only erased or kept")
        used = {item.data_class for item in (*self.tables, *self.objects, *self.collections)}
        used |= {name for hold in self.holds for name in hold.data_classes}
        if self.receipts and (missing := sorted(used - set(classes))):
            raise ValueError(f"data class {', '.join(missing)} is used and not one of {classes}")
        return self

    def _anonymous(self, table: Contract) -> None:
        """A table whose rows outlive the person can do without who it was."""
        rules = self.rules(table.data_class)
        if not rules or rules.deletion != "anonymize" or not table.subject:
            return
        columns = {column.name: column for column in table.columns}
        if columns[table.subject].type != "text":
            raise ValueError(f"table {table.name}: to be anonymized, column {table.subject} must be text")
        if full := [column.name for column in table.columns if column.personal and column.required]:
            raise ValueError(f"table {table.name}: to be anonymized, column {', '.join(full)} must not be required")

    def rules(self, name: str) -> ClassRules | None:
        """The class of that name, if there is one."""
        return next((rules for rules in self.classes if rules.name == name), None)

    def table(self, name: str) -> Contract | None:
        """The contract of that name, if there is one."""
        return next((table for table in self.tables if table.name == name), None)


def _once(what: str, names: Sequence[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {', '.join(twice)} is given more than once")
    return sorted(names)
