"""What the platform owns in a Snowflake account."""

import pulumi

from plinth.base import Component
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake


class SnowflakeAccount(Component):
    """Databases, warehouses with spending limits, and roles by least privilege."""

    databases: dict[str, pulumi.Output[str]]
    """Databases by name, known once they exist."""

    warehouses: dict[str, pulumi.Output[str]]
    """Warehouses by name, known once they exist."""

    roles: dict[str, pulumi.Output[str]]
    """Account roles by name, known once they exist."""

    def __init__(
        self,
        name: str,
        section: Snowflake,
        *,
        environment: Environment,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SnowflakeAccount", name, section, environment=environment, opts=opts)
