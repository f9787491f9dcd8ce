"""Data classes: every store has one, and what is known of the store agrees with it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.data import Bucket
from plinth.spec.environment import DataClass
from plinth.spec.governance import DataRules, Governance, Table
from plinth.spec.problem import Problem, nearest

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

SECTIONS = (
    *("environment", "security", "storage", "postgres", "cache", "vector", "snowflake", "recovery"),
    *("backups", "governance"),
)
"""Sections that have stores, or say where and how long these keep data."""

FAIL_SAFE_DAYS = 7
"""Days after Time Travel in which Snowflake itself can still restore a permanent table. Source: "Fail-safe"."""

SENSITIVITIES: tuple[DataClass, ...] = ("public", "internal", "confidential", "restricted")
"""From least to most."""

ELSEWHERE = ("pinecone",)
"""Vector stores that another company runs, with keys of its own."""


def held(spec: "PlatformSpec", governance: Governance) -> dict[str, str]:
    """Class of every store that has one, by its path in the spec."""
    here, path = governance.holdings, "governance.holdings"
    found: dict[str, str] = {}
    for kind, known in _stores(spec).items():
        named: Mapping[str, str] = getattr(here, kind)
        if here.others:
            found |= {f"{path}.{kind}.{name}": here.others for name in known}
        found |= {f"{path}.{kind}.{name}": data for name, data in named.items()}
    single = {"postgres": here.postgres, "cache": here.cache, "audit_trail": here.audit_trail}
    return found | {f"{path}.{kind}": data for kind, data in single.items() if data}


def _rules(governance: Governance, kind: str, name: str) -> DataRules | None:
    """The class of a store of which there are several."""
    named: Mapping[str, str] = getattr(governance.holdings, kind)
    return governance.rules(named.get(name) or governance.holdings.others or "")


def holdings(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every store has a class that exists, and nothing else has one."""
    governance = spec.governance
    if governance is None:
        return
    names = [rules.name for rules in governance.classes]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(f"governance.classes[{index}].name", name, "a name that no class before has")
    for path, name in held(spec, governance).items():
        yield from one_of(path, name, names, "classes of section governance")
    for kind, known in _stores(spec).items():
        given: Mapping[str, str] = getattr(governance.holdings, kind)
        for name in given:
            if name not in known:
                allowed = f"one of {', '.join(known)}" if known else f"absent: there are no {kind}"
                yield Problem(f"governance.holdings.{kind}", name, allowed, nearest(name, known))
        for name in known:
            if name not in given and not governance.holdings.others:
                yield Problem(f"governance.holdings.{kind}.{name}", None, f"the class of its data: {', '.join(names)}")
    for kind in ("postgres", "cache", *(["audit_trail"] if spec.security.runs(spec.security.audit_trail) else [])):
        if getattr(governance.holdings, kind) is None:
            yield Problem(f"governance.holdings.{kind}", None, f"the class of its data: {', '.join(names)}")


def contents(spec: "PlatformSpec") -> Iterator[Problem]:
    """Tables, personal files and legal holds refer to what exists, and agree with their class."""
    governance = spec.governance
    if governance is None:
        return
    names = [rules.name for rules in governance.classes]
    for index, table in enumerate(governance.tables):
        path = f"governance.tables[{index}]"
        yield from one_of(f"{path}.data_class", table.data_class, names, "classes of section governance")
        if table.name in [other.name for other in governance.tables[:index]]:
            yield Problem(f"{path}.name", table.name, "a name that no table before has")
        yield from _anonymous(path, table, governance.rules(table.data_class))
    for index, files in enumerate(governance.personal_files):
        path = f"governance.personal_files[{index}].bucket"
        yield from one_of(path, files.bucket, [bucket.name for bucket in spec.storage.buckets], "buckets")
        rules = _rules(governance, "buckets", files.bucket)
        if rules and rules.deletion == "anonymize":
            yield Problem(
                path, files.bucket, f"a bucket whose class is erased: {rules.name} is anonymized, files cannot be"
            )
    yield from _vectors(spec, governance)
    for index, hold in enumerate(governance.holds):
        path = f"governance.holds[{index}]"
        if hold.name in [other.name for other in governance.holds[:index]]:
            yield Problem(f"{path}.name", hold.name, "a name that no legal hold before has")
        for number, name in enumerate(hold.data_classes):
            yield from one_of(f"{path}.data_classes[{number}]", name, names, "classes of section governance")
    for rules in governance.classes:
        if rules.purpose == "audit" and governance.governs and governance.receipt_days < rules.keep_days:
            allowed = f"at least the {rules.keep_days} days of class {rules.name}: receipts are audit data"
            yield Problem("governance.receipt_days", governance.receipt_days, allowed)


