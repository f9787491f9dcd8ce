"""What a PostgreSQL cluster is told: parameters, and how its load is watched. Pure.

Sources: Amazon Aurora user guide, "Amazon Aurora PostgreSQL parameters", "Using pgAudit to log database activity",
"Managing RPOs for Aurora PostgreSQL-based global databases"; Amazon CloudWatch user guide, "Database Insights".
"""

from dataclasses import dataclass

from plinth.spec.postgres import Postgres

LEAST_RPO_SECONDS = 20
"""Smallest `rds.global_db_rpo`."""

INSIGHTS_DAYS = {"standard": 7, "advanced": 465}
"""Days that the load of queries is kept, by mode of Database Insights: the advanced one takes no other number."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the cluster."""

    name: str
    value: str
    static: bool = False
    """Whether it takes effect when the instances start again."""


def parameters(section: Postgres, rpo_seconds: int | None = None) -> list[Parameter]:
    """Parameters of the cluster.

    Args:
        section: what is wanted.
        rpo_seconds: commits wait while the other region is further behind; None: they never do.
    """
    libraries = ["pg_stat_statements", *(["pgaudit"] if section.audit else [])]
    chosen = [
        Parameter("rds.force_ssl", "1"),
        Parameter("log_min_duration_statement", "1000"),
        Parameter("log_statement", "none" if section.audit else "ddl"),
        Parameter("log_connections", "1"),
        Parameter("log_disconnections", "1"),
        Parameter("shared_preload_libraries", ",".join(libraries), static=True),
    ]
    if section.audit:
        chosen.append(Parameter("pgaudit.log", ",".join(section.audit)))
    if section.logical_replication:
        chosen.append(Parameter("rds.logical_replication", "1", static=True))
    if rpo_seconds is not None:
        chosen.append(Parameter("rds.global_db_rpo", str(max(LEAST_RPO_SECONDS, rpo_seconds))))
    return chosen
