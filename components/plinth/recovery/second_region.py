"""The other region of an environment: the same layers once more, in front of which the copies arrive.

Everything there is a child of one component, so that logical names are those of the first region.
"""

from dataclasses import dataclass

from plinth import layers, providers
from plinth.base import Component
from plinth.data.cache import FollowsCache
from plinth.data.postgres import Follows, Leads
from plinth.gateway.entry import Part
from plinth.providers import Providers
from plinth.recovery import plan, protection
from plinth.recovery.backups import BackupVault
from plinth.recovery.global_cache import GlobalCache
from plinth.recovery.global_database import GlobalDatabase
from plinth.recovery.replication import Replication
from plinth.recovery.standby import standby_spec
from plinth.region import Platform, build_region
from plinth.security.secrets import SecretCopies
from plinth.spec.environment import Environment
from plinth.spec.platform import PlatformSpec
from plinth.spec.recovery import Recovery
from plinth.storage import classes


class Region(Component):
    """A region that takes over; the parent of everything in it."""

    def __init__(self, section: Recovery, *, environment: Environment, standby: plan.Standby) -> None:
        props = {"region": section.region, "standby": standby}
        super().__init__("Region", section.region, props, environment=environment, opts=None)
        self.register_outputs(props)


@dataclass(frozen=True)
class SecondRegion:
    """What the other region has before there is anything to copy."""

    spec: PlatformSpec
    """The environment as that region sees it."""
    mechanism: plan.Mechanism
    given: Providers
    stores: layers.Stores
    vault: BackupVault

    @property
    def part(self) -> Part:
        """What the environment's own region is to the gateway's DNS name."""
        parts: dict[plan.Standby, Part] = {
            "rebuild": "only",
            "pilot": "primary",
            "warm": "primary",
            "active": "nearest",
        }
        return parts[self.mechanism.standby]

    @property
    def copies(self) -> SecretCopies:
        """Where secrets are copied to."""
        return SecretCopies(self.spec.environment.region, self.stores.keys.arn["secrets"])

    @property
    def postgres(self) -> Leads | None:
        """What the environment's own PostgreSQL is to the one there."""
        if self.mechanism.databases == "backups":
            return None
        return Leads(self.copies, self.mechanism.rpo_seconds)


def begin(spec: PlatformSpec, given: Providers) -> SecondRegion | None:
    """Keys, buckets and a vault in the other region. None without `recovery`."""
    wanted = spec.recovery
    if wanted is None:
        return None
    there, mechanism = standby_spec(spec), plan.mechanism(spec)
    region = Region(wanted, environment=there.environment, standby=mechanism.standby)
    far = providers.further_region(given, there.environment, region)
    stores = layers.stores(there, far)
    return SecondRegion(there, mechanism, far, stores, protection.vault(spec, there.environment, stores, far))


def finish(spec: PlatformSpec, given: Providers, home: Platform, far: SecondRegion) -> Platform | None:
    """Copies from this region to the other, and the platform there, unless a lost region is rebuilt."""
    wanted = spec.recovery
    assert wanted is not None
    foundation = home.foundation
    Replication(
        "replication",
        environment=spec.environment,
        region=wanted.region,
        source=foundation.storage,
        target=far.stores.storage,
        buckets=classes.replicated(spec.storage),
        on_time=far.mechanism.objects_on_time,
        images=wanted.replicate_images,
        opts=given.options(),
    )
    protection.protect(spec, given, home, far.mechanism, far.vault)
    if far.mechanism.standby == "rebuild":
        return None
    follows = None
    if far.mechanism.databases == "global":
        world = GlobalDatabase(
            "global-database", environment=spec.environment, leader=home.data.postgres, opts=given.options()
        )
        follows = Follows(
            global_id=world.id,
            home_region=spec.environment.region,
            master_secret_arn=home.data.postgres.master_secret_arn,
            within_minutes=wanted.database_rpo,
            forwards_writes=far.mechanism.standby == "active",
        )
    followed = None
    if wanted.cache == "follow":
        shared = GlobalCache("global-cache", environment=spec.environment, leader=home.data.cache, opts=given.options())
        followed = FollowsCache(shared.id)
    part = "nearest" if far.mechanism.standby == "active" else "secondary"
    return build_region(
        far.spec,
        far.given,
        far.stores,
        copied=home.access.gateway.keys_written,
        part=part,
        postgres=follows,
        cache=followed,
    )
