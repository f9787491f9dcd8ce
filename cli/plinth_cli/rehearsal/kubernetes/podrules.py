"""What the API server refuses in a Pod, or in the template that a workload makes Pods from."""

from collections.abc import Iterator, Mapping
from typing import Any

from plinth_cli.rehearsal.kubernetes import syntax
from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.kubernetes.plain import Object, at, mapping, sequence, text
from plinth_cli.rehearsal.kubernetes.wording import listed
from plinth_cli.rehearsal.values import UNKNOWN

Path = tuple[str | int, ...]
Found = tuple[Path, str]

TEMPLATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps/v1", "Deployment"): ("spec", "template"),
    ("apps/v1", "StatefulSet"): ("spec", "template"),
    ("apps/v1", "DaemonSet"): ("spec", "template"),
    ("apps/v1", "ReplicaSet"): ("spec", "template"),
    ("batch/v1", "Job"): ("spec", "template"),
    ("batch/v1", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("v1", "Pod"): (),
}
"""Where the Pod is in an object of each kind."""

_RESTART = {"Job": ("Never", "OnFailure"), "CronJob": ("Never", "OnFailure")}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def check(kind: Kind, obj: Object) -> Iterator[Found]:
    """Yields what is wrong with the Pod in a workload."""
    place = TEMPLATES[(kind.api_version, kind.name)]
    spec = at(obj, *place, "spec")
    path: Path = (*place, "spec")
    if spec is None or spec is UNKNOWN:
        return
    yield from _restart_policy(kind, path, spec)
    volumes = _volume_names(kind, obj, spec)
    for field in ("initContainers", "containers"):
        containers = at(spec, field)
        if field == "containers" and containers == []:
            yield (*path, field), "needs at least one container"
        for index, container in enumerate(sequence(containers)):
            if isinstance(container, Mapping):
                yield from _container((*path, field, index), mapping(container), volumes)
    yield from _container_names(path, spec)
    for index, volume in enumerate(sequence(at(spec, "volumes"))):
        yield from _volume((*path, "volumes", index), mapping(volume))
    for index, toleration in enumerate(sequence(at(spec, "tolerations"))):
        if at(toleration, "operator") == "Exists" and at(toleration, "value") not in (None, "", UNKNOWN):
            yield (*path, "tolerations", index, "value"), "must be empty when operator is Exists"


def port_number(path: Path, value: Any) -> Iterator[Found]:
    """A port is 1 to 65535."""
    if isinstance(value, int) and not 1 <= value <= 65535:
        yield path, f"must be 1 to 65535, not {value}"


def _restart_policy(kind: Kind, path: Path, spec: Any) -> Iterator[Found]:
    policy = at(spec, "restartPolicy")
    if kind.name == "Pod" or policy is UNKNOWN:
        return
    allowed = _RESTART.get(kind.name, ("Always",))
    if policy is None and "Always" not in allowed:
        yield (*path, "restartPolicy"), f"is required in a {kind.name}: {' or '.join(allowed)}"
    elif policy is not None and policy not in allowed:
        yield (*path, "restartPolicy"), f"must be {' or '.join(allowed)} in a {kind.name}, not {policy}"


def _container_names(path: Path, spec: Any) -> Iterator[Found]:
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(sequence(at(spec, field))):
            name = text(at(container, "name"))
            if name is None:
                continue
            if wrong := syntax.dns_label(name):
                yield (*path, field, index, "name"), wrong
            elif name in seen:
                yield (*path, field, index, "name"), f"must be unique, another container is named '{name}'"
            seen.add(name)


def _volume_names(kind: Kind, obj: Object, spec: Any) -> set[str] | None:
    """Names that a volumeMount may refer to; None when they are not all known."""
    names = [at(volume, "name") for volume in sequence(at(spec, "volumes"))]
    if kind.name == "StatefulSet":
        claims = sequence(at(obj, "spec", "volumeClaimTemplates"))
        names += [at(claim, "metadata", "name") for claim in claims]
    if at(spec, "volumes") is UNKNOWN or UNKNOWN in names:
        return None
    return {name for name in names if isinstance(name, str)}


