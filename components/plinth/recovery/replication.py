"""Objects and images, copied to the other region as they are written."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.recovery.plan import OBJECT_MINUTES
from plinth.security import documents
from plinth.security.documents import Text
from plinth.spec.environment import Environment
from plinth.storage.object_store import ObjectStore


class Replication(Component):
    """Buckets, but for those that stay in their region, and the registry's images, replicated to the other region."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        region: str,
        source: ObjectStore,
        target: ObjectStore,
        buckets: Sequence[str],
        on_time: bool,
        images: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        section = {"region": region, "buckets": list(buckets), "onTime": on_time, "images": images}
        super().__init__("Replication", name, section, environment=environment, opts=opts)
        trust = documents.service_trust("s3.amazonaws.com", environment.account_id)
        role = aws.iam.Role(
            f"{name}-role",
            description=f"S3 copies objects to {region}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            opts=self.options(aws.iam.Role),
        )
        grant = aws.iam.RolePolicy(
            f"{name}-copy",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                copy_policy(
                    _of(source.arns, buckets),
                    _of(target.arns, buckets),
                    _of(source.key_arns, buckets),
                    _of(target.key_arns, buckets),
                    environment.region,
                    region,
                )
            ),
            opts=self.options(aws.iam.RolePolicy),
        )
        for bucket in buckets:
            aws.s3.BucketReplicationConfig(
                f"{name}-{bucket}",
                bucket=source.names[bucket],
                role=role.arn,
                rules=[_rule(target.arns[bucket], target.key_arns[bucket], on_time=on_time)],
                # Both ends must have their versioning first.
                opts=self.options(aws.s3.BucketReplicationConfig, depends_on=[grant, source, target]),
            )
        if images:
            aws.ecr.ReplicationConfiguration(
                f"{name}-images",
                replication_configuration={
                    "rules": [{"destinations": [{"region": region, "registry_id": environment.account_id}]}]
                },
                opts=self.options(aws.ecr.ReplicationConfiguration),
            )
        self.register_outputs({})


def _rule(
    bucket_arn: pulumi.Input[str], key_arn: pulumi.Input[str], *, on_time: bool
) -> aws.s3.BucketReplicationConfigRuleArgsDict:
    """Everything, deletions included, encrypted there with that region's key."""
    destination: aws.s3.BucketReplicationConfigRuleDestinationArgsDict = {
        "bucket": bucket_arn,
        "encryption_configuration": {"replica_kms_key_id": key_arn},
    }
    if on_time:
        destination["replication_time"] = {"status": "Enabled", "time": {"minutes": OBJECT_MINUTES}}
        destination["metrics"] = {"status": "Enabled", "event_threshold": {"minutes": OBJECT_MINUTES}}
    return {
        "id": "everything",
        "status": "Enabled",
        "priority": 1,
        "filter": {"prefix": ""},
        "delete_marker_replication": {"status": "Enabled"},
        "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
        "destination": destination,
    }


def _of(places: Mapping[str, Text], buckets: Sequence[str]) -> list[Text]:
    """What these buckets have, each once."""
    return list({id(places[bucket]): places[bucket] for bucket in buckets}.values())


def copy_policy(
    source: Sequence[Text],
    target: Sequence[Text],
    keys: Sequence[Text],
    target_keys: Sequence[Text],
    home: str,
    there: str,
) -> documents.Document:
    """What S3 needs to copy: read versions here, write replicas there, and the keys of both through S3 only.

    Source: Amazon S3 User Guide, "Setting up permissions for live replication".
    """
    objects = [pulumi.Output.concat(arn, "/*") for arn in source]
    replicas = [pulumi.Output.concat(arn, "/*") for arn in target]
    versions = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
    # Of buckets with Object Lock; of others there is nothing to get.
    versions += ["s3:GetObjectRetention", "s3:GetObjectLegalHold"]
    return documents.document(
        documents.allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], list(source)),
        documents.allow(versions, objects),
        documents.allow(["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], replicas),
        documents.allow(["kms:Decrypt"], keys, condition=_through_s3(home)),
        documents.allow(["kms:Encrypt"], target_keys, condition=_through_s3(there)),
    )


def _through_s3(region: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
