"""The engines that can keep vectors."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import LogDays, Model, matches
from plinth.spec.hosted import SecretName
from plinth.spec.vector_collections import SqlName, VectorCollection


class Engine(Model):
    """What every engine's section has."""

    collections: list[VectorCollection] = []
    """Collections that the platform provides; team stacks add their own."""


class PgVectorStore(Engine):
    """Vectors in the platform's PostgreSQL, through the pgvector extension."""

    kind: Literal["pgvector"] = "pgvector"
    """Engine of the vector store."""

    database: SqlName = "vectors"
    """Database in the platform's Aurora cluster."""


class S3VectorStore(Engine):
    """Amazon S3 Vectors: nothing to run, cheap at any size, answers in some 100 milliseconds; no search by words."""

    kind: Literal["s3_vectors"]
    """Engine of the vector store."""


SearchInstance = Annotated[
    str, matches(r"^[a-z0-9]+\.[a-z0-9]+\.search$", "an OpenSearch Service instance type, for example r7g.large.search")
]
"""Instance type of Amazon OpenSearch Service."""


class OpenSearchStore(Engine):
    """Amazon OpenSearch Service, in the VPC: vectors beside full-text search with BM25.

    AWS takes a snapshot every hour and keeps each for 14 days.
    """

    kind: Literal["opensearch"]
    """Engine of the vector store."""

    engine_version: Literal["2.19", "3.1", "3.3"] = "3.1"
    """Version of OpenSearch."""

    instance_type: SearchInstance = "r7g.large.search"
    """Instance type of the data nodes. Half of a node's memory beside the Java heap (itself half, at most 32 GiB) is
    for HNSW graphs."""

    nodes: Annotated[int, Field(ge=1, le=200)] = 2
    """Data nodes: one, or the same number in each zone of the network."""

    disk_gib: Annotated[int, Field(ge=10, le=24_576)] = 100
    """Disk of each data node, in GiB (gp3)."""

    master_type: SearchInstance | None = None
    """Instance type of three dedicated cluster manager nodes. Absent: data nodes do it."""

    standby: bool = False
    """Whether one of three zones stands by, with copies of everything, and takes over within a minute: for three zones
    and dedicated cluster managers."""

    service_linked_role: Literal["make", "existing"] = "make"
    """An account has one AWSServiceRoleForAmazonOpenSearchService: `existing` where something else has made it."""

    log_days: LogDays = 90
    """Days that slow, error and audit logs are kept."""


class ClusterEngine(Engine):
    """What engines have that run on the cluster: pods with disks, certificates and snapshots."""

    replicas: Annotated[int, Field(ge=1, le=16)] = 3
    """Pods, spread over zones and nodes."""

    copies: Annotated[int, Field(ge=1, le=16)] = 2
    """Copies of each part of a collection, on as many pods; one is lost with its pod's disk."""

    cpus: Annotated[int, Field(ge=1, le=96)] = 1
    """Processor cores of each pod."""

    memory_gib: Annotated[int, Field(ge=1, le=1536)] = 4
    """Memory of each pod, in GiB."""

    disk_gib: Annotated[int, Field(ge=1, le=16_384)] = 50
    """Disk of each pod, in GiB: encrypted gp3."""

    snapshot_schedule: Annotated[
        str, matches(r"^(\S+ ){4}\S+$", "five fields of cron, in UTC, for example 17 2 * * *")
    ] = "17 2 * * *"
    """When a snapshot is taken to S3: five fields of cron, in UTC."""

    snapshot_days: Annotated[int, Field(ge=1, le=3650)] = 14
    """Days that snapshots are kept."""

    certificate_generation: Annotated[int, Field(ge=1)] = 1
    """Raise it to make a new certificate authority for the stores on the cluster, and new certificates."""


class QdrantStore(ClusterEngine):
    """Qdrant on the cluster: fast filtered search, with an API key and TLS to clients and between pods."""

    kind: Literal["qdrant"]
    """Engine of the vector store."""


class PineconeStore(Engine):
    """Pinecone serverless: nothing to run, on Pinecone's own account; vectors leave the VPC over TLS."""

    kind: Literal["pinecone"]
    """Engine of the vector store."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the API key of a Pinecone project."""

    cloud: Literal["aws", "gcp", "azure"] = "aws"
    """Cloud of the indexes."""

    region: Annotated[str, matches(r"^[a-z0-9-]{2,40}$", "a region of the cloud, for example us-east-1")] = "us-east-1"
    """Region of the indexes, as the cloud names it."""
