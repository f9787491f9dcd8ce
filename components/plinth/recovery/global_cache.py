"""The cache in two regions: what is written here is read there within about a second."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.cache import Cache
from plinth.spec.environment import Environment


class GlobalCache(Component):
    """An ElastiCache global datastore, made from a cache that is there and stays what it is."""

    id: pulumi.Output[str]
    """Identifier, known once the cache that leads can be followed."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        leader: Cache,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GlobalCache", name, {"leads": environment.region}, environment=environment, opts=opts)
        made = aws.elasticache.GlobalReplicationGroup(
            name,
            global_replication_group_id_suffix=f"plinth-{environment.name}",
            global_replication_group_description=f"Plinth {environment.name}",
            primary_replication_group_id=leader.replication_group_id,
            opts=self.options(aws.elasticache.GlobalReplicationGroup),
        )
        self.id = made.global_replication_group_id
        self.register_outputs({"id": self.id})
