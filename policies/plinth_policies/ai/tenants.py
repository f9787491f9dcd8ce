"""Rules on tenants: each has a budget, a quota and walls."""

from collections.abc import Iterable, Iterator, Sequence

from plinth_policies.rule import Finding, Join, Resource, Rule, Stack
from plinth_policies.values import UNKNOWN, Value, absent, at, number, shown, texts

_TENANT = "plinth:index:Tenant"
_NAMESPACE = "kubernetes:core/v1:Namespace"
_QUOTA = "kubernetes:core/v1:ResourceQuota"
_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_BUDGET = "aws:budgets/budget:Budget"
_PREFIX = "tenant-"
_BOUNDED = ("requests.cpu", "requests.memory", "requests.nvidia.com/gpu")
_DECLARE = "declare the team in tenants, which makes all of it"


def _tenant(tenant: Resource) -> Iterator[Finding]:
    budget = tenant.get("monthlyBudgetUsd")
    if budget is not UNKNOWN and not (number(budget) or 0) > 0:
        what = f"monthlyBudgetUsd is {shown(budget)}"
        yield Finding(what, "nobody would hear about a runaway bill", "set tenants[].monthly_budget_usd")
    if absent(tenant.get("costCenter")):
        yield Finding("costCenter is not set", "nobody would pay for what it uses", "set tenants[].cost_center")
    for field in ("cpus", "memoryGib", "gpus", "pods"):
        value = tenant.get("quota", field)
        if value is not UNKNOWN and number(value) is None:
            why = "one team could take what the others need"
            yield Finding(f"quota.{field} is {shown(value)}", why, f"set tenants[].quota.{_snake(field)}")


def _walls(stack: Stack) -> Iterator[Finding]:
    tenants = {tenant.urn for tenant in stack.of(_TENANT)}
    quotas, policies = _Inhabitants(stack.of(_QUOTA)), _Inhabitants(stack.of(_POLICY))
    for namespace in stack.of(_NAMESPACE):
        name = namespace.get("metadata", "name")
        if not tenants.isdisjoint(namespace.ancestors) or (isinstance(name, str) and name.startswith(_PREFIX)):
            yield from _namespace(namespace, shown(name), quotas.of(namespace), policies.of(namespace))
    for tenant in stack.of(_TENANT):
        if not stack.inside(tenant, _NAMESPACE):
            what = f"tenant {tenant.name} has no namespace"
            yield Finding(what, "its workloads would run among the platform's own", _DECLARE, tenant.urn)
        # A budget counts every region, so that a tenant has one, in the environment's own.
        everywhere = [same for same in stack.of(_TENANT) if same.name == tenant.name]
        if not any(_alerts(budget) for same in everywhere for budget in stack.inside(same, _BUDGET)):
            what = f"tenant {tenant.name} has no budget that notifies anyone"
            yield Finding(what, "nobody would hear about a runaway bill", _DECLARE, tenant.urn)


def _namespace(
    namespace: Resource, name: str, quotas: Sequence[Resource], policies: Sequence[Resource]
) -> Iterator[Finding]:
    if not quotas:
        why = "one team could take what the others need"
        yield Finding(f"namespace {name} has no ResourceQuota", why, _DECLARE, namespace.urn)
    for field in _BOUNDED:
        if quotas and not any(_bounds(quota, field) for quota in quotas):
            fix = "set tenants[].quota"
            what = f"no ResourceQuota of namespace {name} bounds {field}"
            yield Finding(what, "one team could take what the others need", fix, namespace.urn)
    if not any(_denies_all(policy.get("spec")) for policy in policies):
        what = f"namespace {name} has no NetworkPolicy that denies everything by default"
        yield Finding(what, "tenants could reach each other's workloads", _DECLARE, namespace.urn)


class _Inhabitants:
    """Resources by the namespace that they are in: by region and name, or, while it is unknown, by what they need."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_name: dict[tuple[str | None, str], list[Resource]] = {}
        self._by_urn: dict[str, list[Resource]] = {}
        for resource in resources:
            where = resource.get("metadata", "namespace")
            if where is UNKNOWN:
                for urn in resource.depends_on:
                    self._by_urn.setdefault(urn, []).append(resource)
            elif isinstance(where, str):
                self._by_name.setdefault((_region(resource), where), []).append(resource)

    def of(self, namespace: Resource) -> list[Resource]:
        """Those in one namespace."""
        name = namespace.get("metadata", "name")
        named = self._by_name.get((_region(namespace), name), []) if isinstance(name, str) else []
        return [*named, *self._by_urn.get(namespace.urn, [])]


def _region(resource: Resource) -> str | None:
    """The further region that a resource is in; None for the environment's own."""
    return next((urn for urn in resource.ancestors if "plinth:index:Region::" in urn), None)


def _bounds(quota: Resource, field: str) -> bool:
    return not absent(quota.get("spec", "hard", field))


def _alerts(budget: Resource) -> bool:
    return not absent(budget.get("limitAmount")) and not absent(budget.get("notifications"))


def _denies_all(spec: Value) -> bool:
    """Whether a NetworkPolicy chooses all pods and allows nothing in either direction."""
    if spec is UNKNOWN:
        return True
    kinds = at(spec, "policyTypes")
    return (
        absent(at(spec, "podSelector"))
        and (kinds is UNKNOWN or {"Ingress", "Egress"} <= set(texts(kinds)))
        and absent(at(spec, "ingress"))
        and absent(at(spec, "egress"))
    )


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


TENANT_HAS_BUDGET_AND_QUOTA = Rule(
    id="tenant-has-budget-and-quota",
    title="Every tenant has a budget, a quota and a wall around its network.",
    severity="high",
    fix="tenants[].monthly_budget_usd, tenants[].quota",
    checks={_TENANT: _tenant},
    join=Join(frozenset({_TENANT, _NAMESPACE, _QUOTA, _POLICY, _BUDGET}), _walls),
)
