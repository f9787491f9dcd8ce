"""The whole spec of one environment: what a user writes under `plinth:platform`."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.backups import Backups
from plinth.spec.base import Model
from plinth.spec.batch import Batch
from plinth.spec.bedrock import Bedrock
from plinth.spec.checks import CHECKS
from plinth.spec.cluster import Cluster
from plinth.spec.data import Cache, Postgres, Storage
from plinth.spec.environment import Environment
from plinth.spec.gateway import Gateway
from plinth.spec.governance import Governance
from plinth.spec.gpu import GpuPool
from plinth.spec.graph import KnowledgeGraph
from plinth.spec.laptop import Laptop
from plinth.spec.models import ServedModel
from plinth.spec.monitoring import Monitoring
from plinth.spec.network import Network
from plinth.spec.problem import SpecError
from plinth.spec.recovery import Recovery
from plinth.spec.remote import AnyRemoteGpu
from plinth.spec.security import Security
from plinth.spec.snowflake import Snowflake
from plinth.spec.streams import EventBus
from plinth.spec.tenants import Tenant
from plinth.spec.vectors import PgVectorStore, VectorStore


class PlatformSpec(Model):
    """One environment of the platform."""

    environment: Environment
    """Identity, ownership and account."""

    network: Network = Network()
    """The virtual network."""

    security: Security = Security()
    """What watches the account: threat detection, vulnerability scans, the audit trail and the budget."""

    cluster: Cluster
    """The EKS cluster."""

    gpu_pools: list[GpuPool] = []
    """GPU node pools."""

    storage: Storage = Storage()
    """Buckets for weights, artifacts and logs."""

    postgres: Postgres = Postgres()
    """Aurora PostgreSQL."""

    cache: Cache = Cache()
    """ElastiCache for Valkey."""

    graph: KnowledgeGraph | None = None
    """The knowledge graph. Absent: none."""

    streams: list[EventBus] = []
    """Buses of events between tenants."""

    vector: VectorStore = PgVectorStore()
    """The vector store."""

    snowflake: Snowflake | None = None
    """Snowflake. Absent: none."""

    models: Annotated[list[ServedModel], Field(min_length=1)]
    """Models, self-hosted and hosted."""

    remote_gpus: list[AnyRemoteGpu] = []
    """GPUs outside AWS. Each is a backend that routes of the gateway can name like a model."""

    bedrock: Bedrock = Bedrock()
    """Guardrails and logs of Amazon Bedrock."""

    gateway: Gateway
    """The LLM gateway."""

    tenants: list[Tenant] = []
    """Product teams on the platform."""

    batch: Batch | None = None
    """Queues for training and other batch jobs. Absent: none."""

    governance: Governance | None = None
    """Classes of data: retention, residency and deletion. Absent: nothing is checked."""

    monitoring: Monitoring
    """Metrics, dashboards and alerts."""

    backups: Backups = Backups()
    """Backups of what the environment holds."""

    recovery: Recovery | None = None
    """A second region that takes over. Absent: none."""

    laptop: Laptop | None = None
    """Ports of the local processes; only for stage `local`."""

    @model_validator(mode="after")
    def _across_sections(self) -> Self:
        problems = [problem for _, check in CHECKS for problem in check(self)]
        if problems:
            raise SpecError(problems)
        return self
