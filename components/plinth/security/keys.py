"""KMS keys, one for each domain of data."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.security import documents
from plinth.spec.environment import Environment

DOMAINS: dict[str, str] = {
    "data": "buckets, databases and the cache",
    "secrets": "secrets in Secrets Manager",
    "logs": "log groups",
    "cluster": "Kubernetes secrets and node volumes",
    "restricted": "buckets of restricted data",
}
"""What each key encrypts. One key a domain, so that access to one kind of data is not access to all."""


class Keys(Component):
    """Customer-managed KMS keys with yearly rotation, one for each of `DOMAINS`; `restricted` where it is needed."""

    arn: dict[str, pulumi.Output[str]]
    """ARN of each key by domain: data, secrets, logs, cluster, and perhaps restricted."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        restricted: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        domains = {domain: purpose for domain, purpose in DOMAINS.items() if restricted or domain != "restricted"}
        super().__init__("Keys", name, {"domains": sorted(domains)}, environment=environment, opts=opts)
        region, account = environment.region, environment.account_id
        services: dict[str, list[documents.Statement]] = {
            "data": [
                documents.services_may_use_key(["cloudwatch.amazonaws.com", "events.amazonaws.com"], account),
                documents.vectors_may_use_key(region, account),
            ],
            "logs": [documents.logs_may_use_key(region, account)],
            "cluster": documents.volumes_may_use_key(region, account),
        }
        self.arn = {}
        for domain, purpose in domains.items():
            policy = documents.key_policy(region, account, services.get(domain, []))
            key = aws.kms.Key(
                f"{name}-{domain}",
                description=f"Plinth {environment.name}: {purpose}",
                enable_key_rotation=True,
                deletion_window_in_days=30 if environment.protects_data else 7,
                policy=pulumi.Output.json_dumps(policy),
                opts=self.options(aws.kms.Key),
            )
            aws.kms.Alias(
                f"{name}-{domain}-alias",
                name=f"alias/plinth/{environment.name}/{domain}",
                target_key_id=key.key_id,
                opts=self.options(aws.kms.Alias),
            )
            self.arn[domain] = key.arn
        self.register_outputs({"arn": self.arn})
