"""Certificates that a backend's must lead to, from a file that may change."""

import ssl

from plinth_runtime.errors import StartupError
from plinth_runtime.files import Watched
from plinth_runtime.logs import Log


class Trusted:
    """A TLS context that trusts the certificates of one file, and no others."""

    def __init__(self, backend: str, path: str) -> None:
        """Read the file.

        Raises:
            StartupError: It cannot be read, or holds no certificate.
        """
        self._backend = backend
        self._file = Watched(path, f"the certificates of backend '{backend}'")
        self.context = self._load()

    def refresh(self, log: Log) -> None:
        """Read the file again if it has changed; an unusable one is not taken."""
        if self._file.changed():
            try:
                self.context = self._load()
                log.info("certificates_loaded", backend=self._backend)
            except StartupError as error:
                log.warning("certificates_refused", backend=self._backend, reason=str(error))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cadata=self._file.read().decode("ascii", "replace"))
        except (ssl.SSLError, ValueError):
            raise StartupError(f"{self._file.path}: {self._file.what} must be in PEM format") from None
        return context
