"""API keys: who is calling. Only hashes are known here."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from plinth_runtime.config import ApiKey, KeysFile
from plinth_runtime.errors import StartupError, missing_key, wrong_key
from plinth_runtime.files import Watched
from plinth_runtime.logs import Log
from plinth_runtime.startup import parse

_PREFIX_BYTES = 8
_NOBODY = b"\0" * 32


class KeyRing:
    """The keys of the keys file. A file that changes is read again; one that has become invalid is not taken."""

    def __init__(self, path: str, tenants: Iterable[str], log: Log) -> None:
        """Read the file.

        Raises:
            StartupError: It cannot be read or is not valid.
        """
        self._file = Watched(path, "the API keys")
        self._tenants = frozenset(tenants)
        self._log = log
        self._keys: dict[bytes, tuple[bytes, ApiKey]] = {}
        self._load()

    def authenticate(self, headers: Mapping[bytes, bytes]) -> ApiKey:
        """Return the key of a request.

        The hash is found by its first bytes and compared as a whole in constant time, so that the time taken
        tells nothing about how much of a guess was right.

        Raises:
            ApiError: There is none (401), or it is not known (401).
        """
        scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
        secret = secret.strip()
        if scheme.lower() != b"bearer" or not secret:
            raise missing_key()
        digest = hashlib.sha256(secret).digest()
        known, key = self._keys.get(digest[:_PREFIX_BYTES], (_NOBODY, None))
        if not hmac.compare_digest(known, digest) or key is None:
            raise wrong_key()
        return key

    def serve(self, tenants: Iterable[str]) -> None:
        """Take the keys of other tenants."""
        fresh = frozenset(tenants)
        if fresh != self._tenants:
            before, self._tenants = self._tenants, fresh
            try:
                self._load()
            except StartupError as error:
                self._log.warning("keys_refused", reason=str(error), kept=len(self._keys))
                gone = before - fresh
                self._keys = {start: known for start, known in self._keys.items() if known[1].tenant not in gone}

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        if not self._file.changed():
            return
        try:
            self._load()
        except StartupError as error:
            self._log.warning("keys_refused", reason=str(error), kept=len(self._keys))
        else:
            self._log.info("keys_loaded", keys=len(self._keys))

    def _load(self) -> None:
        listed = parse(KeysFile, self._file.read(), self._file.path).keys
        strangers = sorted({key.tenant for key in listed} - self._tenants)
        if strangers:
            self._log.warning("keys_of_unknown_tenants", tenants=strangers)
        keys = [key for key in listed if key.tenant in self._tenants]
        self._keys = {(digest := bytes.fromhex(key.sha256))[:_PREFIX_BYTES]: (digest, key) for key in keys}
