"""The Kubernetes API server that conformance tests apply manifests to: built once from its published Go module."""

from pathlib import Path

from plinth_cli import paths
from plinth_cli.console import Console
from plinth_cli.errors import PlinthError
from plinth_cli.toolchain import gobuild
from plinth_cli.toolchain.cache import exclusive, executable_in, staged
from plinth_cli.toolchain.model import AttemptFailed

KUBERNETES_VERSION = "1.36.3"
"""The same as in tools/apiserver/go.mod; its minor version is the platform's (`plinth.versions.KUBERNETES`)."""

_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
_ABOUT = {"gitVersion": f"v{KUBERNETES_VERSION}", "gitMajor": _MAJOR, "gitMinor": _MINOR}

APISERVER = gobuild.Program(
    "apiserver",
    "apiserver",
    ".",
    KUBERNETES_VERSION,
    tuple(f"k8s.io/component-base/version.{name}={value}" for name, value in _ABOUT.items()),
)


def ensure_apiserver(console: Console) -> Path:
    """Return the executable, building it into the cache if it is not there; that takes minutes and Go 1.21 or newer.

    Raises:
        PlinthError: It could not be built.
    """
    target = paths.cache_dir() / "apiserver" / KUBERNETES_VERSION
    with exclusive(target.parent, console, "the Kubernetes API server"):
        found = executable_in(target, APISERVER.name)
        if found:
            return found
        try:
            with (
                console.task(f"Kubernetes API server {KUBERNETES_VERSION}: go build") as task,
                staged(target) as folder,
            ):
                gobuild.build(APISERVER, folder, console, task)
        except AttemptFailed as failure:
            raise PlinthError(
                f"The Kubernetes API server {KUBERNETES_VERSION} could not be built.",
                where=str(failure),
                fix="Install Go 1.21 or newer; behind a proxy set GOPROXY.",
            ) from None
    return target / APISERVER.name
