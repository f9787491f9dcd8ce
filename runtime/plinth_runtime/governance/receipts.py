"""Receipts: what was deleted, signed, each with the digest of the one before.

A receipt is a file `receipts/00000001.json`. Its name is its number, and no file is ever replaced: of two writers that
want the same number one is refused and takes the next, so the chain has no branches. Somebody who could delete the
newest receipts would not be noticed by the chain; in the cloud S3 Object Lock keeps them.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.governance.blobs import blobs
from plinth_runtime.governance.config import Receipts
from plinth_runtime.governance.signing import Signer, canonical, digest, fingerprint, signer, verified

FOLDER = "receipts/"
FIRST = "0" * 64
"""What the first receipt says the one before was."""

TRIES = 20
"""Numbers that are tried before somebody else writes too many receipts to be true."""


@dataclass(frozen=True, slots=True)
class Written:
    """A receipt that exists."""

    number: int
    place: str
    """Where it is, for people."""


class Ledger:
    """The chain of receipts."""

    def __init__(self, config: Receipts) -> None:
        self._files = blobs(config.place)
        self.signer: Signer = signer(config.signer)

    def append(self, content: Mapping[str, Any]) -> Written:
        """Sign `content` and add it to the chain.

        Raises:
            StartupError: it cannot be signed or written; there is no receipt then.
        """
        for _ in range(TRIES):
            number, previous = self._head()
            receipt = {**content, "number": number + 1, "previous": previous}
            name = f"{FOLDER}{number + 1:08d}.json"
            if self._files.create(name, _sealed(receipt, self.signer)):
                return Written(number + 1, f"{self._files.place}/{name}")
        raise StartupError(f"no receipt could be added to {self._files.place}: others always came first")

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Name and contents of every receipt, in order."""
        for name in self._files.names(FOLDER):
            yield name, self._files.read(name) or b""

    def _head(self) -> tuple[int, str]:
        """Number and digest of the newest receipt."""
        last = None
        for name in self._files.names(FOLDER):
            last = name
        if last is None:
            return 0, FIRST
        return int(last.removeprefix(FOLDER).partition(".")[0]), digest(self._files.read(last) or b"")


def _sealed(receipt: Mapping[str, Any], by: Signer) -> bytes:
    signature = base64.b64encode(by.sign(fingerprint(receipt))).decode()
    return canonical({"receipt": receipt, "signature": {"algorithm": by.algorithm, "value": signature}})


def mistakes(entries: Iterator[tuple[str, bytes]], public_key: bytes) -> Iterator[str]:
    """What is wrong with a chain: a forged, changed, missing or reordered receipt. Empty: nothing."""
    number, previous = 0, FIRST
    for name, data in entries:
        number += 1
        try:
            document = json.loads(data)
            receipt, signature = document["receipt"], document["signature"]
            sound = verified(signature["algorithm"], public_key, fingerprint(receipt), signature["value"])
        except (ValueError, KeyError, TypeError):
            yield f"{name}: is no receipt"
            previous = digest(data)
            continue
        if data != canonical(document):
            yield f"{name}: is not written canonically"
        if not sound:
            yield f"{name}: the signature is not of this key, or the receipt was changed"
        if name != f"{FOLDER}{number:08d}.json" or receipt.get("number") != number:
            yield f"{name}: is number {receipt.get('number')}, and number {number} comes here: one is missing or moved"
            number = int(receipt.get("number") or number)
        if receipt.get("previous") != previous:
            yield f"{name}: the receipt before it is not the one that it was made after"
        previous = digest(data)
