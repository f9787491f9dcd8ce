"""Which mechanism reaches a recovery objective. Pure.

Times are what the platform can promise, not what AWS does on a good day. Sources: AWS Well-Architected, Reliability
pillar, "Disaster recovery"; Amazon S3 User Guide, "Replication Time Control"; AWS Backup Developer Guide; Amazon Aurora
User Guide, "Using switchover or failover in an Amazon Aurora global database".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from plinth.spec.gateway import Route
from plinth.spec.models import SelfHostedModel
from plinth.spec.recovery import Recovery
from plinth.spec.remote import LambdaGpu

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

Standby = Literal["rebuild", "pilot", "warm", "active"]
"""What runs in the other region: nothing beside the copies; all but the models; one replica of each; all of it."""

Databases = Literal["backups", "global"]
"""How PostgreSQL's data gets there: as copies of backups, or at once, into a cluster that follows."""

DNS_MINUTES = 3
"""Three failed health checks 10 seconds apart, and resolvers that keep an answer for a minute."""

NODE_MINUTES = 10
"""A GPU node to come up, with the image pulled."""

WAKE_MINUTES = 2
"""Until a request that waits for a model has made KEDA start a replica: scraping, and its polling."""

LONGEST_HOLD_MINUTES = 120
"""Longest time that the gateway may hold a request: the limit of `scale_to_zero.hold_seconds`."""

REBUILD_MINUTES = 120
"""An update of the whole environment: the cluster alone takes 20."""

HOURLY_RPO_MINUTES = 120
"""Backups once an hour, the shortest interval of AWS Backup, and an hour for the copy to arrive."""

DAILY_RPO_MINUTES = 1500
"""Backups once a day, and an hour for the copy."""

GLOBAL_RPO_MINUTES = 5
"""A global database lags by a second; minutes leave room for a burst of writes. An alarm tells when it is not so."""

ENFORCED_RPO_MINUTES = 1
"""The same where commits wait for the other region (`rds.global_db_rpo`, at least 20 seconds)."""

PROMOTE_MINUTES = 15
"""A cluster that follows becomes the one that leads: a few minutes of AWS's, and a person who decides it."""

RESTORE_MINUTES = 120
"""A database restored from the copy of its backup, and connected."""

OBJECT_MINUTES = 15
"""S3 Replication Time Control: 99.99 % of objects."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """How the objectives of an environment are reached."""

    standby: Standby
    schedule: str
    """When backups are taken: a cron expression of AWS, in UTC."""
    schedule_minutes: int
    """Minutes between two backups."""
    objects_on_time: bool
    """Whether objects are replicated with Replication Time Control."""
    databases: Databases = "backups"
    """How PostgreSQL's data gets there."""
    rpo_seconds: int | None = None
    """Commits to PostgreSQL wait while the other region is further behind; None: they never do."""


def start_minutes(spec: "PlatformSpec") -> int:
    """Minutes until the slowest self-hosted model serves on a node that has to come up first."""
    slowest = max((model.start_minutes for model in spec.models if isinstance(model, SelfHostedModel)), default=0)
    return slowest + NODE_MINUTES if slowest else DNS_MINUTES


def floors(spec: "PlatformSpec") -> dict[Standby, int]:
    """The lowest recovery time, in minutes, that each kind of standby reaches, dearest first."""
    least: dict[Standby, int] = {"warm": DNS_MINUTES}
    if can_sleep(spec):
        least["pilot"] = DNS_MINUTES + WAKE_MINUTES + start_minutes(spec)
    return {**least, "rebuild": REBUILD_MINUTES + start_minutes(spec) + DNS_MINUTES}


