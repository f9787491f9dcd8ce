"""Keys and tokens from files, sent as they are."""

from collections.abc import Mapping

from plinth_runtime.errors import StartupError
from plinth_runtime.files import Watched
from plinth_runtime.gateway.auth.base import Fetch, Request
from plinth_runtime.logs import Log


class KeyInHeader:
    """A key that is sent in a header, from a file that may change."""

    def __init__(
        self,
        backend: str,
        path: str,
        *,
        header: str = "Authorization",
        prefix: str = "Bearer ",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Read the file. `more` are headers that go with the key.

        Raises:
            StartupError: It cannot be read, or holds no usable key.
        """
        self._file = Watched(path, f"the API key of backend '{backend}'")
        self._backend, self._header, self._prefix, self._more = backend, header, prefix, dict(more or {})
        self._key = ""
        self._load()

    def fixed(self) -> dict[str, str]:
        """Return the headers to add."""
        return {self._header: self._prefix + self._key, **self._more}

    async def headers(self, request: Request, fetch: Fetch) -> dict[str, str]:
        """Return the headers to add."""
        return self.fixed()

    def refresh(self, log: Log) -> None:
        """Read the file again if it has changed; an unusable one is not taken."""
        if self._file.changed():
            try:
                self._load()
                log.info("credential_loaded", backend=self._backend)
            except StartupError as error:
                log.warning("credential_refused", backend=self._backend, reason=str(error))

    def secrets(self) -> list[str]:
        """Return the key."""
        return [self._key]

    def _load(self) -> None:
        text = self._file.read().decode("ascii", "replace").strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise StartupError(
                f"{self._file.path}: {self._file.what} must be one line of printable ASCII, without spaces"
            )
        self._key = text
