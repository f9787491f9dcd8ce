"""S3 buckets."""

import pulumi

from plinth.base import Component
from plinth.spec.data import Storage
from plinth.spec.environment import Environment
from plinth.storage import lifecycle
from plinth.storage.bucket import private_bucket


class ObjectStore(Component):
    """The platform's buckets: private, versioned, encrypted with the platform's key, TLS only."""

    names: dict[str, pulumi.Output[str]]
    """Physical bucket name by the bucket's name in the spec; known once the bucket is closed to the public."""

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
        self.names, self.arns = {}, {}
        for bucket in section.buckets:
            made = private_bucket(
                self,
                f"{name}-{bucket.name}",
                key_arn=key_arn,
                rules=lifecycle.plan(bucket),
                # Where nothing protects the data, `pulumi destroy` must not stop at a bucket that has objects.
                keep_on_destroy=environment.protects_data,
                tags={"data-class": bucket.data_class},
            )
            self.arns[bucket.name], self.names[bucket.name] = made.arn, made.name
        self.register_outputs({"names": self.names, "arns": self.arns})
