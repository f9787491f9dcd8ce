"""Alarms of the stores that AWS runs: CloudWatch has their metrics, so it watches them. A plan without Pulumi.

Sources: Amazon Aurora user guide, "Amazon CloudWatch metrics for Amazon Aurora"; Amazon ElastiCache user guide, "Which
metrics should I monitor?"; Amazon SQS developer guide, "Available CloudWatch metrics".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from plinth.data import streams_plan
from plinth.spec import PlatformSpec


@dataclass(frozen=True, slots=True)
class StoreAlarm:
    """One alarm of CloudWatch. It fires while the metric is above its limit."""

    name: str
    """Name within the platform, which is also the end of the logical name."""

    store: str
    """Which store: postgres, cache-1 and so on for each node, or a queue's name."""

    namespace: str
    metric: str
    statistic: str
    limit: float
    minutes: int
    """Minutes that the metric must be above the limit, one value each five minutes."""

    summary: str
    """What is wrong, and what to do first."""


def alarms(spec: PlatformSpec, *, follows_within_minutes: int | None = None) -> list[StoreAlarm]:
    """Every alarm of a region.

    Args:
        spec: the environment, as the region sees it.
        follows_within_minutes: how far PostgreSQL here may be behind that of another region; None: it leads.
    """
    return [*_postgres(spec, follows_within_minutes), *_cache(spec), *_graph(spec), *_queues(spec)]


def _postgres(spec: PlatformSpec, follows_within_minutes: int | None) -> Iterator[StoreAlarm]:
    yield StoreAlarm(
        "postgres-capacity",
        "postgres",
        "AWS/RDS",
        "ACUUtilization",
        "Average",
        90,
        15,
        "PostgreSQL is at the top of its capacity: raise postgres.max_acu, or look at Database Insights for the query.",
    )
    if spec.postgres.readers:
        yield StoreAlarm(
            "postgres-replica-lag",
            "postgres",
            "AWS/RDS",
            "AuroraReplicaLagMaximum",
            "Maximum",
            2000,
            10,
            "A reader of PostgreSQL is seconds behind (milliseconds): it is overloaded, or a long query holds it.",
        )
    if follows_within_minutes is not None:
        yield StoreAlarm(
            "postgres-behind",
            "postgres",
            "AWS/RDS",
            "AuroraGlobalDBRPOLag",
            "Maximum",
            follows_within_minutes * 60_000,
            5,
            "PostgreSQL here is further behind its leader (milliseconds) than the recovery objective allows.",
        )


def _cache(spec: PlatformSpec) -> Iterator[StoreAlarm]:
    for number in range(1, spec.cache.replicas + 2):
        yield StoreAlarm(
            f"cache-memory-{number}",
            f"cache-{number}",
            "AWS/ElastiCache",
            "DatabaseMemoryUsagePercentage",
            "Average",
            90,
            15,
            "A node of the cache is full and evicts: raise cache.node_type.",
        )
        yield StoreAlarm(
            f"cache-cpu-{number}",
            f"cache-{number}",
            "AWS/ElastiCache",
            "EngineCPUUtilization",
            "Average",
            85,
            15,
            "The engine of a cache node is busy: raise cache.node_type, or find the client that asks so much.",
        )


def _graph(spec: PlatformSpec) -> Iterator[StoreAlarm]:
    """Source: Amazon Neptune user guide, "Neptune CloudWatch metrics"."""
    if spec.graph:
        yield StoreAlarm(
            "graph-capacity",
            "graph",
            "AWS/Neptune",
            "NCUUtilization",
            "Average",
            90,
            15,
            "The graph is at the top of its capacity: raise graph.max_ncu, or look at the slow-query log.",
        )


def _queues(spec: PlatformSpec) -> Iterator[StoreAlarm]:
    for queue in streams_plan.queues(spec.streams):
        yield StoreAlarm(
            f"events-{queue.label}-dead",
            f"{queue.label}-dead",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "Maximum",
            0,
            5,
            f"{queue.tenant} could not handle events of {queue.bus}: see its log, mend it, then send them back.",
        )
        yield StoreAlarm(
            f"events-{queue.label}-waiting",
            queue.label,
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            "Maximum",
            streams_plan.WAITING_MINUTES * 60,
            10,
            f"Events of {queue.bus} wait for {queue.tenant} (seconds): its consumer is down or too slow.",
        )


def backup_alarms() -> list[StoreAlarm]:
    """Alarms of backups. Source: AWS Backup developer guide, "AWS Backup metrics with CloudWatch"."""
    failures = {
        "failed": ("vault", "NumberOfBackupJobsFailed", "A backup failed: AWS Backup's list of jobs says why."),
        "expired": ("vault", "NumberOfBackupJobsExpired", "A backup did not start in its window."),
        "restore-failed": (
            "restores",
            "NumberOfRestoreJobsFailed",
            "A restore, or the test of one, failed: find out now.",
        ),
    }
    return [
        StoreAlarm(f"backups-{label}", store, "AWS/Backup", metric, "Sum", 0, 5, summary)
        for label, (store, metric, summary) in failures.items()
    ]
