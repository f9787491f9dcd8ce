"""The knowledge graph: Amazon Neptune."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.access import client_access
from plinth.network.vpc import Network
from plinth.security import documents
from plinth.spec.environment import Environment
from plinth.spec.graph import KnowledgeGraph as GraphSection
from plinth.tenancy.store_access import StoreGrants
from plinth_runtime.graph.config import GraphEndpoint

PORT = 8182
LONGEST_QUERY_MS = 120_000

READ = ["neptune-db:connect", "neptune-db:ReadDataViaQuery", "neptune-db:GetQueryStatus", "neptune-db:CancelQuery"]
WRITE = ["neptune-db:WriteDataViaQuery", "neptune-db:DeleteDataViaQuery"]
"""Source: Amazon Neptune user guide, "IAM actions for data access"."""


class KnowledgeGraph(Component):
    """A Neptune Serverless cluster: private, encrypted, TLS only, audited; only requests that a role signs get in."""

    endpoint: pulumi.Output[str]
    """Host name of the writer."""

    reader_endpoint: pulumi.Output[str]
    """Host name of the readers."""

    port: pulumi.Output[int]
    """TCP port (TLS)."""

    cluster_arn: pulumi.Output[str]
    """ARN of the cluster, as backup plans name it."""

    cluster_id: pulumi.Output[str]
    """Identifier of the cluster, as metrics name it."""

    def __init__(
        self,
        name: str,
        section: GraphSection,
        *,
        environment: Environment,
        network: Network,
        key_arn: pulumi.Input[str],
        client_security_group_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("KnowledgeGraph", name, section, environment=environment, opts=opts)
        self._prefix, self._section = name, section
        group_id = client_access(
            self,
            f"{name}-access",
            what="Neptune",
            port=PORT,
            network=network,
            client_security_group_id=client_security_group_id,
        )
        cluster = self._cluster(network, group_id, key_arn)
        for number in range(1, section.readers + 2):
            aws.neptune.ClusterInstance(
                f"{name}-instance-{number}",
                cluster_identifier=cluster.id,
                engine_version=section.engine_version,
                instance_class="db.serverless",
                promotion_tier=min(number - 1, 2),
                publicly_accessible=False,
                auto_minor_version_upgrade=False,
                opts=self.options(aws.neptune.ClusterInstance),
            )
        self.endpoint, self.reader_endpoint = cluster.endpoint, cluster.reader_endpoint
        self.port = cluster.port.apply(lambda port: port or PORT)
        self.cluster_arn, self.cluster_id = cluster.arn, cluster.cluster_identifier
        self._resource_id = cluster.cluster_resource_id
        self.register_outputs({"endpoint": self.endpoint, "reader_endpoint": self.reader_endpoint, "port": self.port})

    def _cluster(
        self, network: Network, group_id: pulumi.Output[str], key_arn: pulumi.Input[str]
    ) -> aws.neptune.Cluster:
        name, section, protected = self._prefix, self._section, self._environment.protects_data
        subnets = aws.neptune.SubnetGroup(
            f"{name}-subnets",
            description="Data subnets",
            subnet_ids=network.data_subnet_ids,
            opts=self.options(aws.neptune.SubnetGroup),
        )
        parameters = aws.neptune.ClusterParameterGroup(
            f"{name}-parameters",
            family=f"neptune{'.'.join(section.engine_version.split('.')[:2])}",
            description="Audited; queries have an end",
            parameters=[
                {"name": "neptune_enable_audit_log", "value": "1", "apply_method": "pending-reboot"},
                {"name": "neptune_query_timeout", "value": str(LONGEST_QUERY_MS), "apply_method": "pending-reboot"},
            ],
            opts=self.options(aws.neptune.ClusterParameterGroup),
        )
        return aws.neptune.Cluster(
            f"{name}-cluster",
            engine="neptune",
            engine_version=section.engine_version,
            serverless_v2_scaling_configuration={"min_capacity": section.min_ncu, "max_capacity": section.max_ncu},
            neptune_subnet_group_name=subnets.name,
            neptune_cluster_parameter_group_name=parameters.name,
            vpc_security_group_ids=[group_id],
            port=PORT,
            iam_database_authentication_enabled=True,
            storage_encrypted=True,
            kms_key_arn=key_arn,
            backup_retention_period=section.backup_days,
            preferred_backup_window="03:00-04:00",
            preferred_maintenance_window="sun:04:30-sun:05:30",
            copy_tags_to_snapshot=True,
            enable_cloudwatch_logs_exports=["audit", "slowquery"],
            deletion_protection=protected,
            skip_final_snapshot=not protected,
            final_snapshot_identifier=f"plinth-{self._environment.name}-{name}-final" if protected else None,
            opts=self.options(aws.neptune.Cluster),
        )

    def grants(self, tenant: str) -> StoreGrants:
        """What a tenant's pods need to ask, and as an editor to write; nothing where the spec does not name it."""
        section = self._section
        if tenant not in (*section.editors, *section.viewers):
            return StoreGrants()
        region, account = self._environment.region, self._environment.account_id
        resource = pulumi.Output.concat(
            f"arn:{documents.partition(region)}:neptune-db:{region}:{account}:", self._resource_id, "/*"
        )
        actions = [*READ, *(WRITE if tenant in section.editors else [])]

        def endpoint(place: Sequence[object]) -> str:
            return GraphEndpoint(
                host=str(place[0]),
                reader_host=str(place[1]) if section.readers else None,
                port=int(str(place[2])),
                region=region,
            ).model_dump_json(indent=2)

        return StoreGrants(
            policies={"graph": pulumi.Output.json_dumps(documents.document(documents.allow(actions, [resource])))},
            ports=(PORT,),
            endpoints={"graph.json": pulumi.Output.all(self.endpoint, self.reader_endpoint, self.port).apply(endpoint)},
        )
