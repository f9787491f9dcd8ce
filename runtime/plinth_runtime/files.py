"""Files that the runtime reads: where they are, and whether they have changed."""

import os
from pathlib import Path

from plinth_runtime.errors import StartupError
from plinth_runtime.names import ROOT_VARIABLE

_Signature = tuple[int, int, int]


def resolve(path: str) -> Path:
    """Return where a path of the configuration is on this machine.

    In a container that is the path itself. On a laptop the environment variable PLINTH_ROOT names the folder
    that stands for the container's `/`.
    """
    root = os.environ.get(ROOT_VARIABLE)
    return Path(root, path.lstrip("/")) if root and path.startswith("/") else Path(path)


def read(file: Path, what: str) -> bytes:
    """Return a file's bytes.

    Raises:
        StartupError: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise StartupError(f"cannot read {what} {file}: {error.strerror or error}") from None


class Watched:
    """A file that may be replaced while we run, as Kubernetes does with mounted secrets (by symbolic link)."""

    def __init__(self, path: str, what: str) -> None:
        self.path = resolve(path)
        self.what = what
        self._seen: _Signature | None = None

    def read(self) -> bytes:
        """Return the contents, and remember this version.

        Raises:
            StartupError: It cannot be read.
        """
        self._seen = self._signature()
        return read(self.path, self.what)

    def changed(self) -> bool:
        """Whether the file differs from what was last read; a file that has gone counts as unchanged."""
        signature = self._signature()
        return signature is not None and signature != self._seen

    def _signature(self) -> _Signature | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size
