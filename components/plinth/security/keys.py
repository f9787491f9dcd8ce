"""KMS keys, one for each domain of data."""

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment

DOMAINS = ("data", "secrets", "logs", "cluster")


class Keys(Component):
    """Customer-managed KMS keys with rotation, one for each of `DOMAINS`."""

    arn: dict[str, pulumi.Output[str]]
    """ARN of each key by domain: data, secrets, logs, cluster."""

    def __init__(self, name: str, *, environment: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Keys", name, {}, environment=environment, opts=opts)