def can_sleep(spec: "PlatformSpec") -> bool:
    """Whether every self-hosted model can be without a replica until the first request: as `scale_to_zero` allows."""
    models = {model.name: model for model in spec.models if isinstance(model, SelfHostedModel)}
    asleep = {*models, *(adapter.name for model in models.values() for adapter in model.adapters)}
    alone = all(len(route.targets) == 1 or asleep.isdisjoint(t.model for t in route.targets) for route in _routes(spec))
    return bool(models) and alone and all(_sleeps(model) for model in models.values())


def _sleeps(model: SelfHostedModel) -> bool:
    soon = model.start_minutes + NODE_MINUTES + WAKE_MINUTES <= LONGEST_HOLD_MINUTES
    return soon and model.engine.kind in ("vllm", "tgi") and model.canary is None


def _routes(spec: "PlatformSpec") -> list[Route]:
    """Routes as they are without instances outside AWS, which are launched for the first region alone."""
    launched = {gpu.name for gpu in spec.remote_gpus if isinstance(gpu, LambdaGpu)}
    return [
        route.model_copy(update={"targets": [target for target in route.targets if target.model not in launched]})
        for route in spec.gateway.routes
    ]


def choose_databases(wanted: Recovery) -> Databases:
    """Copies of backups, unless they come too late."""
    late = wanted.database_rpo < HOURLY_RPO_MINUTES or wanted.data_rto_minutes < RESTORE_MINUTES
    return "global" if late or wanted.enforce_database_rpo else "backups"


def unreachable(spec: "PlatformSpec") -> dict[str, tuple[int, str]]:
    """Objectives that no mechanism reaches: the lowest possible minutes and the reason, by field."""
    wanted = spec.recovery
    if wanted is None:
        return {}
    least_rpo = ENFORCED_RPO_MINUTES if wanted.enforce_database_rpo else GLOBAL_RPO_MINUTES
    lowest = {
        "answers_rto_minutes": (wanted.answers_rto_minutes, DNS_MINUTES, "health checks and DNS take that long"),
        "data_rpo_minutes": (wanted.data_rpo_minutes, OBJECT_MINUTES, "objects take that long to be replicated"),
        "database_rpo_minutes": (
            wanted.database_rpo,
            least_rpo,
            "a global database follows closely, and only enforce_database_rpo makes it a promise",
        ),
        "data_rto_minutes": (wanted.data_rto_minutes, PROMOTE_MINUTES, "somebody has to promote the database there"),
    }
    found = {field: (least, why) for field, (value, least, why) in lowest.items() if value < least}
    if choose_standby(spec) == "rebuild" and "data_rto_minutes" not in found:
        least = REBUILD_MINUTES + RESTORE_MINUTES
        if wanted.data_rto_minutes < least:
            why = "with this answers_rto_minutes nothing runs there, and the cluster comes before the data"
            found["data_rto_minutes"] = (least, why)
    return found


def choose_standby(spec: "PlatformSpec") -> Standby:
    """The cheapest standby that reaches `answers_rto_minutes`; `warm` when none does, or a database must follow."""
    wanted = spec.recovery
    assert wanted is not None
    if wanted.traffic == "nearest":
        return "active"
    if choose_databases(wanted) == "global":
        return "warm"  # what follows needs the network there, and is of use only to something that runs beside it
    reached: list[Standby] = [kind for kind, least in floors(spec).items() if least <= wanted.answers_rto_minutes]
    return reached[-1] if reached else "warm"


def mechanism(spec: "PlatformSpec") -> Mechanism:
    """How the objectives of the spec are reached; they are known to be reachable."""
    wanted = spec.recovery
    assert wanted is not None
    hourly = wanted.data_rpo_minutes < DAILY_RPO_MINUTES
    return Mechanism(
        standby=choose_standby(spec),
        databases=choose_databases(wanted),
        rpo_seconds=60 * wanted.database_rpo if wanted.enforce_database_rpo else None,
        schedule="cron(0 * * * ? *)" if hourly else "cron(0 3 * * ? *)",
        schedule_minutes=60 if hourly else 1440,
        objects_on_time=hourly,
    )
