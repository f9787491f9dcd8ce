"""Tenants: the product teams on the platform, with what they may use and spend."""

from typing import Annotated

from pydantic import Field

from plinth.spec.base import CostCenter, Email, Model, Name, RoleArn
from plinth.spec.batch import TenantBatch


class Quota(Model):
    """The most that a tenant's own workloads may request in its namespace."""

    cpus: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Processor cores."""

    memory_gib: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Memory, in GiB."""

    gpus: Annotated[int, Field(ge=0, le=1024)] = 0
    """GPUs."""

    pods: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Pods."""


class Tenant(Model):
    """A team: namespace, quota, walls, access, a place in buckets, gateway key, budget and traces follow from it."""

    name: Name
    """Name of the tenant; its namespace is `tenant-<name>`."""

    owner_email: Email
    """Who hears about the budget."""

    cost_center: CostCenter
    """Where finance books the tenant's cost."""

    monthly_budget_usd: Annotated[int, Field(ge=1, le=100_000_000)]
    """Budget a month in US dollars; alerts go out at 80 % and 100 %, actual and forecast."""

    routes: Annotated[list[Name], Field(min_length=1)]
    """Gateway routes that the tenant may call."""

    quota: Quota = Quota()
    """The most that its own workloads may request."""

    team_roles: list[RoleArn] = []
    """IAM roles of the team's people; they may work in its namespace and nowhere else in the cluster."""

    buckets: list[Name] = []
    """Buckets in which the tenant has a place of its own, below `tenants/<name>/`."""

    batch: TenantBatch | None = None
    """Its queue for training and other batch jobs. Absent: none."""
