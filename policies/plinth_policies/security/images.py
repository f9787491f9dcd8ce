"""Rules on container images."""

import re
from collections.abc import Iterator

from plinth_policies.kubernetes import POD_SPECS, containers, pod_spec
from plinth_policies.rule import Check, Finding, Resource, Rule
from plinth_policies.values import MISSING, UNKNOWN, Value, entries, items, shown

_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")
_WHY = "a tag can be moved, so what runs would not be what was reviewed"


def _pods(workload: Resource) -> Iterator[Finding]:
    for container in containers(pod_spec(workload)):
        image = container.get("image")
        yield from _image(f"{container.label} has image", image, "gateway.image or models[].engine.image")


def _component(section: str, *path: str) -> Check:
    def check(component: Resource) -> Iterator[Finding]:
        image = component.get(*path)
        if image is not MISSING:
            yield from _image("image is", image, ".".join((section, *path)))

    return check


def _image(what: str, image: Value, field: str) -> Iterator[Finding]:
    if image is UNKNOWN or (isinstance(image, str) and _PINNED.search(image)):
        return
    yield Finding(f"{what} {shown(image, 200)}, without a digest", _WHY, f"give {field} as name@sha256:<64 hex digits>")


def _chart(release: Resource) -> Iterator[Finding]:
    for path in _latest(release.get("values"), "values"):
        yield Finding(f"{path} is latest", _WHY, "take the tag out, so that the chart's own version decides")


def _latest(value: Value, path: str) -> Iterator[str]:
    for key, item in entries(value):
        here = f"{path}.{key}"
        if (key.lower().endswith("tag") and item == "latest") or (
            key.lower().endswith("image") and isinstance(item, str) and item.endswith(":latest")
        ):
            yield here
        yield from _latest(item, here)
    for index, item in enumerate(items(value)):
        yield from _latest(item, f"{path}[{index}]")


IMAGES_PINNED = Rule(
    id="images-pinned",
    title="Container images are pinned by digest.",
    severity="high",
    fix="gateway.image, models[].engine.image",
    checks={
        **dict.fromkeys(POD_SPECS, _pods),
        "plinth:index:Gateway": _component("gateway", "image"),
        "plinth:index:ModelDeployment": _component("models[]", "engine", "image"),
        "kubernetes:helm.sh/v3:Release": _chart,
        "kubernetes:helm.sh/v4:Chart": _chart,
    },
)
