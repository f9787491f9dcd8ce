"""What an OpenSearch domain is made of. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.vectors import OpenSearchStore

PORT = 443
LONGEST_NAME = 28
"""Most characters of a domain's name."""

SERVICE = "opensearchservice.amazonaws.com"
"""Service whose role holds the domain's interfaces in the VPC."""

TLS_POLICY = "Policy-Min-TLS-1-2-PFS-2023-10"

LOGS = ("INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS", "ES_APPLICATION_LOGS", "AUDIT_LOGS")
"""Logs that a domain can write to CloudWatch."""


def domain_name(environment: Environment, store: str) -> str:
    """Name of the domain: fixed, because policies and alarms name it before it exists; at most 28 characters."""
    name = f"plinth-{environment.name}-{store}"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:19].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def domain_arn(environment: Environment, store: str) -> str:
    """ARN of the domain."""
    region = environment.region
    account = environment.account_id
    return f"arn:{documents.partition(region)}:es:{region}:{account}:domain/{domain_name(environment, store)}"


def access(environment: Environment, store: str) -> documents.Document:
    """IAM policy: call the domain. What a caller may do there, the domain's own roles say."""
    methods = ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpPatch", "es:ESHttpDelete"]
    return documents.document(documents.allow(methods, [f"{domain_arn(environment, store)}/*"], sid="Search"))


def own_account(environment: Environment, store: str) -> documents.Document:
    """Policy of the domain: principals of this account, as their own policies say."""
    account, region = environment.account_id, environment.region
    return documents.document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{documents.partition(region)}:iam::{account}:root"},
            "Action": "es:ESHttp*",
            "Resource": f"{domain_arn(environment, store)}/*",
        }
    )


def write_logs(environment: Environment, prefix: str) -> documents.Document:
    """Policy of CloudWatch Logs: the domains of this account write to groups that start with `prefix`."""
    region, account = environment.region, environment.account_id
    return documents.document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "es.amazonaws.com"},
            "Action": ["logs:PutLogEvents", "logs:CreateLogStream"],
            "Resource": f"arn:{documents.partition(region)}:logs:{region}:{account}:log-group:{prefix}*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
    )


def log_prefix(environment: Environment, store: str) -> str:
    """Start of the names of the domain's log groups."""
    return f"/aws/opensearch/{domain_name(environment, store)}/"


def cluster(section: OpenSearchStore, zones: int) -> dict[str, Any]:
    """Nodes of the domain, spread over `zones` where there is more than one."""
    spread = section.nodes > 1
    return {
        "instance_type": section.instance_type,
        "instance_count": section.nodes,
        "dedicated_master_enabled": section.master_type is not None,
        "dedicated_master_type": section.master_type,
        "dedicated_master_count": 3 if section.master_type else None,
        "zone_awareness_enabled": spread,
        "zone_awareness_config": {"availability_zone_count": zones} if spread else None,
        "multi_az_with_standby_enabled": section.standby,
    }


def replicas(section: OpenSearchStore, zones: int) -> int:
    """Copies of each shard beside the first: one in every further zone."""
    return zones - 1 if section.nodes > 1 else 0


def tunes(section: OpenSearchStore) -> bool:
    """Whether Auto-Tune can run: not on burstable instances (developer guide, "Auto-Tune")."""
    return not section.instance_type.startswith("t")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CloudWatch alarm on one metric of a domain."""

    label: str
    metric: str
    statistic: Literal["Maximum", "Minimum"]
    comparison: Literal["GreaterThanOrEqualToThreshold", "LessThanOrEqualToThreshold", "LessThanThreshold"]
    threshold: float
    seconds: int
    """Length of one period."""
    periods: int
    """Periods in a row that are over the threshold."""
    meaning: str


def alarms(section: OpenSearchStore) -> list[Alarm]:
    """Alarms of a domain.

    Source: Amazon OpenSearch Service developer guide, "Recommended CloudWatch alarms", as of 2026-11.
    """
    at_least, at_most = "GreaterThanOrEqualToThreshold", "LessThanOrEqualToThreshold"
    quarter_mib = section.disk_gib * 1024 / 4
    found = [
        Alarm("red", "ClusterStatus.red", "Maximum", at_least, 1, 60, 1, "a primary shard is missing: data is missing"),
        Alarm("yellow", "ClusterStatus.yellow", "Maximum", at_least, 1, 60, 5, "a replica is missing"),
        Alarm(
            "disk", "FreeStorageSpace", "Minimum", at_most, quarter_mib, 60, 1, "a node's disk is three quarters full"
        ),
        Alarm("writes", "ClusterIndexWritesBlocked", "Maximum", at_least, 1, 300, 1, "writes are refused"),
        Alarm("nodes", "Nodes", "Minimum", "LessThanThreshold", section.nodes, 3600, 1, "a node is gone"),
        Alarm("snapshot", "AutomatedSnapshotFailure", "Maximum", at_least, 1, 60, 1, "an hourly snapshot failed"),
        Alarm("cpu", "CPUUtilization", "Maximum", at_least, 80, 900, 3, "processors are busy"),
        Alarm("memory", "JVMMemoryPressure", "Maximum", at_least, 95, 60, 3, "the Java heap is full"),
        Alarm(
            "graphs", "KNNGraphMemoryUsagePercentage", "Maximum", at_least, 90, 300, 3, "memory of HNSW graphs is full"
        ),
        Alarm("key", "KMSKeyInaccessible", "Maximum", at_least, 1, 60, 1, "the domain's KMS key cannot be used"),
    ]
    if section.master_type:
        found += [
            Alarm("master-cpu", "MasterCPUUtilization", "Maximum", at_least, 50, 900, 3, "cluster managers are busy"),
            Alarm(
                "master-memory", "MasterJVMMemoryPressure", "Maximum", at_least, 95, 60, 3, "their Java heap is full"
            ),
        ]
    return found
