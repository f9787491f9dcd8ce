"""Rules that keep data from being deleted by mistake."""

import json
from collections.abc import Iterator
from pathlib import Path

from plinth_policies.rule import WHERE_DATA_COUNTS, Finding, Resource, Rule
from plinth_policies.values import UNKNOWN, differs, flag, number, shown

STATE_CLASSES = Path(__file__).parents[3] / "components" / "plinth" / "tables" / "state_classes.json"
"""The table of what holds data; components take their options from the same one."""

_LEAST_BACKUP_DAYS = 7
_STAGE = "environment.stage staging or production sets it"


def _classes() -> dict[str, str]:
    table: dict[str, list[str]] = json.loads(STATE_CLASSES.read_text())
    return {token: kind for kind, tokens in table.items() for token in tokens}


_CLASSES = _classes()


def _protected(resource: Resource) -> Iterator[Finding]:
    if not resource.protect:
        kind = _CLASSES[resource.type]
        why = "its data would be gone for good" if kind == "precious" else "the platform would stop working"
        fix = "build it with the component's self.options(...), which protects it; " + _STAGE
        yield Finding(f"{resource.name} is {kind} and not protected from deletion", why, fix)
    if resource.type == "aws:s3/bucket:Bucket" and flag(resource.get("forceDestroy")):
        yield Finding("forceDestroy is true", "deleting the bucket deletes every object and version in it", _STAGE)
    if resource.type in ("aws:rds/cluster:Cluster", "aws:neptune/cluster:Cluster"):
        yield from _database(resource)


def _database(database: Resource) -> Iterator[Finding]:
    deletion = database.get("deletionProtection")
    if differs(deletion, True):
        what = f"deletionProtection is {shown(deletion)}"
        yield Finding(what, "anyone with console access could delete the database", _STAGE)
    if flag(database.get("skipFinalSnapshot")):
        yield Finding("skipFinalSnapshot is true", "nothing would be left to restore from", _STAGE)
    days = database.get("backupRetentionPeriod")
    if days is not UNKNOWN and (number(days) or 1) < _LEAST_BACKUP_DAYS:
        what = f"backupRetentionPeriod is {shown(days)}"
        yield Finding(what, "a mistake found a week later could not be undone", "set postgres.backup_days to 7 or more")


STATEFUL_PROTECTED = Rule(
    id="stateful-protected",
    title="What holds data is protected from deletion, and can be restored.",
    severity="critical",
    fix="environment.stage, postgres.backup_days",
    checks=dict.fromkeys(_CLASSES, _protected),
    levels=WHERE_DATA_COUNTS,
)
