"""Aurora PostgreSQL."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.data import postgres_password, postgres_plan
from plinth.data.access import client_access
from plinth.network.vpc import Network
from plinth.security import documents
from plinth.security.roles import role
from plinth.security.secrets import SecretCopies
from plinth.spec.environment import Environment
from plinth.spec.postgres import Postgres as PostgresSection

ENGINE = aws.rds.EngineType.AURORA_POSTGRESQL
PORT = 5432
MASTER_USER = "plinth"
MONITORING_POLICY = "service-role/AmazonRDSEnhancedMonitoringRole"


@dataclass(frozen=True, slots=True)
class Leads:
    """The cluster whose changes a global database carries to another region."""

    copies: SecretCopies
    """The other region, which gets a copy of the master password."""

    rpo_seconds: int | None = None
    """Commits wait while the other region is further behind; None: they never do."""


@dataclass(frozen=True, slots=True)
class Follows:
    """A cluster in another region that a global database carries changes to. It cannot be written before it leads."""

    global_id: pulumi.Input[str]
    """The global database."""

    home_region: str
    """Region of the cluster that leads."""

    master_secret_arn: pulumi.Output[str]
    """Secret of the master user, in that region."""

    within_minutes: int
    """How far behind it may be before somebody is told."""

    forwards_writes: bool
    """Whether writes are sent on to the cluster that leads."""


class Postgres(Component):
    """An Aurora PostgreSQL Serverless v2 cluster: private, encrypted, TLS only, IAM authentication, audited.

    RDS makes and rotates the master password in Secrets Manager: it never passes through the program. In a global
    database, where RDS does not, the program makes the first one and Secrets Manager rotates it from then on.
    """

    endpoint: pulumi.Output[str]
    """Host name of the writer; of a cluster that follows, of what becomes the writer."""

    reader_endpoint: pulumi.Output[str]
    """Host name of the readers."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secrets Manager secret of the master user (JSON with username and password, among others)."""

    cluster_arn: pulumi.Output[str]
    """ARN of the cluster, as backup plans name it."""

    cluster_id: pulumi.Output[str]
    """Identifier of the cluster, as metrics name it."""

    cluster_resource_id: pulumi.Output[str]
    """Resource id, as `rds-db:connect` policies name it."""

    secrets_key_arn: pulumi.Output[str]
    """KMS key of the master secret."""

    leads: bool
    """Whether schemas and logins are made here. Those of a cluster that follows come with its data."""

    follows_within_minutes: int | None
    """How far it may be behind the cluster that it follows; None for one that leads."""

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
        part: Leads | Follows | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Postgres", name, section, environment=environment, opts=opts)
        self._prefix, self._section, self._network = name, section, network
        self.leads = not isinstance(part, Follows)
        self.follows_within_minutes = part.within_minutes if isinstance(part, Follows) else None
        self.secrets_key_arn = pulumi.Output.from_input(secrets_key_arn)
        self._group_id = client_access(
            self,
            f"{name}-access",
            what="PostgreSQL",
            port=PORT,
            network=network,
            client_security_group_id=client_security_group_id,
        )
        self._watch = self._watching(key_arn)
        match part:
            case None:
                cluster = self._cluster(key_arn, self._managed_password())
                self._machines(cluster)
                self.master_secret_arn = cluster.master_user_secrets.apply(lambda secrets: secrets[0].secret_arn or "")
                postgres_password.rotate_managed(self, name, self.master_secret_arn, section.rotate_password_days)
            case Leads():
                cluster = self._leader(key_arn, part)
            case Follows():
                cluster = self._cluster(key_arn, _following(part))
                self._machines(cluster)
                here = environment.region
                self.master_secret_arn = part.master_secret_arn.apply(
                    # A copy of a secret has the ARN of the original, but for the region.
                    lambda arn: arn.replace(f":{part.home_region}:", f":{here}:")
                )
        self.endpoint = cluster.endpoint
        self.reader_endpoint = cluster.reader_endpoint
        self.port = cluster.port
        self.cluster_arn, self.cluster_id = cluster.arn, cluster.cluster_identifier
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

    def connect_policy(self, login: str) -> documents.Document:
        """IAM policy: sign in to this cluster as one login."""
        region, account = self._environment.region, self._environment.account_id
        users = pulumi.Output.concat(
            f"arn:{documents.partition(region)}:rds-db:{region}:{account}:dbuser:", self.cluster_resource_id
        )
        return documents.document(
            documents.allow(["rds-db:connect"], [pulumi.Output.concat(users, f"/{login}")], sid="SignIn")
        )

    def _managed_password(self) -> dict[str, Any]:
        return {
            "master_username": MASTER_USER,
            "manage_master_user_password": True,
            "master_user_secret_kms_key_id": self.secrets_key_arn,
        }

    def _leader(self, key_arn: pulumi.Input[str], part: Leads) -> aws.rds.Cluster:
        """A cluster with a password of ours. The global database takes it in later, under an id of its own."""
        name, environment = self._prefix, self._environment
        own = postgres_password.own_password(
            self, name, environment=environment, key_arn=self.secrets_key_arn, copies=part.copies
        )
        login = {
            "master_username": MASTER_USER,
            # Write-only, and of a version that never changes: what Secrets Manager has rotated stays.
            "master_password_wo": own.value,
            "master_password_wo_version": 1,
        }
        cluster = self._cluster(key_arn, login, part.rpo_seconds, ["globalClusterIdentifier"])
        self._machines(cluster)
        version = postgres_password.keep_password(self, name, own, cluster, MASTER_USER)
        self.master_secret_arn = version.secret_arn
        postgres_password.rotate_own(
            self,
            name,
            environment=environment,
            network=self._network,
            database_group_id=self._group_id,
            port=PORT,
            version=version,
            key_arn=self.secrets_key_arn,
            days=self._section.rotate_password_days,
            ready=self.ready,
        )
        return cluster

    def _watching(self, key_arn: pulumi.Input[str]) -> dict[str, Any]:
        """What the cluster is told of watching: it reaches every machine."""
        name, section = self._prefix, self._section
        watching: dict[str, Any] = {
            "database_insights_mode": section.insights,
            "performance_insights_enabled": True,
            "performance_insights_kms_key_id": key_arn,
            "performance_insights_retention_period": postgres_plan.INSIGHTS_DAYS[section.insights],
        }
        if section.monitoring_seconds:
            service = role(
                self,
                f"{name}-monitoring",
                description="RDS sends measurements of the operating system to CloudWatch Logs",
                trust=documents.service_trust("monitoring.rds.amazonaws.com"),
                region=self._environment.region,
                managed_policies=[MONITORING_POLICY],
            )
            watching |= {"monitoring_interval": section.monitoring_seconds, "monitoring_role_arn": service.arn}
        return watching

    def _parameters(self, rpo_seconds: int | None) -> aws.rds.ClusterParameterGroup:
        return aws.rds.ClusterParameterGroup(
            f"{self._prefix}-parameters",
            family=f"{ENGINE.value}{self._section.engine_version.partition('.')[0]}",
            description="TLS only; slow and audited statements are logged",
            parameters=[
                {
                    "name": parameter.name,
                    "value": parameter.value,
                    "apply_method": "pending-reboot" if parameter.static else "immediate",
                }
                for parameter in postgres_plan.parameters(self._section, rpo_seconds)
            ],
            opts=self.options(aws.rds.ClusterParameterGroup),
        )

    def _cluster(
        self,
        key_arn: pulumi.Input[str],
        login: dict[str, Any],
        rpo_seconds: int | None = None,
        ignore_changes: list[str] | None = None,
    ) -> aws.rds.Cluster:
        """Storage, access, backups: all but the machines."""
        name, section, protected = self._prefix, self._section, self._environment.protects_data
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description="Data subnets",
            subnet_ids=self._network.data_subnet_ids,
            opts=self.options(aws.rds.SubnetGroup),
        )
        return aws.rds.Cluster(
            f"{name}-cluster",
            engine=ENGINE.value,
            engine_version=section.engine_version,
            serverlessv2_scaling_configuration={"min_capacity": section.min_acu, "max_capacity": section.max_acu},
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[self._group_id],
            db_cluster_parameter_group_name=self._parameters(rpo_seconds).name,
            port=PORT,
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
            **self._watch,
            **login,
            opts=self.options(aws.rds.Cluster, ignore_changes=ignore_changes),
        )

    def _machines(self, cluster: aws.rds.Cluster) -> None:
        self.ready = [self._instance(number, cluster) for number in range(1, self._section.readers + 2)]

    def _instance(self, number: int, cluster: aws.rds.Cluster) -> pulumi.Resource:
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
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=False,
            opts=self.options(aws.rds.ClusterInstance),
        )


def _following(part: Follows) -> dict[str, Any]:
    """Logins come with the data."""
    return {
        "global_cluster_identifier": part.global_id,
        "source_region": part.home_region,
        "enable_global_write_forwarding": part.forwards_writes,
    }
