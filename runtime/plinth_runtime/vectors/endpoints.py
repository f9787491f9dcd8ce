"""One vector engine's address, deadlines and credential files. `plinth_runtime.vectors.config` has the whole.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from plinth_runtime.config import AbsolutePath, AwsRegion, Port, Seconds


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


CollectionName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
"""Name of a collection or a metadata field: a PostgreSQL identifier in lower case, which every engine takes."""

Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
"""A host name or an IPv4 address."""

HttpAddress = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?$", max_length=300)]
"""Scheme, host and port, without a path: `https://qdrant.plinth-data.svc.cluster.local:6333`."""

Isolation = Literal["shared", "dedicated"]
"""`shared`: tenants share a collection of the engine, which keeps them apart itself (row-level security, partition
key, namespace, multi-tenancy). `dedicated`: each tenant has a file, schema, index or collection of its own."""


class Deadlines(_Model):
    """Longest times; what takes longer ends with a typed error."""

    connect_seconds: Seconds = 5.0
    """To reach the engine, and to log in."""

    search_seconds: Seconds = 10.0
    """For one search, page, count or lookup."""

    write_seconds: Seconds = 60.0
    """For one batch of writes or one deletion."""

    build_seconds: Seconds = 600.0
    """To make a collection and its indexes."""


class _Endpoint(_Model):
    deadlines: Deadlines = Deadlines()
    """Longest times of calls to this engine."""


class SqliteEndpoint(_Endpoint):
    """Embedded: SQLite files, searched with sqlite-vec where this Python can load extensions, else with numpy."""

    kind: Literal["sqlite"] = "sqlite"
    """Engine."""

    path: AbsolutePath
    """Folder with one file for each tenant; made when missing."""

    isolation: Literal["dedicated"] = "dedicated"
    """Each tenant has a file of its own."""


class NumpyEndpoint(_Endpoint):
    """Embedded: the same SQLite files, always searched with numpy, exactly."""

    kind: Literal["numpy"]
    """Engine."""

    path: AbsolutePath
    """Folder with one file for each tenant; made when missing."""

    isolation: Literal["dedicated"] = "dedicated"
    """Each tenant has a file of its own."""


class PgVectorEndpoint(_Endpoint):
    """PostgreSQL with the extension pgvector."""

    kind: Literal["pgvector"]
    """Engine."""

    host: Host
    """Host name of PostgreSQL."""

    port: Port = 5432
    """TCP port."""

    database: CollectionName
    """Database with the collections."""

    credentials_dir: AbsolutePath = "/etc/plinth/postgres"
    """Folder with the files `username` and `password`; read again for every new connection."""

    ca_file: AbsolutePath | None = None
    """Certificate authorities (PEM) that the server's certificate must come from. Absent: encrypted, not verified."""

    isolation: Isolation = "shared"
    """`shared`: one table, row-level security. `dedicated`: the schema `tenant_<name>`, as its own role, which the
    login must be a member of."""

    connections: Annotated[int, Field(ge=1, le=100)] = 8
    """Most connections that one process keeps."""


class QdrantEndpoint(_Endpoint):
    """Qdrant 1.19 or newer over its REST interface."""

    kind: Literal["qdrant"]
    """Engine."""

    url: HttpAddress
    """Address of the REST interface."""

    api_key_file: AbsolutePath | None = None
    """File with the API key."""

    ca_file: AbsolutePath | None = None
    """Certificate authorities (PEM). Absent: the system's."""

    isolation: Isolation = "shared"
    """`shared`: payload field with a tenant index. `dedicated`: a collection per tenant."""

    replicas: Annotated[int, Field(ge=1, le=16)] = 1
    """Replicas of each shard of a collection that is made."""

    shards: Annotated[int, Field(ge=1, le=256)] = 1
    """Shards of a collection that is made."""


