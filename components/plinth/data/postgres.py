"""Aurora PostgreSQL."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data.access import client_access
from plinth.network.vpc import Network
from plinth.spec.data import Postgres as PostgresSection
from plinth.spec.environment import Environment

ENGINE = aws.rds.EngineType.AURORA_POSTGRESQL
PORT = 5432
MASTER_USER = "plinth"


class Postgres(Component):
    """An Aurora PostgreSQL Serverless v2 cluster: private, encrypted, TLS only, IAM authentication.

    RDS makes and rotates the master password in Secrets Manager: it never passes through the program.
    """

    endpoint: pulumi.Output[str]
    """Host name of the writer."""

    reader_endpoint: pulumi.Output[str]
    """Host name of the readers."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secrets Manager secret of the master user (JSON with username and password), made and rotated by RDS."""

    cluster_arn: pulumi.Output[str]
    """ARN of the cluster, as backup plans name it."""

    cluster_resource_id: pulumi.Output[str]
    """Resource id, as `rds-db:connect` policies name it."""

    secrets_key_arn: pulumi.Output[str]
    """KMS key of the master secret."""

    ready: list[pulumi.Resource]
    """What must exist before a client can connect: the instances."""

    def __init__(
        self,
        name: str,
        section: PostgresSection,
        *,
        environment: Environment,
        network: Network,
        key_arn: pulumi.Input[str],
        secrets_key_arn: pulumi.Input[str],
        client_security_group_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Postgres", name, section, environment=environment, opts=opts)
        self._prefix, self._section = name, section
        self.secrets_key_arn = pulumi.Output.from_input(secrets_key_arn)
        group_id = client_access(
            self,
            f"{name}-access",
            what="PostgreSQL",
            port=PORT,
            network=network,
            client_security_group_id=client_security_group_id,
        )
        cluster = self._cluster(network, group_id, key_arn)
        self.ready = [self._instance(number, cluster, key_arn) for number in range(1, section.readers + 2)]

        self.endpoint = cluster.endpoint
        self.reader_endpoint = cluster.reader_endpoint
        self.port = cluster.port
        self.master_secret_arn = cluster.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or "")
        self.cluster_arn = cluster.arn
        self.cluster_resource_id = cluster.cluster_resource_id
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "reader_endpoint": self.reader_endpoint,
                "port": self.port,
                "master_secret_arn": self.master_secret_arn,
                "cluster_resource_id": self.cluster_resource_id,
            }
        )

    def _parameters(self) -> aws.rds.ClusterParameterGroup:
        return aws.rds.ClusterParameterGroup(
            f"{self._prefix}-parameters",
            family=f"{ENGINE.value}{self._section.engine_version.partition('.')[0]}",
            description="TLS only; slow statements and changes of the schema are logged",
            parameters=[
                {"name": "rds.force_ssl", "value": "1"},
                {"name": "log_min_duration_statement", "value": "1000"},
                {"name": "log_statement", "value": "ddl"},
            ],
            opts=self.options(aws.rds.ClusterParameterGroup),
        )

    def _cluster(self, network: Network, group_id: pulumi.Output[str], key_arn: pulumi.Input[str]) -> aws.rds.Cluster:
        """Storage, access, backups: all but the machines."""
        name, section, protected = self._prefix, self._section, self._environment.protects_data
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description="Data subnets",
            subnet_ids=network.data_subnet_ids,
            opts=self.options(aws.rds.SubnetGroup),
        )
        return aws.rds.Cluster(
            f"{name}-cluster",
            engine=ENGINE.value,
            engine_version=section.engine_version,
            serverlessv2_scaling_configuration={"min_capacity": section.min_acu, "max_capacity": section.max_acu},
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group_id],
            db_cluster_parameter_group_name=self._parameters().name,
            port=PORT,
            master_username=MASTER_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self.secrets_key_arn,
            iam_database_authentication_enabled=True,
            storage_encrypted=True,
            kms_key_id=key_arn,
            backup_retention_period=section.backup_days,
            preferred_backup_window="03:00-04:00",
            preferred_maintenance_window="sun:04:30-sun:05:30",
            copy_tags_to_snapshot=True,
            enabled_cloudwatch_logs_exports=["postgresql"],
            deletion_protection=protected,
            skip_final_snapshot=not protected,
            final_snapshot_identifier=f"plinth-{self._environment.name}-{name}-final" if protected else None,
            opts=self.options(aws.rds.Cluster),
        )

    def _instance(self, number: int, cluster: aws.rds.Cluster, key_arn: pulumi.Input[str]) -> pulumi.Resource:
        """One machine; the first writes until a failover makes it another."""
        return aws.rds.ClusterInstance(
            f"{self._prefix}-instance-{number}",
            cluster_identifier=cluster.id,
            engine=ENGINE,
            engine_version=self._section.engine_version,
            instance_class="db.serverless",
            # The first two scale together, so that a failover finds a reader as large as the writer.
            promotion_tier=min(number - 1, 2),
            publicly_accessible=False,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key_arn,
            performance_insights_retention_period=7,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=False,
            opts=self.options(aws.rds.ClusterInstance),
        )
