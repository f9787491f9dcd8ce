"""S3 buckets."""

from collections.abc import Mapping

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment
from plinth.spec.storage import Storage
from plinth.storage import classes, lifecycle
from plinth.storage.bucket import private_bucket


class ObjectStore(Component):
    """The platform's buckets: private, versioned, encrypted with the key of their class of data, TLS only."""

    names: dict[str, pulumi.Output[str]]
    """Physical bucket name by the bucket's name in the spec; known once the bucket is closed to the public."""

    arns: dict[str, pulumi.Output[str]]
    """Bucket ARN by the bucket's name in the spec."""

    key_arns: dict[str, pulumi.Output[str]]
    """ARN of the KMS key of each bucket by the bucket's name in the spec."""

    def __init__(
        self,
        name: str,
        section: Storage,
        *,
        environment: Environment,
        key_arns: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ObjectStore", name, section, environment=environment, opts=opts)
        self.names, self.arns, self.key_arns = {}, {}, {}
        for bucket in section.buckets:
            key_arn = key_arns[classes.treatment(bucket).key]
            made = private_bucket(
                self,
                f"{name}-{bucket.name}",
                key_arn=key_arn,
                rules=lifecycle.plan(bucket),
                # Where nothing protects the data, `pulumi destroy` must not stop at a bucket that has objects.
                keep_on_destroy=environment.protects_data,
                tags={"data-class": bucket.data_class},
                lock=classes.object_lock(bucket, environment),
                organization_id=section.organization_id,
            )
            self.key_arns[bucket.name] = pulumi.Output.from_input(key_arn)
            self.arns[bucket.name], self.names[bucket.name] = made.arn, made.name
        self.register_outputs({"names": self.names, "arns": self.arns, "key_arns": self.key_arns})
