"""What the platform tells team stacks: one versioned, secret-free document, written here and read here.

The platform exports it as the stack output `contract`; team stacks read it through `PlatformReference`. It names
secrets and never holds one. Fields may be added; one that is removed or changes its meaning makes a new version.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plinth.spec.environment import Environment, Stage

VERSION = "plinth.platform/v1"
OUTPUT = "contract"
"""Name of the stack output."""

T = TypeVar("T")


class _Model(BaseModel):
    """Frozen; ignores what it does not know, so that a newer platform does not break an older team stack."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True)


class EnvironmentFacts(_Model):
    """Which environment."""

    name: str
    stage: Stage
    region: str
    account_id: str


class ClusterFacts(_Model):
    """How to reach the cluster."""

    name: str
    endpoint: str
    certificate_authority: str
    """Base64, as kubeconfigs have it. Public."""


class GatewayFacts(_Model):
    """How to call models."""

    url: str
    """Base URL for OpenAI clients, up to `/v1`."""
    routes: list[str]
    """Every route of the platform; a tenant may call those that are listed with it."""


class TenantFacts(_Model):
    """What belongs to a tenant."""

    namespace: str
    routes: list[str]
    """Routes that it may call."""
    folder: str
    """Start of the Secrets Manager names of what is its own."""
    secret_store: str
    """ClusterSecretStore that reads that folder."""
    key_stored_as: str
    """Secrets Manager name of its gateway key."""
    key_mounted_as: str
    """Kubernetes Secret with the key, in its namespace, field `api-key`."""
    vectors_stored_as: str
    """Secrets Manager name of its login at the vector store (JSON with username and password)."""
    vectors_schema: str
    """PostgreSQL schema that its login owns."""
    buckets: list[str] = []
    """Buckets, by their names in the spec, in which it has a place of its own."""
    prefix: str = ""
    """Start of the keys of its own place in each of them."""
    data_account: str | None = None
    """Service account whose pods read and write there; None without buckets."""
    trace_project: str = ""
    """Name under which its traces belong together."""
    queue: str | None = None
    """LocalQueue in its namespace for training and other batch jobs; None without."""
    gpus: dict[str, int] = {}
    """Most GPUs that its jobs may hold, by pool."""


class PoolFacts(_Model):
    """What a job can have on the nodes of a GPU pool."""

    gpus_per_node: int
    """GPUs of its largest instance type."""
    cpus_per_gpu: int
    """Processor cores beside each GPU."""
    memory_gib_per_gpu: int
    """Memory beside each GPU, in GiB."""


class VectorFacts(_Model):
    """Where vectors in PostgreSQL are."""

    kind: str
    host: str
    port: int
    database: str
    collections: list[str]


class VectorStoreFacts(_Model):
    """One store of vectors."""

    kind: str
    """Its engine."""
    endpoint: dict[str, Any]
    """How pods of the platform reach it: a `plinth_runtime.vectors.config.VectorEndpoint` as plain data."""
    collections: list[str]
    """The platform's collections in it."""


class PlatformContract(_Model):
    """Everything a team stack may rely on."""

    version: Annotated[Literal["plinth.platform/v1"], Field(alias="schema")] = VERSION
    environment: EnvironmentFacts
    cluster: ClusterFacts
    gateway: GatewayFacts
    tenants: dict[str, TenantFacts]
    vector: VectorFacts | None = None
    """The vectors in PostgreSQL; None where there are none."""
    vector_stores: dict[str, VectorStoreFacts] = {}
    """Every vector store by its name, PostgreSQL's too."""
    vector_uses: dict[str, str] = {}
    """Store that keeps collections of each use, where there are several stores."""
    buckets: dict[str, str]
    """Physical bucket names."""
    secrets_key_arn: str
    """KMS key for secrets."""
    data_key_arn: str = ""
    """KMS key of data that has none of its own."""
    bucket_key_arns: dict[str, str] = {}
    """KMS key of each bucket."""

    def bucket_keys(self, buckets: Sequence[str]) -> list[str]:
        """KMS keys of buckets, each once."""
        return sorted({self.bucket_key_arns.get(bucket, self.data_key_arn) for bucket in buckets})

    pools: dict[str, PoolFacts] = {}
    """GPU pools that queues hand out."""
    frameworks: list[str] = []
    """What runs distributed jobs: train, ray."""
    runtime_image: str
    """Image of plinth-runtime, by digest."""
    local_endpoint: str | None = None
    """Address of the laptop's stand-in for AWS; None where AWS is AWS."""


class PlatformReference:
    """The platform as a team stack sees it.

    Every fact is an Output, because it comes from another stack's state: `platform.get(lambda c: c.gateway.url)`.
    """

    def __init__(self, name: str, *, stack: str, environment: Environment) -> None:
        """Read the contract of a platform stack, for example `organization/plinth/prod`.

        Facts fail with `pulumi.RunError` where the platform is not there, speaks another version, or is not the
        one that `environment` describes.
        """
        self.stack = stack
        self._environment = environment
        reference = pulumi.StackReference(name, stack_name=stack)
        self.contract: pulumi.Output[PlatformContract] = reference.get_output(OUTPUT).apply(self._parse)
        """The whole contract."""

    def get(self, choose: Callable[[PlatformContract], T]) -> pulumi.Output[T]:
        """One fact of the contract."""
        return self.contract.apply(choose)

    def tenant(self, name: str, choose: Callable[[TenantFacts], T]) -> pulumi.Output[T]:
        """One fact about a tenant.

        The Output fails with `pulumi.RunError` where the platform has no such tenant.
        """
        return self.contract.apply(lambda contract: choose(self._tenant(contract, name)))

    def _tenant(self, contract: PlatformContract, name: str) -> TenantFacts:
        if name not in contract.tenants:
            known = ", ".join(sorted(contract.tenants)) or "none"
            raise pulumi.RunError(f"platform {self.stack} has no tenant {name!r}; its tenants are: {known}")
        return contract.tenants[name]

    def _parse(self, document: Any) -> PlatformContract:
        if document is None:
            raise pulumi.RunError(
                f"stack {self.stack} has no output {OUTPUT!r}: bring the platform up first, for example with"
                f" `plinth up {self.stack.rpartition('/')[2]}`"
            )
        try:
            contract = PlatformContract.model_validate(document)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise pulumi.RunError(
                f"the contract of stack {self.stack} is not {VERSION}, which this version of plinth reads: {problems}"
            ) from None
        here, there = self._environment, contract.environment
        for field in ("name", "stage", "region", "account_id"):
            if getattr(here, field) != getattr(there, field):
                raise pulumi.RunError(
                    f"environment.{field} is {getattr(here, field)!r} here, and {getattr(there, field)!r}"
                    f" in the platform {self.stack}: correct the one that is wrong"
                )
        return contract
