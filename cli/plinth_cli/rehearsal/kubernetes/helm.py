"""Helm releases (`kubernetes:helm.sh/v3:Release`): checked and recorded; no chart is downloaded.

What a chart would render is not known here, so its values are not checked. Behaviour follows pulumi-kubernetes
`provider/pkg/provider/helm_release.go`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plinth_cli.rehearsal.checker import check_inputs
from plinth_cli.rehearsal.differ import difference
from plinth_cli.rehearsal.kubernetes.cluster import Cluster
from plinth_cli.rehearsal.kubernetes.kinds import RELEASE_TOKEN
from plinth_cli.rehearsal.kubernetes.objects import DEFAULT_NAMESPACE
from plinth_cli.rehearsal.kubernetes.plain import mapping, plain
from plinth_cli.rehearsal.kubernetes.syntax import dns_subdomain
from plinth_cli.rehearsal.package import Call, Checked, Created, Difference, Failure, Found, Naming, Refusal
from plinth_cli.rehearsal.schema import SdkSchema
from plinth_cli.rehearsal.values import UNKNOWN, Props, reveal

# Semantic Versioning 2.0.0; Helm also takes a leading v.
_VERSION = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_REPOSITORY = re.compile(r"(https|http|oci)://[^\s/]+(/\S*)?")
_LONGEST_NAME = 53
# The repository is rendered as one line; the SDK sends the other two whatever the program says.
_OWN_FIELDS = frozenset({"repositoryOpts", "resourceNames", "compat"})


class Releases:
    """The part of the package that knows Helm."""

    def __init__(self, cluster: Cluster, schema: SdkSchema) -> None:
        self._cluster = cluster
        self._schema = schema

    def check(self, call: Call, inputs: Props, old: Props, naming: Naming) -> Checked:
        """Types, a pinned version, and a name where the program gives none."""
        checked = {name: value for name, value in inputs.items() if value is not None}
        declared = self._schema.resource(RELEASE_TOKEN)
        failures = check_inputs(declared.inputs, checked) if declared else []
        failures += _rules(plain(checked))
        if checked.get("name") is None:
            proposed = naming.proposed or f"{call.urn.name}-{call.digest('name')[:8]}"
            checked["name"] = old.get("name") or proposed
        if checked.get("namespace") is None:
            checked["namespace"] = call.config.get("namespace") or DEFAULT_NAMESPACE
        return Checked(checked, failures)

    def diff(self, old: Props, new: Props) -> Difference:
        """A release keeps its name and namespace for life."""
        return difference(old, new, immutable=("name", "namespace"))

    def create(self, call: Call, inputs: Props, may_exist: bool) -> Created:
        """Installs the release."""
        if call.preview:
            return Created("", {**inputs, "status": UNKNOWN, "resourceNames": UNKNOWN})
        namespace, name = _home(inputs)
        self._cluster.install(namespace, name, _recorded(inputs), call.urn.text, may_exist=may_exist)
        return Created(f"{namespace}/{name}", _outputs(inputs, revision=1))

    def update(self, call: Call, inputs: Props, old_outputs: Props) -> Props:
        """Upgrades the release; its revision goes up by one."""
        namespace, name = _home(inputs)
        revision = mapping(reveal(old_outputs.get("status"))).get("revision")
        if not call.preview:
            self._cluster.upgrade(namespace, name, _recorded(inputs), call.urn.text)
        return _outputs(inputs, revision=revision + 1 if isinstance(revision, int) else 1)

    def read(self, id: str, inputs: Props, outputs: Props) -> Found | None:
        """A release that is gone is not found; one that Pulumi does not know cannot be imported here."""
        namespace, _, name = id.rpartition("/")
        if not self._cluster.has_release(namespace or DEFAULT_NAMESPACE, name):
            return None
        if not inputs:
            raise Refusal("a rehearsal cannot import a Helm release: its values are not known in full")
        return Found(id, inputs, outputs)

    def delete(self, inputs: Props) -> None:
        """Uninstalls the release."""
        self._cluster.uninstall(*_home(inputs))


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    """What the SDK's types cannot tell."""
    chart, version, name = inputs.get("chart"), inputs.get("version"), inputs.get("name")
    local = isinstance(chart, str) and chart.startswith((".", "/"))
    if version is None and not local:
        yield Failure("version", "is required: pin the version of the chart, or each update may install another one")
    elif isinstance(version, str) and not _VERSION.fullmatch(version):
        yield Failure("version", f"must be one version such as 1.14.1, no range and no 'latest'; it is '{version}'")
    repository = mapping(inputs.get("repositoryOpts")).get("repo")
    if isinstance(repository, str) and not _REPOSITORY.fullmatch(repository):
        yield Failure("repositoryOpts.repo", "must be an address that starts with https:// or oci://")
    elif isinstance(repository, str) and repository.startswith("oci://"):
        reason = "must not be an OCI registry: write the whole address into chart, as oci://HOST/PATH/CHART"
        yield Failure("repositoryOpts.repo", reason)
    if isinstance(name, str) and (wrong := dns_subdomain(name, _LONGEST_NAME)):
        yield Failure("name", wrong)


def _home(inputs: Mapping[str, Any]) -> tuple[str, str]:
    return str(reveal(inputs.get("namespace")) or DEFAULT_NAMESPACE), str(reveal(inputs["name"]))


def _recorded(inputs: Props) -> Props:
    """What the rendered file says: the repository as one line, then every other input."""
    options = mapping(inputs.get("repositoryOpts"))
    body = {name: value for name, value in inputs.items() if name not in _OWN_FIELDS}
    return {**body, "repository": options["repo"]} if options.get("repo") else body


def _outputs(inputs: Props, revision: int) -> Props:
    namespace, name = _home(inputs)
    chart = str(reveal(inputs["chart"])).rstrip("/").rpartition("/")[2]
    status = {
        "status": "deployed",
        "name": name,
        "namespace": namespace,
        "chart": chart,
        "version": inputs.get("version"),
        "revision": revision,
    }
    return {**inputs, "status": status, "resourceNames": {}}
