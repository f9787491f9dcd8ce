"""The EKS cluster: version, access and the nodes that run the system's own pods."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth.spec.base import Cidr, LogDays, Model, RoleArn
from plinth.spec.existing_cluster import ExistingCluster
from plinth.spec.general_pools import GeneralPool
from plinth.spec.images import ImageRules


class SystemNodes(Model):
    """A small managed node group for what the cluster stands on: add-ons, controllers and the gateway.

    Its taint keeps everything else away, which goes to general and GPU pools.
    """

    instance_types: Annotated[list[str], Field(min_length=1)] = ["m7g.large"]
    """EC2 instance types, all of one architecture."""

    architecture: Literal["arm64", "x86_64"] = "arm64"
    """Processor architecture of `instance_types`; it chooses the machine image."""

    min_size: Annotated[int, Field(ge=1)] = 2
    """Fewest nodes."""

    max_size: Annotated[int, Field(ge=1, le=100)] = 4
    """Most nodes."""

    disk_gib: Annotated[int, Field(ge=20, le=1000)] = 50
    """Size of each node's encrypted gp3 volume, in GiB."""

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is above max_size {self.max_size}")
        return self


class Cluster(Model):
    """One EKS cluster with API-only authentication and a private endpoint."""

    kubernetes_version: Literal["1.36"] = "1.36"
    """Minor version of Kubernetes; the release train in `plinth.versions` says what runs on it."""

    deployer_role: RoleArn
    """IAM role that runs `pulumi up`; gets an explicit access entry (the creator gets no hidden one)."""

    admin_roles: list[RoleArn] = []
    """IAM roles of people who administer the cluster."""

    public_access_cidrs: list[Cidr] = []
    """Networks that may reach the API from outside. Empty: private endpoint only."""

    system_nodes: SystemNodes = SystemNodes()
    """Nodes for add-ons, controllers and the gateway."""

    existing: ExistingCluster | None = None
    """A cluster that is there already and is used instead of making one. Empty: the cluster is made."""

    general_pools: Annotated[list[GeneralPool], Field(min_length=1)] = [GeneralPool()]
    """Nodes without GPUs that Karpenter starts for monitoring, tenants, batch work and everything else."""

    images: ImageRules = ImageRules()
    """Which container images may run."""

    log_days: LogDays = 90
    """Days that control-plane logs are kept."""

    @field_validator("general_pools")
    @classmethod
    def _for_everything(cls, value: list[GeneralPool]) -> list[GeneralPool]:
        if all(pool.dedicated for pool in value):
            raise ValueError("every pool is dedicated, so that monitoring and tenants have no nodes: open one of them")
        return value

    @field_validator("public_access_cidrs")
    @classmethod
    def _not_the_world(cls, value: list[str]) -> list[str]:
        if any(cidr.endswith("/0") for cidr in value):
            raise ValueError("must not be open to the world: name the networks that need access")
        return value
