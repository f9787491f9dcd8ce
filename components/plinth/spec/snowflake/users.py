"""Service users, from where they may sign in, and what holds for people."""

from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field

from plinth.spec.base import Cidr, Model, Name, matches
from plinth.spec.snowflake.names import SnowflakeName


def _narrow(value: str) -> str:
    if IPv4Network(value, strict=False).prefixlen < 8:
        raise ValueError("must be /8 or narrower: a network policy that admits everybody is none")
    return value


SourceCidr = Annotated[Cidr, AfterValidator(_narrow)]


class SnowflakeUser(Model):
    """A service user that signs in with a key pair, and only so. Its keys are made and replaced in the cluster."""

    name: SnowflakeName
    """Name of the user."""

    role: SnowflakeName
    """The functional role that it has; it has no other."""

    warehouse: SnowflakeName | None = None
    """Warehouse of its sessions; one that the role may use. Empty: the role's first."""

    tenant: Name | None = None
    """Tenant whose workloads it is for: the key goes into the tenant's folder of Secrets Manager and into its
    namespace, with the connection's settings. Empty: the platform's own."""

    rotate_days: Annotated[int, Field(ge=1, le=365)] = 90
    """Days after which its key is replaced."""


class SnowflakePrivateLink(Model):
    """AWS PrivateLink: Snowflake is reached through an endpoint of the VPC, never over the internet."""

    service_name: Annotated[
        str,
        matches(
            r"^com\.amazonaws\.vpce\.[a-z0-9-]+\.vpce-svc-[0-9a-f]+$",
            "an endpoint service, for example com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718",
        ),
    ]
    """`privatelink-vpce-id` of SYSTEM$GET_PRIVATELINK_CONFIG()."""

    account_host: Annotated[
        str,
        matches(
            r"^[a-z0-9-]+\.([a-z0-9-]+\.)*privatelink\.snowflakecomputing\.com$",
            "a host name that ends in .privatelink.snowflakecomputing.com",
        ),
    ]
    """`regionless-privatelink-account-url` of SYSTEM$GET_PRIVATELINK_CONFIG()."""

    ocsp_host: Annotated[
        str,
        matches(
            r"^ocsp\.[a-z0-9-]+\.([a-z0-9-]+\.)*privatelink\.snowflakecomputing\.com$",
            "a host name that starts with ocsp. and ends in .privatelink.snowflakecomputing.com",
        ),
    ]
    """`regionless-privatelink-ocsp-url` of SYSTEM$GET_PRIVATELINK_CONFIG()."""


class SnowflakeNetwork(Model):
    """From where service users may sign in: the environment's own network, and what is named here."""

    more_cidrs: list[SourceCidr] = []
    """Public ranges besides the addresses of the VPC's NAT gateways, for example those of a build system. Needed where
    the VPC was there already: what addresses it goes out with is not known."""

    private_link: SnowflakePrivateLink | None = None
    """Reach Snowflake through PrivateLink, and admit the endpoint instead of the NAT gateways' addresses. It needs
    Snowflake's Business Critical edition. Empty: over the internet, with TLS."""


class SnowflakePeople(Model):
    """What holds for everybody who signs in as a person, in the whole account."""

    idle_minutes: Annotated[int, Field(ge=5, le=240)] = 60
    """Minutes without activity after which a session ends."""

    idle_ui_minutes: Annotated[int, Field(ge=5, le=240)] = 30
    """Minutes without activity after which Snowsight asks to sign in again."""

    password_length: Annotated[int, Field(ge=12, le=256)] = 16
    """Least length of a password, where people do not come through single sign-on."""

    password_retries: Annotated[int, Field(ge=1, le=10)] = 5
    """Wrong passwords after which an account is locked."""

    lockout_minutes: Annotated[int, Field(ge=1, le=999)] = 30
    """Minutes that it is locked."""