def _vectors(spec: "PlatformSpec", governance: Governance) -> Iterator[Problem]:
    """Records about persons are where the governor can delete them, and their class lets it."""
    known = [collection.name for collection in spec.vector.collections]
    for index, vectors in enumerate(governance.personal_vectors):
        path = f"governance.personal_vectors[{index}].collection"
        yield from one_of(path, vectors.collection, known, "collections of the vector store")
        if str(spec.vector.kind) != "pgvector":
            yield Problem(path, vectors.collection, "absent: the governor erases records of a pgvector store only")
        rules = _rules(governance, "collections", vectors.collection)
        if rules and rules.deletion == "anonymize":
            allowed = f"a collection whose class is erased or kept: {rules.name} is anonymized, vectors cannot be"
            yield Problem(path, vectors.collection, allowed)


def _anonymous(path: str, table: Table, rules: DataRules | None) -> Iterator[Problem]:
    """A table whose rows outlive the person can do without who it was; one that goes by age says how old rows are."""
    if rules and rules.retention_days is not None and not table.written:
        yield Problem(f"{path}.written", None, f"the column to count the {rules.retention_days} days of its class from")
    if rules is None or rules.deletion != "anonymize" or not table.subject:
        return
    for number, column in enumerate(table.columns):
        where = f"{path}.columns[{number}]"
        if column.name == table.subject and column.type != "text":
            yield Problem(f"{where}.type", column.type, f"text: class {rules.name} is anonymized, which changes the id")
        if column.personal and column.required:
            yield Problem(
                f"{where}.required", True, f"false: class {rules.name} is anonymized, which empties the column"
            )


def _stores(spec: "PlatformSpec") -> dict[str, list[str]]:
    """Names of the stores of each kind of which there are several."""
    return {
        "buckets": [bucket.name for bucket in spec.storage.buckets],
        "collections": [collection.name for collection in spec.vector.collections],
        "snowflake": [database.name for database in spec.snowflake.databases] if spec.snowflake else [],
    }


def places(spec: "PlatformSpec") -> Iterator[Problem]:
    """Data rests only where its class lets it: the environment's region, and the second one."""
    governance = spec.governance
    if governance is None:
        return
    used = {*held(spec, governance).values(), *(table.data_class for table in governance.tables)}
    for index, rules in enumerate(governance.classes):
        if not rules.regions or rules.name not in used:
            continue
        path, where = f"governance.classes[{index}].regions", spec.environment.region
        if where not in rules.regions:
            yield Problem(path, rules.regions, f"regions with environment.region {where}, where its data rests")
        if spec.recovery and spec.recovery.region not in rules.regions and _is_copied(spec, governance, rules):
            other = spec.recovery.region
            yield Problem(path, rules.regions, f"regions with recovery.region {other}, where copies of its data rest")


def _is_copied(spec: "PlatformSpec", governance: Governance, rules: DataRules) -> bool:
    """Whether a store that the second region gets copies of holds the class: buckets, and backups of databases."""
    buckets = [_rules(governance, "buckets", bucket.name) for bucket in spec.storage.buckets]
    tables = {table.data_class for table in governance.tables}
    return rules in buckets or rules.name in {governance.holdings.postgres, *tables}


def sensitivity(spec: "PlatformSpec") -> Iterator[Problem]:
    """A class is no more sensitive than the environment may hold, and a bucket is tagged as its class is."""
    governance = spec.governance
    if governance is None:
        return
    most = SENSITIVITIES.index(spec.environment.data_class)
    for index, rules in enumerate(governance.classes):
        if SENSITIVITIES.index(rules.sensitivity) > most:
            allowed = f"at most environment.data_class {spec.environment.data_class}"
            yield Problem(f"governance.classes[{index}].sensitivity", rules.sensitivity, allowed)
    for index, bucket in enumerate(spec.storage.buckets):
        rules = governance.rules(governance.holdings.buckets.get(bucket.name, ""))
        if rules and rules.sensitivity != bucket.data_class:
            allowed = f"{rules.sensitivity}, as its class {rules.name} says"
            yield Problem(f"storage.buckets[{index}].data_class", bucket.data_class, allowed)
    for path, name in held(spec, governance).items():
        rules = governance.rules(name)
        if rules and rules.encryption == "customer_key" and (whose := _keeper(spec, path)):
            allowed = f"a class with encryption: any, because {whose} encrypts with keys of its own"
            yield Problem(path, name, allowed)


