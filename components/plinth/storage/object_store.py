"""S3 buckets."""

import pulumi

from plinth.base import Component
from plinth.spec.data import Storage
from plinth.spec.environment import Environment


class ObjectStore(Component):
    """The platform's buckets: private, versioned, encrypted with the platform's key, TLS only."""

    names: dict[str, pulumi.Output[str]]
    """Physical bucket name by the bucket's name in the spec."""

    arns: dict[str, pulumi.Output[str]]
    """Bucket ARN by the bucket's name in the spec."""

    def __init__(
        self,
        name: str,
        section: Storage,
        *,
        environment: Environment,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ObjectStore", name, section, environment=environment, opts=opts)
