"""Backups of an environment: of every one that protects its data, with copies where it has a second region."""

from plinth.layers import Stores
from plinth.observability.store_alarms import backup_alarms
from plinth.observability.store_watch import StoreWatch
from plinth.providers import Providers
from plinth.recovery.backups import DAILY, Backups, BackupVault, backed_up
from plinth.recovery.plan import Mechanism
from plinth.region import Platform
from plinth.spec.environment import Environment
from plinth.spec.platform import PlatformSpec
from plinth.storage import classes


def vault(spec: PlatformSpec, environment: Environment, stores: Stores, given: Providers) -> BackupVault:
    """The vault of a region.

    Args:
        spec: the environment, as it was written.
        environment: the environment, as the region sees it.
        stores: the region's keys.
        given: the region's providers.
    """
    return BackupVault(
        "backup-vault",
        spec.backups,
        environment=environment,
        key_arn=stores.keys.arn["data"],
        opts=given.options(),
    )


def protect(
    spec: PlatformSpec,
    given: Providers,
    home: Platform,
    mechanism: Mechanism | None = None,
    copy_vault: BackupVault | None = None,
) -> None:
    """Back up what the environment holds, if its stage protects data or another region waits for copies.

    Args:
        spec: the environment.
        given: its providers.
        home: what was built.
        mechanism: how recovery objectives are reached; None without a second region.
        copy_vault: the vault there.
    """
    environment, foundation = spec.environment, home.foundation
    if not environment.protects_data and mechanism is None:
        return
    own = vault(spec, environment, Stores(foundation.keys, foundation.storage), given)
    Backups(
        "backups",
        spec.backups,
        environment=environment,
        vault=own,
        backed=backed_up(
            home.data.postgres.cluster_arn,
            home.data.graph.cluster_arn if home.data.graph else None,
            foundation.storage.arns,
            classes.backed_up(spec.storage, mechanism is not None),
        ),
        schedule=mechanism.schedule if mechanism else DAILY,
        copy_vault=copy_vault,
        opts=given.options(),
    )
    StoreWatch(
        "backup-watch",
        backup_alarms(),
        environment=environment,
        topic_arn=home.monitoring.topic_arn,
        dimensions={"vault": {"BackupVaultName": own.vault_name}, "restores": {"ResourceType": "Aurora"}},
        opts=given.options(),
    )
