"""Where the warehouse is and how it is used: what the platform program renders and the client reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
Credentials are files, never values. Identifiers are Snowflake's, in upper case, so that they never need quotes.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plinth_runtime.config import AbsolutePath, Name, Port, Seconds


class _Model(BaseModel):
    """Frozen, and refuses unknown fields: what is not understood must not be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Identifier = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_$]*$", min_length=1, max_length=255)]
"""A Snowflake identifier that needs no quotes, in upper case."""

QualifiedName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_$]*(\.[A-Z_][A-Z0-9_$]*){2}$", max_length=767)]
"""`DATABASE.SCHEMA.OBJECT`, each an `Identifier`."""

AccountIdentifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*-[A-Za-z][A-Za-z0-9_]*$", max_length=255)]
"""`ORGANIZATION-ACCOUNT`. Source: Snowflake documentation, "Account identifiers"."""

HostName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$", max_length=253
    ),
]
"""A DNS name without scheme or port."""

TagKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""A key of the JSON object in the query tag."""

ModelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=200)]
"""Name of a model in Cortex, for example `claude-sonnet-4-5` or `snowflake-arctic-embed-l-v2.0`."""

Workload = Literal["bi", "ml", "ingest", "applications"]
"""What a query is for, which decides its warehouse."""

Urgency = Literal["background", "normal", "urgent"]
"""How long its asker can wait: `urgent` for a person in front of a screen, `background` for nobody."""


class PrivateKey(_Model):
    """A private key that signs in, registered as one of the user's two public keys.

    Source: Snowflake documentation, "Key-pair authentication and key-pair rotation".
    """

    file: AbsolutePath
    """File with the RSA key (PEM, PKCS 8); read again when it changes."""

    passphrase_file: AbsolutePath | None = None
    """File with the passphrase of an encrypted key; read again when it changes."""


class WorkloadWarehouses(_Model):
    """Warehouses of one workload, by urgency."""

    normal: Identifier
    """Warehouse for everything that has no warehouse of its own."""

    urgent: Identifier | None = None
    """Warehouse for urgent queries; without it, `normal`."""

    background: Identifier | None = None
    """Warehouse for background queries; without it, `normal`."""

    def of(self, urgency: Urgency) -> str:
        """Return the warehouse for an urgency."""
        chosen = {"urgent": self.urgent, "background": self.background, "normal": None}[urgency]
        return chosen or self.normal


class WarehouseTimeouts(_Model):
    """How long things may take, in seconds."""

    connect_seconds: Seconds = 15.0
    """Longest time to sign in, retries included."""

    socket_seconds: Seconds = 30.0
    """Longest silence of the server while a request is under way. Snowflake answers a long query within 45 seconds with
    "still running", and the client asks again; less than that only makes the client ask earlier."""

    query_seconds: Seconds = 300.0
    """Deadline of a query that is given none: waiting for a connection, running and reading everything."""

    cancel_seconds: Seconds = 5.0
    """Longest time to tell the server that nobody wants the answer any more."""


class RetryBudget(_Model):
    """Repeating what failed and is safe to repeat."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    """Most attempts for one query, the first included."""

    base_seconds: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.2
    """Wait before the second attempt; it doubles from there, and the real wait is random between zero and that."""

    max_seconds: Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)] = 10.0
    """Longest wait between two attempts."""

    ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    """Retries that each query earns for all: with 0.1, one in ten, so that a failing server is not asked ever more."""

    reserve: Annotated[int, Field(ge=0, le=1000)] = 10
    """Retries that can be saved up, which is also what there is at the start."""


class ConnectionPool(_Model):
    """Connections, each with a thread of its own while it is used."""

    max_connections: Annotated[int, Field(ge=1, le=256)] = 8
    """Most queries of this process that run at a time; more wait."""

    idle_seconds: Seconds = 600.0
    """Time after which an unused connection is closed. Snowflake ends sessions after four hours."""

    prefetch: Annotated[int, Field(ge=1, le=10)] = 2
    """Result chunks that are fetched ahead while one is read. Snowflake's chunks are up to about 16 MB each."""


