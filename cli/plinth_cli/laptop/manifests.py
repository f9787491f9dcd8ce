"""From rendered manifests to process specs. Pure: secrets come in resolved.

A Deployment is run here when its pods carry the label (or annotation) `plinth.dev/runtime: "true"`. Its containers'
command, environment, volumes, ports and probes are taken as a cluster would take them; what a laptop cannot do is an
error that names it, never ignored.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from plinth_cli.errors import PlinthError
from plinth_cli.laptop.spec import Probe, ProcessSpec
from plinth_cli.laptop.tree import Json, items, part, texts, words
from plinth_cli.laptop.volumes import Volumes

SecretData = Callable[[str, str], Mapping[str, str] | None]
"""Gives the data of a Secret by namespace and name, or None where there is none."""

RUNTIME_LABEL = "plinth.dev/runtime"
PROGRAM = "plinth-runtime"
_GATEWAY, _DEVELOPMENT_MODEL = "gateway", "development-model"
_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class Rendered(Protocol):
    """A rendered object, as `rehearsal.kubernetes.manifests` loads it."""

    @property
    def kind(self) -> str:
        """The object's kind."""
        ...

    @property
    def namespace(self) -> str | None:
        """Its namespace."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def body(self) -> Json:
        """The whole of it."""
        ...


class Objects:
    """Rendered objects by kind, namespace and name."""

    def __init__(self, manifests: Iterable[Rendered]) -> None:
        self._found = {(item.kind, item.namespace or "", item.name): item.body for item in manifests}

    def of_kind(self, kind: str) -> list[tuple[str, Json]]:
        """Return (namespace, object) of every object of a kind, sorted by namespace and name."""
        keys = sorted(key for key in self._found if key[0] == kind)
        return [(key[1], self._found[key]) for key in keys]

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """Return one object."""
        return self._found.get((kind, namespace, name))

    def region(self) -> str:
        """Return the AWS region that secrets are in."""
        for _, store in self.of_kind("ClusterSecretStore"):
            region = part(store, "spec", "provider", "aws").get("region")
            if region:
                return str(region)
        return "us-east-1"


def process_specs(objects: Objects, secret: SecretData) -> list[ProcessSpec]:
    """Return the processes to run, sorted by name.

    Raises:
        PlinthError: A manifest refers to something that is not there, or asks for what the laptop cannot do.
    """
    found: list[ProcessSpec] = []
    for namespace, deployment in objects.of_kind("Deployment"):
        if _is_runtime(part(deployment, "spec", "template", "metadata")):
            found += _Pod(namespace, deployment, objects, secret).specs()
    names = [spec.name for spec in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PlinthError(f"Two workloads are named {sorted(twice)[0]}: the laptop tells them apart by name.")
    return sorted(found, key=lambda spec: spec.name)


def _is_runtime(metadata: Json) -> bool:
    marks = part(metadata, "annotations"), part(metadata, "labels")
    return any(mark.get(RUNTIME_LABEL) == "true" for mark in marks)


class _Pod:
    """One Deployment's pod template."""

    def __init__(self, namespace: str, deployment: Json, objects: Objects, secret: SecretData) -> None:
        self.namespace = namespace
        self.name = str(deployment["metadata"]["name"])
        self.replicas = int(deployment["spec"].get("replicas", 1))
        self.metadata = part(deployment, "spec", "template", "metadata")
        self.spec = part(deployment, "spec", "template", "spec")
        self.objects = objects
        self.secret = secret
        self.volumes = Volumes(self.name, self.spec, self.config_map, self.secret_data)

    def specs(self) -> list[ProcessSpec]:
        if self.replicas == 0:
            return []
        containers = items(self.spec, "containers")
        alone = len(containers) == 1
        return [self._spec(c, self.name if alone else f"{self.name}.{c['name']}") for c in containers]

    def _spec(self, container: Json, name: str) -> ProcessSpec:
        environ = self._environ(container)
        arguments = [_expand(word, environ) for word in self._arguments(container)]
        ports = {str(p.get("name") or p["containerPort"]): int(p["containerPort"]) for p in items(container, "ports")}
        what = arguments[0] if arguments else ""
        files, folders = self.volumes.mounted(container)
        return ProcessSpec(
            name=name,
            command=(sys.executable, "-m", "plinth_runtime", *arguments),
            environ=environ,
            files=files,
            folders=folders,
            ports=ports,
            port_field="laptop.ports.gateway" if what == _GATEWAY else f"laptop.ports.models.{self.name}",
            startup=_probe(container.get("startupProbe"), ports),
            readiness=_probe(container.get("readinessProbe"), ports),
            liveness=_probe(container.get("livenessProbe"), ports),
            grace_seconds=float(self.spec.get("terminationGracePeriodSeconds", 30)),
            replicas=self.replicas,
            stops_last=what == _DEVELOPMENT_MODEL,
        )

    def _arguments(self, container: Json) -> list[str]:
        """Return the runtime's arguments; an image without a command has the program as its entry point."""
        command = words(container, "command") or [PROGRAM]
        if command[0].rpartition("/")[2] != PROGRAM:
            raise PlinthError(
                f"Deployment {self.name} is marked {RUNTIME_LABEL}, and runs {command[0]}.",
                where=f"{self.namespace}/Deployment-{self.name}.yaml",
                fix=f"Mark only pods that run {PROGRAM}.",
            )
        return [*command[1:], *words(container, "args")]

    def _environ(self, container: Json) -> dict[str, str]:
        environ: dict[str, str] = {}
        for source in items(container, "envFrom"):
            environ |= self._environ_from(source)
        for variable in items(container, "env"):
            name = str(variable["name"])
            if "valueFrom" in variable:
                value = self._value_from(name, variable["valueFrom"])
                if value is not None:
                    environ[name] = value
            else:
                environ[name] = _expand(str(variable.get("value") or ""), environ)
        return environ

    def _environ_from(self, source: Json) -> dict[str, str]:
        prefix = str(source.get("prefix") or "")
        reference = part(source, "configMapRef") or part(source, "secretRef")
        lookup = self.config_map if "configMapRef" in source else self.secret_data
        data = lookup(str(reference["name"]), bool(reference.get("optional")))
        return {f"{prefix}{key}": value for key, value in (data or {}).items()}

    def _value_from(self, name: str, source: Json) -> str | None:
        for kind, lookup in (("configMapKeyRef", self.config_map), ("secretKeyRef", self.secret_data)):
            if kind in source:
                reference: Json = source[kind]
                optional = bool(reference.get("optional"))
                data = lookup(str(reference["name"]), optional)
                if data is not None and reference["key"] in data:
                    return data[reference["key"]]
                if optional:
                    return None
                raise self.error(f"variable {name} needs key {reference['key']} of {reference['name']}, which has none")
        if "fieldRef" in source:
            return self._field(str(source["fieldRef"]["fieldPath"]))
        raise self.error(f"variable {name} comes from {', '.join(source)}, which the laptop does not do")

    def _field(self, path: str) -> str:
        fixed = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": f"laptop-{self.name}",
            "spec.serviceAccountName": str(self.spec.get("serviceAccountName") or "default"),
            "spec.nodeName": "laptop",
            "status.podIP": "127.0.0.1",
            "status.hostIP": "127.0.0.1",
        }
        if path in fixed:
            return fixed[path]
        found = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
        if not found:
            raise self.error(f"field {path} is not known on the laptop")
        return str(part(self.metadata, found[1]).get(found[2], ""))

    def config_map(self, name: str, optional: bool) -> Mapping[str, str] | None:
        """Return the data of a ConfigMap of the pod's namespace."""
        body = self.objects.get("ConfigMap", self.namespace, name)
        if body is None and not optional:
            raise self.error(f"ConfigMap {name} was not rendered")
        return None if body is None else texts(body, "data")

    def secret_data(self, name: str, optional: bool) -> Mapping[str, str] | None:
        """Return the data of a Secret of the pod's namespace."""
        data = self.secret(self.namespace, name)
        if data is None and not optional:
            raise self.error(
                f"no ExternalSecret makes Secret {name} (values of plain Secrets are not in rendered manifests)"
            )
        return data

    def error(self, what: str) -> PlinthError:
        """Return an error about this Deployment."""
        return PlinthError(f"Deployment {self.name}: {what}.", where=f"{self.namespace}/Deployment-{self.name}.yaml")


def _probe(body: Json | None, ports: Mapping[str, int]) -> Probe | None:
    if not body:
        return None
    action = part(body, "httpGet") or part(body, "tcpSocket")
    if not action:
        return None  # a command inside the image, or gRPC: none of the runtime's servers has one
    port = action["port"]
    return Probe(
        port=ports[port] if isinstance(port, str) and port in ports else int(port),
        path=str(action.get("path") or "/") if "httpGet" in body else None,
        period_seconds=float(body.get("periodSeconds") or 10),
        timeout_seconds=float(body.get("timeoutSeconds") or 1),
        failures=int(body.get("failureThreshold") or 3),
        delay_seconds=float(body.get("initialDelaySeconds") or 0),
    )


def _expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$(NAME)` as Kubernetes does: `$$` is a dollar, and names that are not known stay."""
    return _VARIABLE.sub(lambda found: "$" if found[1] is None else environ.get(found[1], found[0]), text)