def _keeper(spec: "PlatformSpec", path: str) -> str | None:
    """The company whose keys encrypt a store; None where they are the platform's own."""
    kind = path.split(".")[2]
    if kind == "snowflake":
        return "Snowflake"
    return "Pinecone" if kind == "collections" and str(spec.vector.kind) in ELSEWHERE else None


def lifetimes(spec: "PlatformSpec") -> Iterator[Problem]:
    """Each store keeps its data as long as the class wants, and no longer than it allows."""
    governance = spec.governance
    if governance is None:
        return
    for index, bucket in enumerate(spec.storage.buckets):
        rules, old = _rules(governance, "buckets", bucket.name), _old_version_days(bucket)
        if rules is None:
            continue
        path, expires = f"storage.buckets[{index}].expire_after_days", bucket.expire_after_days
        if expires is not None and expires < rules.keep_days:
            yield Problem(path, expires, f"at least {rules.keep_days}, which class {rules.name} keeps its data")
        retention = rules.retention_days
        if retention is None or (expires is not None and expires + old <= retention):
            continue
        allowed = f"class {rules.name} ends after {retention} days"
        if old >= retention:
            yield Problem(f"storage.buckets[{index}].old_version_days", old, f"below {retention}: {allowed}")
        else:
            yield Problem(path, expires, f"at most {retention - old}: {allowed}, and old versions stay for {old}")
    yield from _copies(spec, governance)
    yield from _audit(spec, governance)


def _old_version_days(bucket: Bucket) -> int:
    """Days that old versions of a bucket's objects are kept."""
    return bucket.old_version_days or {"public": 7, "restricted": 90}.get(bucket.data_class, 30)


def _copies(spec: "PlatformSpec", governance: Governance) -> Iterator[Problem]:
    """Backups, snapshots and Time Travel end within the retention: what is deleted stays in them until then."""
    here = governance.holdings
    kept: list[tuple[str, str | None, int, int]] = [
        ("postgres.backup_days", here.postgres, spec.postgres.backup_days, 0),
    ]
    if spec.environment.protects_data:
        kept.append(("backups.keep_days", here.postgres, spec.backups.keep_days, 0))
    for index, database in enumerate(spec.snowflake.databases if spec.snowflake else []):
        path = f"snowflake.databases[{index}].retention_days"
        rules = _rules(governance, "snowflake", database.name)
        kept.append((path, rules.name if rules else None, database.retention_days, FAIL_SAFE_DAYS))
    for path, name, days, more in kept:
        rules = governance.rules(name or "")
        if rules and rules.retention_days is not None and days + more > rules.retention_days:
            why = f"class {rules.name} ends after {rules.retention_days} days"
            why += f", and Snowflake's Fail-safe adds {more}" if more else ", backups included"
            yield Problem(path, days, f"at most {max(rules.retention_days - more, 0)}: {why}")


def _audit(spec: "PlatformSpec", governance: Governance) -> Iterator[Problem]:
    """What proves what happened outlives what it is about."""
    longest = max((rules for rules in governance.classes if rules.purpose == "content"), key=_lifetime, default=None)
    for index, rules in enumerate(governance.classes):
        if rules.purpose == "audit" and longest and rules.keep_days <= _lifetime(longest):
            allowed = f"more than the {_lifetime(longest)} days of class {longest.name}: audit data outlives content"
            yield Problem(f"governance.classes[{index}].keep_days", rules.keep_days, allowed)
    trail = spec.security.audit_trail
    rules = governance.rules(governance.holdings.audit_trail or "")
    if rules and spec.security.runs(trail):
        least, most = rules.keep_days, rules.retention_days
        if trail.keep_days < least or (most is not None and trail.keep_days > most):
            allowed = f"at least {least}" + (f" and at most {most}" if most is not None else "")
            yield Problem("security.audit_trail.keep_days", trail.keep_days, f"{allowed}, as class {rules.name} says")


def _lifetime(rules: DataRules) -> int:
    return rules.retention_days or rules.keep_days
