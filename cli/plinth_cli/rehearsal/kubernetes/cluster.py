"""The stand-in cluster: what exists is what is rendered in the environment's folder."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plinth_cli.rehearsal.kubernetes import crds, manifests
from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.package import Refusal

BUILT_IN_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})

_NAMESPACE = Kind("v1", "Namespace")
_DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")


class Cluster:
    """Creates, changes and deletes rendered objects by the rules of an API server. Safe to share between threads."""

    def __init__(self, env_dir: Path) -> None:
        self._env_dir = env_dir
        self._lock = threading.Lock()
        self._releases: dict[Path, tuple[int, Mapping[str, Any]]] = {}

    def create(
        self, kind: Kind, namespace: str | None, name: str, body: Mapping[str, Any], urn: str, *, may_exist: bool
    ) -> None:
        """Renders a new object; with `may_exist`, takes over one of the same name.

        Raises:
            Refusal: its kind or namespace does not exist, or it exists already.
        """
        with self._lock:
            self._require_kind(kind)
            self._require_namespace(namespace)
            path = manifests.object_path(self._env_dir, kind, namespace, name, urn)
            if not may_exist:
                self._require_absent(path, f"{kind.name} {name}", namespace, urn)
            manifests.write(path, body, urn)

    def update(self, kind: Kind, namespace: str | None, name: str, body: Mapping[str, Any], urn: str) -> None:
        """Renders an object anew."""
        with self._lock:
            manifests.write(manifests.object_path(self._env_dir, kind, namespace, name, urn), body, urn)

    def exists(self, kind: Kind, namespace: str | None, name: str, urn: str) -> bool:
        """Whether the object is there; the namespaces that every cluster has always are."""
        if kind == _NAMESPACE and name in BUILT_IN_NAMESPACES:
            return True
        return manifests.object_path(self._env_dir, kind, namespace, name, urn).is_file()

    def find(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The rendered object, its secrets left out; None when there is none."""
        path = manifests.object_path(self._env_dir, kind, namespace, name)
        if path.is_file():
            return manifests.read(path)
        if kind == _NAMESPACE and name in BUILT_IN_NAMESPACES:
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        return None

    def delete(self, kind: Kind, namespace: str | None, name: str, urn: str) -> None:
        """Removes an object; a namespace takes everything in it along."""
        with self._lock:
            manifests.remove(manifests.object_path(self._env_dir, kind, namespace, name, urn))
            if kind == _NAMESPACE:
                for inside in (self._env_dir / manifests.FOLDER / name).glob("*.yaml"):
                    manifests.remove(inside)

    def install(self, namespace: str, name: str, body: Mapping[str, Any], urn: str, *, may_exist: bool) -> None:
        """Renders a new Helm release.

        Raises:
            Refusal: its namespace does not exist and it does not create it, or the name is in use.
        """
        with self._lock:
            if body.get("createNamespace") is not True:
                self._require_namespace(namespace)
            path = manifests.release_path(self._env_dir, namespace, name)
            if not may_exist and (owner := manifests.owner(path)) is not None:
                raise Refusal(
                    f"cannot re-use a name that is still in use: release {namespace}/{name} of {owner}", "name"
                )
            manifests.write(path, body, urn)

    def upgrade(self, namespace: str, name: str, body: Mapping[str, Any], urn: str) -> None:
        """Renders a Helm release anew."""
        with self._lock:
            manifests.write(manifests.release_path(self._env_dir, namespace, name), body, urn)

    def has_release(self, namespace: str, name: str) -> bool:
        """Whether a release of that name is installed."""
        return manifests.release_path(self._env_dir, namespace, name).is_file()

    def uninstall(self, namespace: str, name: str) -> None:
        """Removes a Helm release."""
        with self._lock:
            manifests.remove(manifests.release_path(self._env_dir, namespace, name))

    # --- what must hold --------------------------------------------------------------------------------------------

    def _require_absent(self, path: Path, what: str, namespace: str | None, urn: str) -> None:
        owner = manifests.owner(path)
        if owner is None:
            return
        where = f" in namespace {namespace}" if namespace else ""
        again = "this resource made it before" if owner == urn else f"it belongs to {owner}"
        raise Refusal(
            f"AlreadyExists: {what}{where} exists already ({again}). Give one of them another name, or leave the name "
            "out to have one made up",
            "metadata.name",
        )

    def _require_namespace(self, namespace: str | None) -> None:
        if namespace is None or namespace in BUILT_IN_NAMESPACES:
            return
        if manifests.object_path(self._env_dir, _NAMESPACE, None, namespace).is_file():
            return
        if not self._any_release(lambda home, body: home == namespace and body.get("createNamespace") is True):
            raise Refusal(
                f'namespaces "{namespace}" not found. Create the Namespace first, and let this resource depend on it '
                "(depends_on, or take its name from the Namespace's outputs)",
                "metadata.namespace",
            )

    def _require_kind(self, kind: Kind) -> None:
        definition = crds.find(kind.api_version, kind.name)
        if definition is None or kind.group in crds.BY_EKS:
            return

        def brings(_: str, body: Mapping[str, Any]) -> bool:
            values = body.get("values")
            chart = str(body["chart"]).rstrip("/").rpartition("/")[2]
            if chart == definition.file:
                return definition.complete
            return crds.brings(chart, kind.group, body.get("skipCrds") is True, values if values else {})

        if manifests.object_path(self._env_dir, _DEFINITION, None, definition.name).is_file():
            return
        if not self._any_release(brings):
            ways = [f"the definitions of {definition.project} (CrdBundle)"] if definition.complete else []
            ways += [f"the chart {chart}" for chart in crds.charts_for(kind.group)]
            raise Refusal(
                f'no matches for kind "{kind.name}" in version "{kind.api_version}": nothing in this environment '
                f"installs it. Install {' or '.join(ways)} first, and let this resource depend on it"
            )

    def _any_release(self, holds: Callable[[str, Mapping[str, Any]], bool]) -> bool:
        return any(holds(path.parent.name, self._release(path)) for path in self._release_files())

    def _release_files(self) -> list[Path]:
        return sorted((self._env_dir / manifests.FOLDER).glob("*/helm-*.yaml"))

    def _release(self, path: Path) -> Mapping[str, Any]:
        """The body of a release, read once per change."""
        changed = path.stat().st_mtime_ns
        known = self._releases.get(path)
        if known is None or known[0] != changed:
            known = self._releases[path] = (changed, manifests.read(path))
        return known[1]
