"""Rules on what Snowflake may cost."""

from collections.abc import Iterator

from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import UNKNOWN, absent, number, shown

_LONGEST_IDLE_SECONDS = 300
_LONGEST_STATEMENT_SECONDS = 86_400
_MOST_CLUSTERS = 10
_SIZES = frozenset({"XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "X2LARGE"})
"""Up to 32 credits an hour."""


def _warehouse(warehouse: Resource) -> Iterator[Finding]:
    idle = warehouse.get("autoSuspend")
    if idle is not UNKNOWN and not 0 < (number(idle) or 0) <= _LONGEST_IDLE_SECONDS:
        said = "0, which means never" if number(idle) == 0 else shown(idle)
        fix = f"set snowflake.warehouses[].auto_suspend_seconds to at most {_LONGEST_IDLE_SECONDS}"
        yield Finding(f"autoSuspend is {said}", "an idle warehouse goes on costing credits", fix)
    if absent(warehouse.get("resourceMonitor")):
        fix = "set snowflake.warehouses[].monthly_credits"
        yield Finding("resourceMonitor is not set", "nothing stops the warehouse when its budget is spent", fix)
    timeout = warehouse.get("statementTimeoutInSeconds")
    if timeout is not UNKNOWN and not 0 < (number(timeout) or 0) <= _LONGEST_STATEMENT_SECONDS:
        said = "not set, which Snowflake takes as two days" if number(timeout) is None else shown(timeout)
        fix = f"set snowflake.warehouses[].statement_timeout_seconds to at most {_LONGEST_STATEMENT_SECONDS}"
        yield Finding(f"statementTimeoutInSeconds is {said}", "one forgotten join runs on and on", fix)
    yield from _size(warehouse)


def _size(warehouse: Resource) -> Iterator[Finding]:
    size = warehouse.get("warehouseSize")
    if isinstance(size, str) and size.upper().replace("-", "") not in _SIZES:
        what = f"warehouseSize is {shown(size)}"
        yield Finding(what, "an hour costs 64 credits or more", "set snowflake.warehouses[].size to XXLARGE or smaller")
    clusters = number(warehouse.get("maxClusterCount"))
    if clusters is not None and clusters > _MOST_CLUSTERS:
        fix = f"set snowflake.warehouses[].max_clusters to at most {_MOST_CLUSTERS}"
        yield Finding(f"maxClusterCount is {clusters:g}", "cost multiplies with every cluster", fix)


def _monitor(monitor: Resource) -> Iterator[Finding]:
    quota = monitor.get("creditQuota")
    if quota is not UNKNOWN and not (number(quota) or 0) > 0:
        fix = "set snowflake.warehouses[].monthly_credits"
        yield Finding(f"creditQuota is {shown(quota)}", "a monitor without a quota watches nothing", fix)
    if all(absent(monitor.get(field)) for field in ("suspendTrigger", "suspendImmediateTrigger")):
        what = "neither suspendTrigger nor suspendImmediateTrigger is set"
        yield Finding(what, "the monitor only tells, and never stops anything", "set suspendTrigger to 100 or less")


SNOWFLAKE_WAREHOUSE_BOUNDED = Rule(
    id="snowflake-warehouse-bounded",
    title="Every Snowflake warehouse stops when it is idle, and when its credits are spent.",
    severity="high",
    fix="snowflake.warehouses",
    checks={
        "snowflake:index/warehouse:Warehouse": _warehouse,
        "snowflake:index/resourceMonitor:ResourceMonitor": _monitor,
    },
)
