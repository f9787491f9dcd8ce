"""Results as the engine leaves them, made by hand."""

from plinth_cli.engine.result import Change, Property, Result, Violation

ROOT = "urn:pulumi:dev::plinth::"
STACK = f"{ROOT}pulumi:pulumi:Stack::plinth-dev"
YAML = """config:
  plinth:platform:
    storage:
      buckets:
        - {name: artifacts}
    postgres:
      max_acu: 2
    tenants:
      - name: search
        monthly_budget_usd: 500
      - name: re-search
        monthly_budget_usd: 700
"""


def component(kind: str, name: str, operation: str = "update", *properties: Property, parent: str = STACK) -> Change:
    prefix = "" if parent == STACK else parent.split("::")[2] + "$"
    return Change(f"{ROOT}{prefix}plinth:index:{kind}::{name}", parent, operation, custom=False, properties=properties)


def resource(
    owner: Change, kind: str, name: str, operation: str = "update", *properties: Property, protected: bool = False
) -> Change:
    urn = f"{ROOT}{owner.urn.split('::')[2]}${kind}::{name}"
    return Change(urn, owner.urn, operation, custom=True, properties=properties, protected=protected)


def result(*changes: Change, violations: tuple[Violation, ...] = (), **more: object) -> Result:
    found = Result("preview", "dev", "plinth", rehearsed=True, policies=1, violations=list(violations))
    found.changes = [Change(STACK, "", "same", custom=False), *changes]
    for change in changes:
        found.counts[change.operation] = found.counts.get(change.operation, 0) + 1
    for name, value in more.items():
        setattr(found, name, value)
    return found
