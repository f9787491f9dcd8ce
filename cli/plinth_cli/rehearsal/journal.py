"""An append-only file of encrypted records that survives the death of its writer at any moment.

The first line is plain JSON with the salt of the key; every further line is one Fernet token. A record counts once its
line is complete: a last line that was torn by a `kill -9` is cut off when the file is opened.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from plinth_cli.errors import PlinthError

_PATIENCE_SECONDS = 15.0
_FORMAT = "plinth-journal-1"


class Journal:
    """The records of one file, and the handle to append more.

    Args:
        path: made, with its folder, when it does not exist; readable by its owner alone.
        passphrase: whatever it is, the key is derived from it with scrypt.

    Raises:
        PlinthError: the file was written with another passphrase, is not a journal, or is in use.
    """

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes().count(b"\n") == 0:
            self._write_header()
        self._file: BinaryIO = path.open("r+b")
        self._lock()
        self._fernet = Fernet(self._key(passphrase))

    def _write_header(self) -> None:
        """A new file appears complete or not at all."""
        draft = self._path.with_suffix(".new")
        header = {"format": _FORMAT, "salt": base64.b64encode(secrets.token_bytes(16)).decode()}
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    def _lock(self) -> None:
        """One writer at a time; the one of a run that was just killed is given a moment to end."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise PlinthError(
                        "The rehearsal's cloud of this environment is already running.",
                        where=str(self._path),
                        fix="Wait for the other command to end, or stop the laptop with `plinth down local`.",
                    ) from None
                time.sleep(0.05)

    def _key(self, passphrase: str) -> bytes:
        try:
            header = json.loads(self._file.readline())
            salt = base64.b64decode(header["salt"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._unreadable("is not a journal of the rehearsal's cloud") from error
        if header.get("format") != _FORMAT:
            raise self._unreadable("was written by another version")
        derived = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(passphrase.encode())
        return base64.urlsafe_b64encode(derived)

    def _unreadable(self, why: str) -> PlinthError:
        return PlinthError(
            f"The rehearsal's cloud cannot be restored: the journal {why}.",
            where=str(self._path),
            fix="Restore the passphrase file that belongs to it, or delete the environment's folder to start afresh.",
        )

    def replay(self) -> Iterator[bytes]:
        """Every record in the order of writing; to be exhausted before the first `append`."""
        while True:
            start = self._file.tell()
            line = self._file.readline()
            if not line:
                return
            try:
                record = self._fernet.decrypt(line.rstrip(b"\n")) if line.endswith(b"\n") else None
            except InvalidToken as error:
                if self._file.read(1):
                    raise self._unreadable("was written with another passphrase, or is damaged") from error
                if start == self._first_record():
                    raise self._unreadable("was written with another passphrase") from error
                record = None
            if record is None:
                self._file.seek(start)
                self._file.truncate()
                return
            yield record

    def _first_record(self) -> int:
        position = self._file.tell()
        self._file.seek(0)
        self._file.readline()
        first = self._file.tell()
        self._file.seek(position)
        return first

    def append(self, record: bytes) -> None:
        """Writes a record; when this returns, it is on the disk."""
        self._file.write(self._fernet.encrypt(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
