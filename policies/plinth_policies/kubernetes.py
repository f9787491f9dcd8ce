"""Finding pods inside the Kubernetes kinds that make them."""

from collections.abc import Iterator
from dataclasses import dataclass

from plinth_policies.rule import Resource
from plinth_policies.values import MISSING, UNKNOWN, Value, at, items, shown

_TEMPLATE = ("spec", "template", "spec")

POD_SPECS: dict[str, tuple[str, ...]] = {
    "kubernetes:core/v1:Pod": ("spec",),
    "kubernetes:apps/v1:Deployment": _TEMPLATE,
    "kubernetes:apps/v1:StatefulSet": _TEMPLATE,
    "kubernetes:apps/v1:DaemonSet": _TEMPLATE,
    "kubernetes:apps/v1:ReplicaSet": _TEMPLATE,
    "kubernetes:batch/v1:Job": _TEMPLATE,
    "kubernetes:batch/v1:CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where each kind keeps its pod spec."""


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    label: str
    """How to name it in a message, for example `container gateway`."""

    body: Value

    def get(self, *path: str | int) -> Value:
        """The value at a path of the container."""
        return at(self.body, *path)


def pod_spec(resource: Resource) -> Value:
    """The pod spec of a resource of one of the kinds in `POD_SPECS`."""
    return resource.get(*POD_SPECS[resource.type])


def containers(pod: Value) -> Iterator[Container]:
    """The containers of a pod that are known, those that run first included."""
    for kind, label in (
        ("initContainers", "init container"),
        ("containers", "container"),
        ("ephemeralContainers", "ephemeral container"),
    ):
        for index, body in enumerate(items(at(pod, kind))):
            name = at(body, "name")
            if body is not UNKNOWN:
                yield Container(f"{label} {shown(name) if name is not MISSING else index}", body)
