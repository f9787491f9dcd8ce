"""`plinth-runtime warehouse-keys --config PATH`: makes and replaces the keys of Snowflake's service users.

It runs as a Kubernetes Job once and then every day, and may be run again at any time. Private keys are made here and
go to Secrets Manager and nowhere else: no program's state, log or command line ever holds one.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.startup import parse
from plinth_runtime.warehouse_keys import pair
from plinth_runtime.warehouse_keys.account import Account, connect
from plinth_runtime.warehouse_keys.config import KeyRotation, RotatedUser
from plinth_runtime.warehouse_keys.plan import Keep, Replace, Retire, Stored, step
from plinth_runtime.warehouse_keys.vault import Vault

Clock = Callable[[], datetime]


def run(config_path: str) -> int:
    """Bring every user's keys up to date; return the exit status.

    Raises:
        StartupError: the configuration cannot be read, or Snowflake does not let the pod in.
    """
    file = resolve(config_path)
    config = parse(KeyRotation, read(file, "the configuration"), file)
    with closing(connect(config)) as connection:
        account = Account(connection.cursor(), config.connect_seconds)
        return rotate(config, account, Vault.of_pod(), lambda: datetime.now(UTC))


def rotate(config: KeyRotation, account: Account, vault: Vault, clock: Clock) -> int:
    """One step for each user; a user that fails does not hold up the others."""
    failed = 0
    for user in config.users:
        try:
            _one(config, user, account, vault, clock)
        except StartupError as error:
            failed += 1
            _say(f"{user.user}: {error}")
        except Exception as error:  # noqa: BLE001 - the connector raises many kinds; each user gets its turn
            failed += 1
            _say(f"{user.user}: Snowflake refused: {_reason(error)}")
    return 1 if failed else 0


def _one(config: KeyRotation, user: RotatedUser, account: Account, vault: Vault, clock: Clock) -> None:
    stored, now = vault.stored(user.stored_as), clock()
    todo = step(
        stored,
        account.slots(user.user),
        now,
        rotate=timedelta(days=user.rotate_days),
        overlap=timedelta(hours=config.overlap_hours),
    )
    match todo:
        case Replace(slot, reason):
            made = pair.make()
            account.put(user.user, slot, made.public_text)
            _agreed(account, user.user, slot, made)
            vault.put(user.stored_as, pair.to_secret(made, user.user, now))
            _say(f"{user.user}: a new key, {made.fingerprint}, because {reason}")
        case Retire(slot):
            account.empty(user.user, slot)
            _say(f"{user.user}: the key before is gone")
        case Keep():
            _say(f"{user.user}: unchanged, {_age(stored, now)} days old")


def _agreed(account: Account, user: str, slot: Any, made: pair.Pair) -> None:
    found = account.slots(user)[slot]
    if found != made.fingerprint:
        raise StartupError(f"Snowflake says {found} of the key that was put into {slot}, which is {made.fingerprint}")


def _age(stored: Stored | None, now: datetime) -> int:
    return (now - stored.made_at).days if stored else 0


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", None) or error or type(error).__name__)


def _say(text: str) -> None:
    print(f"warehouse-keys: {text}", flush=True)  # noqa: T201 - the Job's log
