"""Rendered objects: one YAML file each, `<env>/manifests/<namespace|_cluster>/<Kind>-<name>.yaml`.

A person reads them, the laptop runs them, and they are the rehearsal's record of what is in the cluster. No secret is
ever written: what Pulumi marks secret, and every value of a `kind: Secret`, is `[secret]`. A Helm release is
`<namespace>/helm-<name>.yaml`: chart, version, repository and values.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import yaml

from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.kubernetes.plain import REDACTED, redacted

FOLDER = "manifests"
CLUSTER_SCOPED = "_cluster"
_RELEASE = "helm-"
_OWNER = "# rendered for "

_FIRST = {
    name: position
    for position, name in enumerate(
        ("apiVersion", "kind", "metadata", "name", "namespace", "chart", "version", "repository", "type", "immutable")
    )
}


@dataclass(frozen=True)
class Manifest:
    """One rendered object."""

    path: Path
    api_version: str
    kind: str
    namespace: str | None
    """None for an object outside of namespaces."""
    name: str
    body: Mapping[str, Any]
    """The object; its secrets are `[secret]`."""
    patch: bool = False
    """Only some fields of an object that something else makes (a Pulumi `...Patch` resource)."""


@dataclass(frozen=True)
class Release:
    """One rendered Helm release."""

    path: Path
    namespace: str
    name: str
    body: Mapping[str, Any]
    """chart, version, repository, values and the other inputs; secrets are `[secret]`."""


def load(env_dir: Path, *, patches: bool = False) -> list[Manifest]:
    """Returns the rendered objects of an environment, sorted by path.

    Args:
        env_dir: the environment's folder, `.plinth/<env>`.
        patches: also return patches, which are not whole objects.
    """
    found = [_manifest(path) for path in _files(env_dir) if not path.name.startswith(_RELEASE)]
    return [manifest for manifest in found if patches or not manifest.patch]


def load_releases(env_dir: Path) -> list[Release]:
    """Returns the rendered Helm releases of an environment, sorted by path."""
    return [_release(path) for path in _files(env_dir) if path.name.startswith(_RELEASE)]


def object_path(env_dir: Path, kind: Kind, namespace: str | None, name: str, urn: str = "") -> Path:
    """Where an object is rendered. Several patches may aim at one object, so a patch is told apart by its URN."""
    label = f"{kind.name}Patch" if kind.patch else kind.name
    tail = f"-{sha256(urn.encode()).hexdigest()[:8]}" if kind.patch else ""
    return env_dir / FOLDER / (namespace or CLUSTER_SCOPED) / f"{label}-{_short(name)}{tail}.yaml"


def release_path(env_dir: Path, namespace: str, name: str) -> Path:
    """Where a Helm release is rendered."""
    return env_dir / FOLDER / namespace / f"{_RELEASE}{_short(name)}.yaml"


def write(path: Path, body: Mapping[str, Any], urn: str) -> None:
    """Writes the object, secrets left out; a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = f"{_OWNER}{urn}\n{dump(without_secrets(body))}"
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove(path: Path) -> None:
    """Removes a rendered object, and its folder when that is empty; that it is gone already is no error."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def owner(path: Path) -> str | None:
    """URN of the Pulumi resource that a file was rendered for; None when there is no such file."""
    try:
        with path.open() as file:
            return file.readline().removeprefix(_OWNER).strip()
    except FileNotFoundError:
        return None


def without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """The object as it may be shown: every secret value replaced, all values of a `kind: Secret` included."""
    shown: dict[str, Any] = redacted(body)
    if body.get("kind") == "Secret" and body.get("apiVersion") == "v1":
        for field in ("data", "stringData"):
            if isinstance(shown.get(field), Mapping):
                shown[field] = dict.fromkeys(shown[field], REDACTED)
    return shown


def dump(body: Mapping[str, Any]) -> str:
    """YAML in a stable order: identity first, then the other keys by the alphabet."""
    return yaml.dump(_ordered(body), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def read(path: Path) -> dict[str, Any]:
    """The body of a rendered file."""
    return cast("dict[str, Any]", yaml.load(path.read_text(), _Loader))  # noqa: S506 -- a safe loader, in C if built


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: _ordered(item) for key, item in sorted(items, key=lambda item: _rank(item[0]))}
    return [_ordered(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _rank(key: str) -> tuple[int, str]:
    return _FIRST.get(key, len(_FIRST)), key


def _short(name: str) -> str:
    """A name that fits a file name together with its kind."""
    return name if len(name) <= 150 else f"{name[:140]}-{sha256(name.encode()).hexdigest()[:8]}"


def _files(env_dir: Path) -> Iterator[Path]:
    return iter(sorted((env_dir / FOLDER).glob("*/*.yaml")))


def _manifest(path: Path) -> Manifest:
    body = read(path)
    namespace = None if path.parent.name == CLUSTER_SCOPED else path.parent.name
    patch = path.name.startswith(f"{body['kind']}Patch-")
    return Manifest(path, body["apiVersion"], body["kind"], namespace, body["metadata"]["name"], body, patch)


def _release(path: Path) -> Release:
    body = read(path)
    return Release(path, path.parent.name, body["name"], body)


_yaml: Any = yaml
_Loader: Any = getattr(_yaml, "CSafeLoader", yaml.SafeLoader)
_Base: Any = getattr(_yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):
    """Writes text of several lines as a block, so that a mounted file can be read in the manifest."""

    def ignore_aliases(self, data: Any) -> bool:
        """A value that occurs twice is written twice."""
        return True


def _text(dumper: Any, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