class MilvusEndpoint(_Endpoint):
    """Milvus 2.5 or newer over gRPC."""

    kind: Literal["milvus"]
    """Engine."""

    url: HttpAddress
    """Address of the proxy, for example `https://milvus.plinth-data.svc.cluster.local:19530`."""

    database: CollectionName = "default"
    """Milvus database."""

    token_file: AbsolutePath | None = None
    """File with a token, or with `user:password`."""

    ca_file: AbsolutePath | None = None
    """Certificate authorities (PEM). Absent: the system's."""

    isolation: Isolation = "shared"
    """`shared`: partition key. `dedicated`: a collection per tenant."""

    replicas: Annotated[int, Field(ge=1, le=16)] = 1
    """Replicas in memory of a collection that is made."""


class PineconeEndpoint(_Endpoint):
    """Pinecone serverless: an index for each collection, a namespace for each tenant."""

    kind: Literal["pinecone"]
    """Engine."""

    url: HttpAddress = "https://api.pinecone.io"
    """Address of the control plane, which tells the addresses of indexes."""

    api_key_file: AbsolutePath
    """File with the API key."""

    cloud: Literal["aws", "gcp", "azure"] = "aws"
    """Cloud of an index that is made."""

    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{2,40}$")] = "us-east-1"
    """Region of an index that is made."""

    index_prefix: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,19})?$")] = ""
    """What names of indexes start with, so that environments can share a project."""

    deletion_protection: bool = True
    """Whether an index that is made refuses to be deleted."""

    isolation: Literal["shared"] = "shared"
    """Pinecone's namespaces: a query reads exactly one."""


class S3VectorsEndpoint(_Endpoint):
    """Amazon S3 Vectors, with the pod's own AWS credentials: an index for each collection and tenant."""

    kind: Literal["s3_vectors"]
    """Engine."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
    """Name of the vector bucket."""

    region: AwsRegion
    """Region of the bucket."""

    url: HttpAddress | None = None
    """Another address of the service, for example a VPC endpoint's."""

    kms_key_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:")] | None = None
    """Key that indexes which are made are encrypted with. Absent: the bucket's own."""

    isolation: Literal["dedicated"] = "dedicated"
    """An index for each collection and tenant."""


class AwsAuth(_Model):
    """Signature Version 4 with the pod's own AWS credentials."""

    kind: Literal["aws"]
    """How requests are authenticated."""

    region: AwsRegion
    """Region that signatures are for."""

    service: Literal["es", "aoss"] = "es"
    """`es` for a domain, `aoss` for a serverless collection."""


class BasicAuth(_Model):
    """User and password of OpenSearch's internal user database."""

    kind: Literal["basic"]
    """How requests are authenticated."""

    credentials_dir: AbsolutePath
    """Folder with the files `username` and `password`."""


class NoAuth(_Model):
    """No credential: for an OpenSearch on the laptop."""

    kind: Literal["none"] = "none"
    """How requests are authenticated."""


class OpenSearchEndpoint(_Endpoint):
    """OpenSearch 2.19 or newer: a domain, or a serverless collection."""

    kind: Literal["opensearch"]
    """Engine."""

    url: HttpAddress
    """Address of the domain or collection."""

    auth: Annotated[AwsAuth | BasicAuth | NoAuth, Field(discriminator="kind")] = NoAuth()
    """How requests are authenticated."""

    ca_file: AbsolutePath | None = None
    """Certificate authorities (PEM). Absent: the system's."""

    isolation: Literal["dedicated"] = "dedicated"
    """An index for each collection and tenant."""

    replicas: Annotated[int, Field(ge=0, le=16)] = 1
    """Replicas of each shard of an index that is made."""

    shards: Annotated[int, Field(ge=1, le=256)] = 1
    """Shards of an index that is made."""


VectorEndpoint = Annotated[
    SqliteEndpoint
    | NumpyEndpoint
    | PgVectorEndpoint
    | QdrantEndpoint
    | MilvusEndpoint
    | PineconeEndpoint
    | S3VectorsEndpoint
    | OpenSearchEndpoint,
    Field(discriminator="kind"),
]
"""One engine, told apart by `kind`."""
