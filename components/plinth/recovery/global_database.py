"""PostgreSQL in two regions: changes travel on their own, within about a second."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.postgres import Postgres
from plinth.spec.environment import Environment


class GlobalDatabase(Component):
    """An Aurora global database, made from a cluster that is there and stays what it is."""

    id: pulumi.Output[str]
    """Identifier, known once the cluster that leads can be followed."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        leader: Postgres,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("GlobalDatabase", name, {"leads": environment.region}, environment=environment, opts=opts)
        made = aws.rds.GlobalCluster(
            name,
            global_cluster_identifier=f"plinth-{environment.name}",
            source_db_cluster_identifier=leader.cluster_arn,
            deletion_protection=environment.protects_data,
            # Detaches the clusters, which have protection of their own, instead of failing on a tear-down.
            force_destroy=not environment.protects_data,
            opts=self.options(aws.rds.GlobalCluster, depends_on=leader.ready),
        )
        self.id = made.id
        self.register_outputs({"id": self.id})
