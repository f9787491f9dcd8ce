"""Which line of an environment's YAML file a resource comes from."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

SECTIONS: Mapping[str, str] = {
    "AutoNodes": "gpu_pools",
    "Backups": "recovery",
    "BatchQueues": "batch",
    "Bedrock": "bedrock",
    "Cache": "cache",
    "Cluster": "cluster",
    "ClusterBase": "cluster",
    "Entry": "gateway",
    "Gateway": "gateway",
    "GeneralNodePool": "cluster",
    "GpuNodePool": "gpu_pools",
    "ImageRules": "cluster",
    "ModelDeployment": "models",
    "Monitoring": "monitoring",
    "Network": "network",
    "ObjectStore": "storage",
    "Postgres": "postgres",
    "Region": "recovery",
    "RemoteGpu": "remote_gpus",
    "Replication": "recovery",
    "SecurityBaseline": "security",
    "SnowflakeAccount": "snowflake",
    "Tenant": "tenants",
    "VectorStore": "vector",
}
"""Component -> the section of the spec that it is made from."""

_ROOT = ("config", "plinth:platform")


@dataclass(frozen=True)
class Place:
    """A line of a file.

    Attributes:
        file: Its name, relative to the project.
        line: Counted from 1.
        path: The spec's path, for example `gpu_pools[2].max_gpus`.
    """

    file: str
    line: int
    path: str


class Places:
    """Finds places in one environment's file."""

    def __init__(self, file: str, text: str) -> None:
        """Read the file's text; one that is no YAML has no places."""
        self._file = file
        node: yaml.Node | None = None
        with contextlib.suppress(yaml.YAMLError):
            # PyYAML has no types of its own.
            node = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
        for key in _ROOT:
            node = _field(node, key)[0]
        self._spec = node

    @classmethod
    def of_file(cls, path: Path) -> "Places":
        """Places in the file at a path; none when it cannot be read."""
        try:
            return cls(path.name, path.read_text())
        except (OSError, UnicodeDecodeError):
            return cls(path.name, "")

    def find(self, component: str, name: str, property_path: str = "") -> Place | None:
        """Return where a component comes from, as near to one of its properties as the file goes.

        Args:
            component: Type of the component, for example `GpuNodePool`.
            name: Its logical name; the item of a list is the one whose name ends it.
            property_path: A property of it as the engine spells it, for example `maxGpus`.
        """
        section = SECTIONS.get(component)
        node, line = _field(self._spec, section or "")
        if section is None or node is None:
            return None
        path = section
        if isinstance(node, yaml.SequenceNode):
            found = _named(node, name)
            if found is None:
                return None
            path, node = f"{section}[{found[0]}]", found[1]
            line = node.start_mark.line
        for key in re.findall(r"[^.\[\]\"]+", property_path):
            key = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", key)
            below, at = _field(node, key)
            if below is None:
                break
            node, path, line = below, f"{path}.{key}", at
        return Place(self._file, line + 1, path)


def _field(node: yaml.Node | None, key: str) -> tuple[yaml.Node | None, int]:
    """What a key or an index leads to, and the line where that begins."""
    if isinstance(node, yaml.MappingNode):
        return next(((value, name.start_mark.line) for name, value in node.value if name.value == key), (None, 0))
    if isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
        return node.value[int(key)], node.value[int(key)].start_mark.line
    return None, 0


def _named(node: yaml.SequenceNode, name: str) -> tuple[int, yaml.Node] | None:
    """The item whose `name` is the longest end of a component's."""
    best: tuple[int, int, yaml.Node] | None = None
    for index, item in enumerate(node.value):
        own, _ = _field(item, "name")
        word = own.value if isinstance(own, yaml.ScalarNode) else ""
        if word and (name == word or name.endswith(f"-{word}")) and (best is None or len(word) > best[0]):
            best = (len(word), index, item)
    return (best[1], best[2]) if best else None
