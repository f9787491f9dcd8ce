"""The stand-in for the package `kubernetes`: objects are checked, compared and rendered as YAML; no cluster needed."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from plinth_cli.rehearsal.differ import Change, difference
from plinth_cli.rehearsal.kubernetes import immutable, kinds, objects, schemas
from plinth_cli.rehearsal.kubernetes.cluster import Cluster
from plinth_cli.rehearsal.kubernetes.helm import Releases
from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN, Kind
from plinth_cli.rehearsal.kubernetes.validate import validate_object
from plinth_cli.rehearsal.package import (
    BasePackage,
    Call,
    Checked,
    Created,
    Difference,
    Failure,
    Found,
    Invoked,
    Naming,
    Refusal,
)
from plinth_cli.rehearsal.schema import SdkSchema, installed
from plinth_cli.rehearsal.sdk import SdkPackage
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, reveal, secret, unwrap

REGIONS = "regions"
"""Folder inside the environment's, with a folder for each further region."""

_NOT_YET = "known once the cluster exists"
"""Stands for unknown configuration in a preview; never reaches a state, since an update knows the real one."""


class KubernetesPackage(BasePackage):
    """What `StandIn` asks about resources of the package `kubernetes`.

    Args:
        env_dir: the environment's folder; objects are rendered to `manifests/` in it.
        schema: the installed SDK, which says how the provider and Helm releases may be configured.
        kubernetes_version: minor version whose API the objects must fit.
    """

    name = kinds.PACKAGE

    def __init__(
        self, env_dir: Path, schema: SdkSchema | None = None, kubernetes_version: str = schemas.DEFAULT_VERSION
    ) -> None:
        sdk = schema or installed()[kinds.PACKAGE]
        self.version = sdk.version
        self._sdk = SdkPackage(sdk)
        self._kubernetes_version = kubernetes_version
        self._env_dir = env_dir
        self._schema = sdk
        self._clusters: dict[str, tuple[Cluster, Releases]] = {}
        self._lock = threading.Lock()

    def _at(self, call: Call) -> tuple[Cluster, Releases]:
        """The cluster that the provider instance of the call is signed in to, and the Helm releases in it.

        A cluster outside of the environment's own region is identified as `<name>.<region>`.
        """
        _, _, region = str(call.config.get("clusterIdentifier") or "").partition(".")
        with self._lock:
            if region not in self._clusters:
                cluster = Cluster(self._env_dir / REGIONS / region if region else self._env_dir)
                self._clusters[region] = cluster, Releases(cluster, self._schema)
            return self._clusters[region]

    # --- configuration -----------------------------------------------------------------------------------------

    def check_config(self, call: Call, inputs: Props) -> Checked:
        """Checks the arguments of `kubernetes.Provider` against the SDK.

        The engine asks a provider nothing while part of its configuration is unknown, so a first preview (there is no
        cluster yet) would check no object. The stand-in needs no cluster: it says it knows what it does not.
        """
        checked = self._sdk.check_config(call, inputs)
        return Checked({name: _known(value) for name, value in checked.inputs.items()}, checked.failures)

    def read_config(self, inputs: Props) -> Mapping[str, Any]:
        """The provider's configuration as plain values."""
        return self._sdk.read_config(inputs)

    # --- check and diff ----------------------------------------------------------------------------------------

    def check(self, call: Call, inputs: Props, old_inputs: Props, naming: Naming) -> Checked:
        """Fills in apiVersion, kind, name and namespace, and finds every mistake in the object."""
        if call.urn.type == RELEASE_TOKEN:
            return self._at(call)[1].check(call, inputs, old_inputs, naming)
        kind = kinds.of_token(call.urn.type)
        if kind is None:
            return Checked(inputs, [Failure("", _unsupported(call.urn.type))])
        checked, failures = objects.with_identity(kind, call, inputs, old_inputs, naming)
        problems = validate_object(checked, self._kubernetes_version, patch=kind.patch)
        named = {failure.path for failure in failures}
        failures += [Failure(problem.path, problem.reason) for problem in problems if problem.path not in named]
        if kind.patch and call.config.get("enableServerSideApply") is False:
            failures.append(Failure("", "patches need server-side apply: do not switch enableServerSideApply off"))
        return Checked(checked, failures)

    def diff(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Difference:
        """Compares inputs; a fixed name means that a replacement deletes first."""
        if call.urn.type == RELEASE_TOKEN:
            return self._at(call)[1].diff(old_inputs, inputs)
        kind = _kind(call)
        named_by_program = not objects.is_autonamed(inputs)
        same_name = objects.id_of(kind, inputs) == objects.id_of(kind, old_inputs)
        return difference(
            _placed(kind, old_inputs),
            _placed(kind, inputs),
            immutable=immutable.forces_new(kind, inputs, call.config),
            delete_before_replace=named_by_program and same_name,
        )

    # --- create, read, update, delete --------------------------------------------------------------------------

    def create(self, call: Call, inputs: Props) -> Created:
        """Renders a new object."""
        may_exist = call.resumed or call.config.get("upsertExistingObjects") is True
        return self._create(call, inputs, may_exist)

    def adopt(self, call: Call, id: str, inputs: Props) -> Created:
        """Renders an object that a killed update rendered already."""
        return self._create(call, inputs, may_exist=True)

    def _create(self, call: Call, inputs: Props, may_exist: bool) -> Created:
        if call.urn.type == RELEASE_TOKEN:
            return self._at(call)[1].create(call, inputs, may_exist)
        kind = _kind(call)
        if call.preview:
            return Created("", objects.outputs(kind, call, inputs))
        namespace, name = _address(kind, inputs)
        exists = may_exist or kind.patch
        self._at(call)[0].create(kind, namespace, name, _placed(kind, inputs), call.urn.text, may_exist=exists)
        return Created(objects.id_of(kind, inputs), objects.outputs(kind, call, inputs))

    def read(self, call: Call, id: str, inputs: Props, outputs: Props) -> Found | None:
        """Finds the rendered object; what is imported from there lacks its secrets."""
        if call.urn.type == RELEASE_TOKEN:
            return self._at(call)[1].read(id, inputs, outputs)
        kind = _kind(call)
        namespace, _, name = id.rpartition("/")
        home = (namespace or objects.DEFAULT_NAMESPACE) if kind.namespaced else None
        if inputs:
            return Found(id, inputs, outputs) if self._at(call)[0].exists(kind, home, name, call.urn.text) else None
        found = self._at(call)[0].find(kind, home, name)
        return Found(id, found, objects.outputs(kind, call, found)) if found is not None else None

    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        """Renders the object anew, unless the API server would refuse the change."""
        if call.urn.type == RELEASE_TOKEN:
            return self._at(call)[1].update(call, inputs, old_outputs)
        kind = _kind(call)
        _refuse_immutable(kind, old_inputs, inputs)
        if not call.preview:
            namespace, name = _address(kind, inputs)
            self._at(call)[0].update(kind, namespace, name, _placed(kind, inputs), call.urn.text)
        return objects.outputs(kind, call, inputs, old_outputs)

    def delete(self, call: Call, id: str, inputs: Props, outputs: Props) -> None:
        """Removes the rendered object."""
        if call.urn.type == RELEASE_TOKEN:
            self._at(call)[1].delete(inputs or outputs)
            return
        kind = _kind(call)
        self._at(call)[0].delete(kind, *_address(kind, inputs or outputs), call.urn.text)

    def invoke(self, call: Call, token: str, args: Props) -> Invoked:
        """Refuses: the package's functions render charts and folders."""
        raise Refusal(
            f"a rehearsal does not run {token}: it would need a chart, a folder or a cluster. Use a helm.v3.Release "
            "or typed resources"
        )


def _known(value: Any) -> Any:
    if isinstance(value, Secret):
        return secret(_known(value.value))
    return _NOT_YET if value is UNKNOWN else value


def _kind(call: Call) -> Kind:
    kind = kinds.of_token(call.urn.type)
    if kind is None:
        raise Refusal(_unsupported(call.urn.type))
    return kind


def _unsupported(token: str) -> str:
    return (
        f"{token} is no Kubernetes object: a rehearsal has objects, their patches, CustomResource, and Helm releases "
        f"({RELEASE_TOKEN}). Use one of those instead of a component that renders objects itself"
    )


def _address(kind: Kind, inputs: Props) -> tuple[str | None, str]:
    return cast("str | None", objects.namespace_of(kind, inputs)), str(objects.name_of(inputs))


def _placed(kind: Kind, inputs: Props) -> Props:
    """The inputs with the namespace that counts: no namespace is the default one, and none at all for cluster kinds."""
    given = inputs.get("metadata")
    if unwrap(given) is UNKNOWN:
        return inputs
    metadata = {name: value for name, value in cast("Props", unwrap(given) or {}).items() if name != "namespace"}
    namespace = objects.namespace_of(kind, inputs)
    if namespace is not None:
        metadata["namespace"] = namespace
    return {**inputs, "metadata": secret(metadata) if isinstance(given, Secret) else metadata}


def _refuse_immutable(kind: Kind, old: Props, new: Props) -> None:
    changed = difference(old, new, immutable=immutable.refused(kind))
    for path in sorted(changed.replaces):
        what = "added" if changed.changes[path] is Change.ADD else "changed"
        name = reveal(objects.name_of(new))
        raise Refusal(
            f"field is immutable: it cannot be {what} on {kind.name} {name}. Give the object another name, or list "
            f"{path} in ResourceOptions(replace_on_changes=[...], delete_before_replace=True)",
            path,
        )
