"""What Snowflake's components stand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from plinth.network.vpc import Network


@dataclass(frozen=True)
class SnowflakePlatform:
    """The parts of the platform that touch Snowflake."""

    network: Network
    cluster_name: pulumi.Input[str]
    namespace: pulumi.Input[str]
    """Namespace of the platform's own pods."""
    runtime_image: str
    """plinth-runtime, by digest."""
    secrets_key_arn: pulumi.Input[str]
    data_key_arn: pulumi.Input[str]
    bucket_names: Mapping[str, pulumi.Output[str]]
    """Physical name of each bucket by its name in the spec."""
    bucket_arns: Mapping[str, pulumi.Output[str]]
    tenants: Sequence[str] = ()
    """Names of the product teams."""
    oncall_email: str = ""
    """Who hears of what goes wrong."""
