"""A pod's volumes as files: which ones a container sees, and putting them on this machine's disk."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from plinth_cli.errors import PlinthError
from plinth_cli.laptop.spec import MountedFile, ProcessSpec
from plinth_cli.laptop.tree import Json, items

Lookup = Callable[[str, bool], Mapping[str, str] | None]
"""Gives the data of a ConfigMap or Secret by name; the second argument says whether it may be missing."""

_Content = dict[PurePosixPath, tuple[bytes, bool]]


class Volumes:
    """The volumes of one pod."""

    def __init__(self, owner: str, pod: Json, config_map: Lookup, secret: Lookup) -> None:
        self._owner = owner
        self._volumes = {str(volume["name"]): volume for volume in items(pod, "volumes")}
        self._config_map = config_map
        self._secret = secret

    def mounted(self, container: Json) -> tuple[tuple[MountedFile, ...], tuple[PurePosixPath, ...]]:
        """Return the files that a container finds, and the folders that it may write to.

        Raises:
            PlinthError: A volume is of a kind that the laptop does not do, or its source is missing.
        """
        files: list[MountedFile] = []
        folders: list[PurePosixPath] = []
        for mount in items(container, "volumeMounts"):
            at = self._path(str(mount["mountPath"]))
            volume = self._volumes.get(str(mount["name"]))
            if volume is None:
                raise self._error(f"mounts volume {mount['name']}, which its pod does not have")
            if "emptyDir" in volume:
                folders.append(at)
                continue
            content = self._content(volume)
            sub_path = str(mount.get("subPath") or "")
            for path, (data, secret) in content.items():
                if not sub_path:
                    files.append(MountedFile(at / path, data, secret))
                elif str(path) == sub_path:
                    files.append(MountedFile(at, data, secret))
            if not sub_path:
                folders.append(at)
        return tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(set(folders)))

    def _content(self, volume: Json) -> _Content:
        if "configMap" in volume:
            return self._data(volume["configMap"], "name", self._config_map, secret=False)
        if "secret" in volume:
            return self._data(volume["secret"], "secretName", self._secret, secret=True)
        if "projected" in volume:
            content: _Content = {}
            for source in items(volume["projected"], "sources"):
                content |= self._projected(source)
            return content
        kinds = ", ".join(key for key in volume if key != "name")
        raise self._error(f"has volume {volume['name']} of kind {kinds}, which the laptop does not do")

    def _projected(self, source: Json) -> _Content:
        if "configMap" in source:
            return self._data(source["configMap"], "name", self._config_map, secret=False)
        if "secret" in source:
            return self._data(source["secret"], "name", self._secret, secret=True)
        raise self._error(f"projects {', '.join(source)}, which the laptop does not do")

    def _data(self, source: Json, key: str, lookup: Lookup, *, secret: bool) -> _Content:
        data = lookup(str(source[key]), bool(source.get("optional")))
        if data is None:
            return {}
        listed = items(source, "items")
        chosen = {str(item["key"]): str(item["path"]) for item in listed} or {name: name for name in data}
        missing = [name for name in chosen if name not in data]
        if missing and not source.get("optional"):
            raise self._error(f"needs key {missing[0]} of {source[key]}, which has none")
        return {PurePosixPath(path): (data[name].encode(), secret) for name, path in chosen.items() if name in data}

    def _path(self, text: str) -> PurePosixPath:
        path = PurePosixPath(text)
        if not path.is_absolute() or ".." in path.parts:
            raise self._error(f"mounts at {text}, which is not an absolute path")
        return path

    def _error(self, what: str) -> PlinthError:
        return PlinthError(f"Deployment {self._owner} {what}.")


class Mounts:
    """The folder that stands for `/` of one process. Files are readable by this user only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: dict[Path, bytes] = {}

    def reset(self, spec: ProcessSpec) -> None:
        """Make the folder anew."""
        self.remove()
        self.root.mkdir(mode=0o700, parents=True)
        for folder in spec.folders:
            self._place(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.update(spec)

    def update(self, spec: ProcessSpec) -> bool:
        """Bring the files up to date under a running process; True when one differed. Each is replaced as a whole."""
        wanted = {self._place(file.path): file.content for file in spec.files}
        changed = False
        for path in self._written.keys() - wanted.keys():
            path.unlink(missing_ok=True)
            changed = True
        for path, content in wanted.items():
            if self._written.get(path) != content:
                _write(path, content)
                changed = True
        self._written = wanted
        return changed

    def remove(self) -> None:
        """Delete the folder, secrets and all."""
        self._written = {}
        remove_tree(self.root)

    def _place(self, path: PurePosixPath) -> Path:
        return self.root.joinpath(*path.parts[1:])


def remove_tree(folder: Path) -> None:
    """Delete a folder; that it is gone already is no error."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
