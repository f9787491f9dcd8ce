"""Warehouses by workload: what follows from the kind of work, and the resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_snowflake as snowflake

from plinth.base import Component
from plinth.spec.snowflake import SnowflakeWarehouse
from plinth.spec.snowflake.warehouses import Workload

Scaling = Literal["STANDARD", "ECONOMY"]
"""STANDARD: another cluster starts as soon as a statement waits; ECONOMY: when there is work for six minutes."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How warehouses of a workload behave."""

    statement_timeout_seconds: int
    queued_timeout_seconds: int
    scaling: Scaling


HABITS: Mapping[Workload, Habits] = {
    "bi": Habits(600, 120, "STANDARD"),
    "applications": Habits(60, 15, "STANDARD"),
    "ml": Habits(14_400, 3_600, "ECONOMY"),
    "ingest": Habits(3_600, 3_600, "ECONOMY"),
}


def habits(section: SnowflakeWarehouse) -> Habits:
    """Those of the workload, with what the spec says otherwise."""
    usual = HABITS[section.workload]
    return Habits(
        section.statement_timeout_seconds or usual.statement_timeout_seconds,
        section.queued_timeout_seconds or usual.queued_timeout_seconds,
        usual.scaling,
    )


def warehouse(component: Component, prefix: str, section: SnowflakeWarehouse, comment: str) -> pulumi.Output[str]:
    """A warehouse under a monitor of its own, as children of `component`; gives its name, known once it exists."""
    logical = section.name.lower().replace("_", "-")
    monitor = snowflake.ResourceMonitor(
        f"{prefix}-monitor-{logical}",
        name=f"{section.name}_MONITOR",
        credit_quota=section.monthly_credits,
        frequency="MONTHLY",
        start_timestamp="IMMEDIATELY",
        notify_triggers=sorted(set(section.notify_percents)),
        suspend_trigger=section.suspend_percent,
        suspend_immediate_trigger=section.stop_percent,
        opts=component.options(snowflake.ResourceMonitor, delete_before_replace=True),
    )
    like, several = habits(section), section.max_clusters > 1
    made = snowflake.Warehouse(
        f"{prefix}-warehouse-{logical}",
        name=section.name,
        warehouse_size=section.size,
        resource_monitor=monitor.name,
        auto_resume="true",
        auto_suspend=section.auto_suspend_seconds,
        initially_suspended=True,
        statement_timeout_in_seconds=like.statement_timeout_seconds,
        statement_queued_timeout_in_seconds=like.queued_timeout_seconds,
        max_concurrency_level=section.concurrency,
        # What needs the Enterprise edition is left unsaid where it is not wanted.
        min_cluster_count=1 if several else None,
        max_cluster_count=section.max_clusters if several else None,
        scaling_policy=like.scaling if several else None,
        enable_query_acceleration="true" if section.acceleration else None,
        query_acceleration_max_scale_factor=section.acceleration,
        comment=comment,
        opts=component.options(snowflake.Warehouse, delete_before_replace=True),
    )
    return made.name
