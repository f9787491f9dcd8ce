"""What to do about a user's keys. Pure.

Snowflake accepts two public keys of a user. The one that everybody uses is known by the secret; the other slot is for
the next one, and is emptied when nobody can be using the key before any more. Any step may be the last one before a
crash: a public key whose private half was never stored is simply written over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Slot = Literal["RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"]
"""Properties of a user that hold public keys."""

SLOTS: tuple[Slot, Slot] = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")


@dataclass(frozen=True, slots=True)
class Stored:
    """The key that the secret holds."""

    fingerprint: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Replace:
    """Put a new key into the slot, then into the secret."""

    slot: Slot
    reason: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Empty the slot."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to do."""


Step = Replace | Retire | Keep


def step(
    stored: Stored | None, slots: dict[Slot, str | None], now: datetime, *, rotate: timedelta, overlap: timedelta
) -> Step:
    """The next step for one user.

    Args:
        stored: what the secret holds; None when it has no key yet.
        slots: fingerprint of the public key in each slot, as Snowflake gives it.
        now: the time, with its zone.
        rotate: age at which a key is replaced.
        overlap: how long the key before goes on working.
    """
    current = next((slot for slot in SLOTS if stored and slots.get(slot) == stored.fingerprint), None)
    if stored is None or current is None:
        # Nothing that works can be lost: nobody has the private half of what is in a slot, or it is not the secret's.
        free = next((slot for slot in SLOTS if not slots.get(slot)), SLOTS[0])
        return Replace(free, "there is none yet" if stored is None else "Snowflake does not know the one in the secret")
    other = SLOTS[1 - SLOTS.index(current)]
    age = now - stored.made_at
    if age >= rotate:
        return Replace(other, f"it is {age.days} days old")
    if slots.get(other) and age >= overlap:
        return Retire(other)
    return Keep()
