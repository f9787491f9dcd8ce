"""Keys, object storage, the network, and what watches the account: what everything stands on."""

from dataclasses import dataclass

from plinth.gateway import hosted
from plinth.network.vpc import Network
from plinth.providers import Providers
from plinth.security.baseline import SecurityBaseline
from plinth.security.keys import Keys
from plinth.spec import PlatformSpec
from plinth.storage import classes
from plinth.storage.object_store import ObjectStore


@dataclass(frozen=True)
class Stores:
    """Keys and what they encrypt first: a second region has them before anything runs there."""

    keys: Keys
    storage: ObjectStore


def stores(spec: PlatformSpec, given: Providers) -> Stores:
    """Keys and object storage."""
    environment = spec.environment
    restricted = classes.needs_restricted_key(spec.storage)
    keys = Keys("keys", environment=environment, restricted=restricted, opts=given.options())
    storage = ObjectStore("storage", spec.storage, environment=environment, key_arns=keys.arn, opts=given.options())
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
    everything, watched = spec.security.audit_trail.object_events, classes.recorded(spec.storage)
    security = SecurityBaseline(
        "security",
        spec.security,
        environment=environment,
        oncall_email=spec.monitoring.oncall_email,
        bucket_arns={name: arn for name, arn in storage.arns.items() if everything or name in watched},
        opts=given.options(),
    )
    return Foundation(keys, network, storage, security)
