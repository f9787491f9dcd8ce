"""Aurora PostgreSQL."""

import pulumi

from plinth.base import Component
from plinth.network.vpc import Network
from plinth.spec.data import Postgres as PostgresSection
from plinth.spec.environment import Environment


class Postgres(Component):
    """An Aurora PostgreSQL Serverless v2 cluster: private, encrypted, TLS only, IAM authentication."""

    endpoint: pulumi.Output[str]
    """Host name of the writer."""

    reader_endpoint: pulumi.Output[str]
    """Host name of the readers."""

    port: pulumi.Output[int]
    """TCP port."""

    master_secret_arn: pulumi.Output[str]
    """Secrets Manager secret of the master user (JSON with username and password), made and rotated by RDS."""

    cluster_resource_id: pulumi.Output[str]
    """Resource id, as `rds-db:connect` policies name it."""

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