def _container(path: Path, container: Mapping[str, Any], volumes: set[str] | None) -> Iterator[Found]:
    if container.get("image") in (None, ""):
        yield (*path, "image"), "is required"
    yield from _ports(path, container)
    for index, variable in enumerate(sequence(container.get("env"))):
        yield from _variable((*path, "env", index), variable)
    for index, mount in enumerate(sequence(container.get("volumeMounts"))):
        name = text(at(mount, "name"))
        if name is not None and volumes is not None and name not in volumes:
            known = listed(volumes) or "none"
            yield (*path, "volumeMounts", index, "name"), f"names no volume of the Pod: '{name}'; volumes: {known}"
    yield from _resources((*path, "resources"), mapping(container.get("resources")))
    for field in _PROBES:
        if isinstance(container.get(field), Mapping):
            yield from _probe((*path, field), field, container)
    security = container.get("securityContext")
    if at(security, "privileged") is True and at(security, "allowPrivilegeEscalation") is False:
        yield (*path, "securityContext", "allowPrivilegeEscalation"), "cannot be false in a privileged container"


def _ports(path: Path, container: Mapping[str, Any]) -> Iterator[Found]:
    names: set[str] = set()
    for index, port in enumerate(sequence(container.get("ports"))):
        here = (*path, "ports", index)
        name = text(at(port, "name"))
        yield from port_number((*here, "containerPort"), at(port, "containerPort"))
        if name is None:
            continue
        if wrong := syntax.port_name(name):
            yield (*here, "name"), wrong
        elif name in names:
            yield (*here, "name"), f"must be unique, another port is named '{name}'"
        names.add(name)


def _variable(path: Path, variable: Any) -> Iterator[Found]:
    name = text(at(variable, "name"))
    if name is not None and (wrong := syntax.environment_name(name)):
        yield (*path, "name"), wrong
    source = at(variable, "valueFrom")
    if source in (None, UNKNOWN):
        return
    if at(variable, "value") not in (None, ""):
        yield (*path, "valueFrom"), "cannot be set together with value"
    if len(mapping(source)) != 1:
        yield (*path, "valueFrom"), "needs exactly one source"


def _resources(path: Path, resources: Mapping[str, Any]) -> Iterator[Found]:
    for field in ("limits", "requests"):
        for name, value in mapping(resources.get(field)).items():
            amount = syntax.quantity(value)
            if value is UNKNOWN:
                continue
            if amount is None:
                yield (*path, field, name), f"must be a quantity such as 2, 500m or 16Gi, not {value}"
            elif amount < 0:
                yield (*path, field, name), f"must not be negative, it is {value}"
            elif _extended(name) and amount % 1:
                yield (*path, field, name), f"must be a whole number, not {value}"
    yield from _requests(path, mapping(resources.get("limits")), mapping(resources.get("requests")))


def _requests(path: Path, limits: Mapping[str, Any], requests: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in requests.items():
        request, limit = syntax.quantity(value), syntax.quantity(limits.get(name))
        if request is None:
            continue
        if name not in limits and _extended(name):
            yield (*path, "limits", name), f"is required and must equal the request ({value})"
        elif limit is not None and _extended(name) and request != limit:
            yield (*path, "requests", name), f"must equal the limit ({limits[name]}), it is {value}"
        elif limit is not None and request > limit:
            yield (*path, "requests", name), f"must not exceed the limit ({limits[name]}), it is {value}"


def _extended(name: str) -> bool:
    """Devices such as nvidia.com/gpu, which cannot be shared or overcommitted."""
    return "/" in name and not name.startswith("kubernetes.io/") and "hugepages" not in name


def _probe(path: Path, field: str, container: Mapping[str, Any]) -> Iterator[Found]:
    probe = mapping(container[field])
    handlers = [name for name in _HANDLERS if probe.get(name) is not None]
    if len(handlers) != 1:
        yield path, f"needs exactly one of {', '.join(_HANDLERS)}"
        return
    if field != "readinessProbe" and probe.get("successThreshold") not in (None, 1, UNKNOWN):
        yield (*path, "successThreshold"), f"must be 1 in a {field}"
    port = at(probe, handlers[0], "port")
    yield from port_number((*path, handlers[0], "port"), port)
    ports = container.get("ports")
    names = [at(item, "name") for item in sequence(ports)]
    if isinstance(port, str) and ports is not UNKNOWN and UNKNOWN not in names and port not in names:
        known = listed(name for name in names if name) or "none"
        yield (*path, handlers[0], "port"), f"names no port of the container: '{port}'; named ports: {known}"


def _volume(path: Path, volume: Mapping[str, Any]) -> Iterator[Found]:
    name = text(volume.get("name"))
    if name is not None and (wrong := syntax.dns_label(name)):
        yield (*path, "name"), wrong
    sources = [field for field in volume if field != "name"]
    if len(sources) > 1:
        yield path, f"needs exactly one source, it has {listed(sources)}"
