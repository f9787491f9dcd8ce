"""Stacks that are complete, and stacks in which something is missing beside something else."""

from dataclasses import dataclass, field
from typing import Any

from plinth_policies.rule import Resource, Stack
from plinth_policies.values import UNKNOWN, plain

BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
TENANT = "plinth:index:Tenant"
NAMESPACE = "kubernetes:core/v1:Namespace"
QUOTA = "kubernetes:core/v1:ResourceQuota"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


@dataclass(frozen=True)
class Item:
    type: str
    name: str
    props: dict[str, Any] = field(default_factory=dict[str, Any])
    parent: "Item | None" = None
    sources: dict[str, list["Item"]] = field(default_factory=dict[str, list["Item"]])

    @property
    def urn(self) -> str:
        return f"urn:pulumi:prod::plinth::{self._path}::{self.name}"

    @property
    def _path(self) -> str:
        return f"{self.parent._path}${self.type}" if self.parent else self.type

    @property
    def ancestors(self) -> tuple[str, ...]:
        return (self.parent.urn, *self.parent.ancestors) if self.parent else ()

    @property
    def depends_on(self) -> list[str]:
        return [source.urn for sources in self.sources.values() for source in sources]


def stack(*items: Item) -> Stack:
    return Stack(
        tuple(
            Resource(
                item.type,
                item.name,
                item.urn,
                "production",
                plain(item.props),
                ancestors=item.ancestors,
                depends_on=frozenset(item.depends_on),
                sources={name: frozenset(s.urn for s in found) for name, found in item.sources.items()},
            )
            for item in items
        )
    )


def companion(token: str, name: str, bucket: Item, physical: Any = UNKNOWN) -> Item:
    return Item(token, name, {"bucket": physical}, sources={"bucket": [bucket]})


models, logs = Item(BUCKET, "models", {"bucket": "models-1a2b"}), Item(BUCKET, "logs", {"bucket": UNKNOWN})
search = Item(TENANT, "search")
namespace = Item(NAMESPACE, "search", {"metadata": {"name": "tenant-search"}}, search)
quota = Item(
    QUOTA,
    "search",
    {
        "metadata": {"namespace": "tenant-search"},
        "spec": {"hard": {"requests.cpu": "8", "requests.memory": "32Gi", "requests.nvidia.com/gpu": "0"}},
    },
    search,
)
wall = Item(
    POLICY,
    "search-default",
    {
        "metadata": {"namespace": "tenant-search"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    },
    search,
)
group = Item("plinth:index:Budgets", "search", {}, search)
budget = Item(
    "aws:budgets/budget:Budget", "search", {"limitAmount": "500", "notifications": [{"threshold": 80}]}, group
)
silent = Item("aws:budgets/budget:Budget", "silent", {"limitAmount": "500"}, search)
quota_of_unknown = Item(
    QUOTA, "later", {**quota.props, "metadata": {"namespace": UNKNOWN}}, search, {"metadata": [namespace]}
)
by_name = Item(NAMESPACE, "own", {"metadata": {"name": "tenant-own"}})
open_wall = Item(
    POLICY,
    "open",
    {"metadata": {"namespace": "tenant-search"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
)
dns_only = Item(
    POLICY,
    "dns",
    {
        "metadata": {"namespace": "tenant-search"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"port": 53}]}]},
    },
)
small_quota = Item(
    QUOTA, "small", {"metadata": {"namespace": "tenant-search"}, "spec": {"hard": {"requests.cpu": "8"}}}
)
both = [companion(token, f"{b.name}-{token[-5:]}", b) for b in (models, logs) for token in (BLOCK, ENCRYPTION)]
by_physical_name = [Item(token, token, {"bucket": "models-1a2b"}) for token in (BLOCK, ENCRYPTION)]

region = Item("plinth:index:Region", "us-west-2")
search_there = Item(TENANT, "search", {}, region)
namespace_there, quota_there, wall_there = (
    Item(item.type, item.name, item.props, search_there) for item in (namespace, quota, wall)
)
here = [search, group, budget, namespace, quota, wall]

STORES, TENANTS = "stores-encrypted-and-private", "tenant-has-budget-and-quota"

CASES: list[tuple[str, str, list[Item], list[tuple[Item, str]]]] = [
    (STORES, "complete, names not known yet", [models, logs, *both], []),
    (STORES, "complete, by physical name", [models, *by_physical_name], []),
    (STORES, "no bucket at all", [], []),
    (STORES, "another bucket's block", [models, logs, *both[:3]], [(logs, "bucket logs has no BucketServerSide")]),
    (STORES, "nothing beside it", [logs], [(logs, "no BucketPublicAccessBlock"), (logs, "no BucketServerSide")]),
    (TENANTS, "complete", [search, group, budget, namespace, quota, wall], []),
    (TENANTS, "a namespace not known yet", [search, group, budget, namespace, quota_of_unknown, wall], []),
    (TENANTS, "no namespace", [search, group, budget], [(search, "tenant search has no namespace")]),
    (
        TENANTS,
        "no quota",
        [search, group, budget, namespace, wall],
        [(namespace, "tenant-search has no ResourceQuota")],
    ),
    (
        TENANTS,
        "a quota without memory and GPUs",
        [search, group, budget, namespace, small_quota, wall],
        [(namespace, "bounds requests.memory"), (namespace, "bounds requests.nvidia.com/gpu")],
    ),
    (
        TENANTS,
        "no wall",
        [search, group, budget, namespace, quota],
        [(namespace, "no NetworkPolicy that denies everything")],
    ),
    (
        TENANTS,
        "a wall with one side",
        [search, group, budget, namespace, quota, open_wall],
        [(namespace, "no NetworkPolicy that")],
    ),
    (
        TENANTS,
        "only an allowing policy",
        [search, group, budget, namespace, quota, dns_only],
        [(namespace, "no NetworkPolicy that")],
    ),
    (
        TENANTS,
        "no budget",
        [search, namespace, quota, wall],
        [(search, "tenant search has no budget that notifies anyone")],
    ),
    (
        TENANTS,
        "a budget that tells nobody",
        [search, silent, namespace, quota, wall],
        [(search, "tenant search has no budget that notifies anyone")],
    ),
    (TENANTS, "complete in two regions", [*here, region, search_there, namespace_there, quota_there, wall_there], []),
    (
        TENANTS,
        "a quota in the other region only",
        [*here, region, search_there, namespace_there, wall_there],
        [(namespace_there, "tenant-search has no ResourceQuota")],
    ),
    (
        TENANTS,
        "a tenant's namespace made by hand",
        [by_name, quota, wall],
        [(by_name, "tenant-own has no ResourceQuota"), (by_name, "no NetworkPolicy that denies everything")],
    ),
]
"""Rule, description, resources, and what is to be said about which of them."""