class CacheLimits(_Model):
    """Results of deterministic reads, kept in this process by tenant and role."""

    max_bytes: Annotated[int, Field(ge=1024, le=1 << 36)] = 64 * 1024 * 1024
    """Most memory of all results together, in bytes; the least recently used go first."""

    max_entry_bytes: Annotated[int, Field(ge=1024, le=1 << 32)] = 4 * 1024 * 1024
    """Largest result that is kept, in bytes."""

    ttl_seconds: Seconds = 60.0
    """Time that a result is given again, in seconds: how stale an answer may be."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_entry_bytes > self.max_bytes:
            raise ValueError(f"max_entry_bytes {self.max_entry_bytes} is more than max_bytes {self.max_bytes}")
        return self


class QueryTags(_Model):
    """The JSON object that every query carries as QUERY_TAG: ACCOUNT_USAGE tells tenants and purposes apart by it."""

    tenant: TagKey = "tenant"
    """Key of the tenant's name."""

    purpose: TagKey = "purpose"
    """Key of what the query is for."""

    request: TagKey = "request_id"
    """Key of the request's id, the same as in the log lines."""

    always: dict[TagKey, Annotated[str, Field(max_length=200)]] = {}
    """What every query says besides, for example environment and product."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        keys = [self.tenant, self.purpose, self.request, *self.always]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"the query tag has {', '.join(twice)} more than once")
        return self


class CortexSettings(_Model):
    """Which of Cortex' models and services there are for callers that name none."""

    complete_model: ModelId | None = None
    """Model of completions."""

    embed_model: ModelId | None = None
    """Model of embeddings."""

    search_services: dict[Name, QualifiedName] = {}
    """Cortex Search services, by the names that products use."""

    semantic_views: dict[Name, QualifiedName] = {}
    """Semantic views that Cortex Analyst answers from, by the names that products use."""

    first_byte_seconds: Seconds = 60.0
    """Longest silence of the REST API."""

    max_answer_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 * 1024 * 1024
    """Largest answer that is read, in bytes."""


class IngestPipe(_Model):
    """A table that rows are streamed into."""

    database: Identifier
    """Database of the table and the pipe."""

    schema_name: Identifier
    """Schema of the table and the pipe."""

    table: Identifier
    """Table."""

    pipe: Identifier | None = None
    """Pipe that transforms on the way; without it, the table's own, `<table>-STREAMING`, which Snowflake provides."""

    max_batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    """Most rows that are handed over at once."""

    max_batch_bytes: Annotated[int, Field(ge=1024, le=15 * 1024 * 1024)] = 4 * 1024 * 1024
    """Most bytes that are handed over at once, as JSON."""

    max_delay_seconds: Seconds = 1.0
    """Longest time that a row waits for its batch to fill, in seconds."""

    max_uncommitted_rows: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    """Most rows that are handed over and not yet durable; above it the source is not read (back pressure)."""

    commit_seconds: Seconds = 60.0
    """Longest time until rows that were handed over must be durable, in seconds."""


class _Warehouse(_Model):
    """What every kind of warehouse has."""

    database: Identifier
    """Database of names that give none."""

    schema_name: Identifier = "PUBLIC"
    """Schema of names that give none."""

    timeouts: WarehouseTimeouts = WarehouseTimeouts()
    """How long things may take."""

    retries: RetryBudget = RetryBudget()
    """Repeating what failed and is safe to repeat."""

    pool: ConnectionPool = ConnectionPool()
    """Connections of one process."""

    cache: CacheLimits | None = CacheLimits()
    """Results that are kept; `null` keeps none."""

    tags: QueryTags = QueryTags()
    """What every query says about itself."""

    cortex: CortexSettings = CortexSettings()
    """Cortex' models and services."""

    pipes: dict[Name, IngestPipe] = {}
    """Tables that rows are streamed into, by the names that products use."""


class SnowflakeConnection(_Warehouse):
    """An account of Snowflake, with a service user that signs in with its key pair."""

    kind: Literal["snowflake"] = "snowflake"
    """Which kind of warehouse."""

    account: AccountIdentifier
    """Account, as `ORGANIZATION-ACCOUNT`."""

    host: HostName | None = None
    """Name of the server where it is not `<account>.snowflakecomputing.com`, for example with PrivateLink."""

    port: Port = 443
    """TCP port, always with TLS."""

    user: Identifier
    """Service user."""

    role: Identifier
    """Role of every session; secondary roles are off."""

    keys: Annotated[list[PrivateKey], Field(min_length=1, max_length=2)]
    """Private keys in the order in which they are tried: two while they are being rotated."""

    warehouses: Annotated[dict[Workload, WorkloadWarehouses], Field(min_length=1)]
    """Warehouses by workload."""

    @property
    def server(self) -> str:
        """Name of the server. Underscores of an account's name are dashes in its DNS name."""
        return self.host or f"{self.account.lower().replace('_', '-')}.snowflakecomputing.com"


class EmbeddedWarehouse(_Warehouse):
    """The emulator that runs on this machine: DuckDB behind Snowflake's protocol."""

    kind: Literal["embedded"]
    """Which kind of warehouse."""

    host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"
    """Address of the emulator. It has no passwords, so it is never anywhere else."""

    port: Port
    """TCP port of the emulator, without TLS."""

    role: Identifier = "PLINTH_EMBEDDED"
    """Role that results are cached under; the emulator has no roles."""

    warehouses: dict[Workload, WorkloadWarehouses] = {}
    """Warehouses by workload; they are named in the query's tag and nothing else, because the emulator has none."""


WarehouseEndpoint = Annotated[SnowflakeConnection | EmbeddedWarehouse, Field(discriminator="kind")]
"""A warehouse, told apart by `kind`."""


class WarehouseConfig(_Model):
    """What a workload reads about the warehouse, as one JSON file."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    endpoint: WarehouseEndpoint
    """The warehouse."""
