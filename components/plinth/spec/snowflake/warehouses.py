"""Warehouses: the compute of Snowflake, one for each kind of work."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import CostCenter, Model
from plinth.spec.snowflake.names import SnowflakeName

WarehouseSize = Literal["XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE"]
"""Each step doubles credits per hour, from 1 (XSMALL) to 32 (XXLARGE)."""

Workload = Literal["bi", "ml", "ingest", "applications"]
"""What a warehouse is for. bi: people and dashboards; ml: features and training; ingest: loading and transforming;
applications: services that answer users."""

Percent = Annotated[int, Field(ge=1, le=200)]


class SnowflakeWarehouse(Model):
    """A warehouse with a resource monitor that warns, and stops it at its monthly credits."""

    name: SnowflakeName
    """Name of the warehouse."""

    workload: Workload
    """What it is for; timeouts and the way it scales out follow from it."""

    size: WarehouseSize = "XSMALL"
    """Compute size."""

    monthly_credits: Annotated[int, Field(ge=1, le=100_000)]
    """Credits a month after which the warehouse is suspended."""

    notify_percents: Annotated[list[Percent], Field(min_length=1, max_length=5)] = [80]
    """Shares of the monthly credits at which account administrators hear of it."""

    suspend_percent: Percent = 100
    """Share of the monthly credits at which running queries finish, and no more start."""

    stop_percent: Percent = 110
    """Share of the monthly credits at which running queries are cancelled."""

    auto_suspend_seconds: Annotated[int, Field(ge=60, le=300)] = 60
    """Idle seconds after which the warehouse suspends itself."""

    statement_timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] | None = None
    """Seconds after which a single statement is cancelled. Empty: 600 for bi, 60 for applications, 14,400 for ml,
    3,600 for ingest."""

    queued_timeout_seconds: Annotated[int, Field(ge=5, le=86_400)] | None = None
    """Seconds that a statement waits for its turn before it is refused. Empty: 120 for bi, 15 for applications, 3,600
    for ml and ingest."""

    max_clusters: Annotated[int, Field(ge=1, le=10)] = 1
    """Most clusters that run side by side under concurrency. More than one needs Snowflake's Enterprise edition."""

    concurrency: Annotated[int, Field(ge=1, le=64)] | None = None
    """Statements that run at once on a cluster. Empty: Snowflake's default, 8."""

    acceleration: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many times its own compute the query acceleration service may add for single large scans; paid by the second
    of use, and an Enterprise feature. Empty: off."""

    cost_center: CostCenter | None = None
    """Where finance books its credits. Empty: `environment.cost_center`."""

    @model_validator(mode="after")
    def _triggers(self) -> Self:
        if self.suspend_percent > self.stop_percent:
            raise ValueError(
                f"suspend_percent {self.suspend_percent} is above stop_percent {self.stop_percent}:"
                " queries would be cancelled before they may finish"
            )
        return self
