"""Keys, object storage, the network, and what watches the account: what everything stands on."""

from dataclasses import dataclass

from plinth.gateway import hosted
from plinth.network.vpc import Network
from plinth.providers import Providers
from plinth.security.baseline import SecurityBaseline
from plinth.security.keys import Keys
from plinth.spec import PlatformSpec
from plinth.storage.object_store import ObjectStore


@dataclass(frozen=True)
class Stores:
    """Keys and what they encrypt first: a second region has them before anything runs there."""

    keys: Keys
    storage: ObjectStore


def stores(spec: PlatformSpec, given: Providers) -> Stores:
    """Keys and object storage."""
    environment = spec.environment
    keys = Keys("keys", environment=environment, opts=given.options())
    storage = ObjectStore(
        "storage", spec.storage, environment=environment, key_arn=keys.arn["data"], opts=given.options()
    )
    return Stores(keys, storage)


@dataclass(frozen=True)
class Foundation:
    """What everything stands on."""

    keys: Keys
    network: Network
    storage: ObjectStore
    security: SecurityBaseline


def foundation(spec: PlatformSpec, given: Providers, below: Stores) -> Foundation:
    """The network, and what watches the account, on top of keys and object storage."""
    environment, keys, storage = spec.environment, below.keys, below.storage
    network = Network(
        "network",
        hosted.with_endpoints(spec),
        environment=environment,
        log_key_arn=keys.arn["logs"],
        opts=given.options(),
    )
    security = SecurityBaseline(
        "security",
        spec.security,
        environment=environment,
        oncall_email=spec.monitoring.oncall_email,
        bucket_arns=storage.arns,
        opts=given.options(),
    )
    return Foundation(keys, network, storage, security)
