"""What the platform renders, applied to a real API server of the pinned Kubernetes version.

The server is built from the published Go module the first time (tools/apiserver); that takes minutes.
Objects are what the program of each environment registers. Charts are not rendered here: nothing is downloaded.
"""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.apiserver import ApiServer, Refused, api_server
from support.platforms import recorded_platform

from plinth import definitions, versions
from plinth_cli.console import Console
from plinth_cli.toolchain.apiserver import ensure_apiserver

ENVIRONMENTS = ("local", "dev", "staging", "prod")
CUSTOM_RESOURCES_SECONDS = 300

KEPT = frozenset({"Namespace", "PriorityClass"})
"""Kinds that others need to be there. Everything else is not kept, so that environments do not meet."""

Applied = tuple[str, dict[str, Any]]
"""Logical name and object."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    program = ensure_apiserver(Console())
    with api_server(program, tmp_path_factory.mktemp("apiserver")) as running:
        yield running


@pytest.fixture(scope="session")
def with_definitions(server: ApiServer) -> ApiServer:
    """The server with every definition that ships with the platform."""
    with ThreadPoolExecutor(8) as threads:
        applied = threads.map(
            lambda each: refusals(server, [(each.name, definitions.read(each))]), definitions.index().values()
        )
        refused = [line for lines in applied for line in lines]
    assert not refused, "\n".join(refused)
    deadline = time.monotonic() + CUSTOM_RESOURCES_SECONDS
    for name in definitions.index():
        while not server.established(name):
            assert time.monotonic() < deadline, f"{name} is not served after {CUSTOM_RESOURCES_SECONDS} s"
            time.sleep(0.5)
    return server


def refusals(server: ApiServer, objects: list[Applied], *, dry_run: bool = False) -> list[str]:
    """Applies objects; gives a line for each that the server does not take."""
    lines: list[str] = []
    for name, obj in objects:
        try:
            server.apply(obj, dry_run=dry_run)
        except Refused as refusal:
            lines.append(f"{name} ({obj['kind']} {obj['metadata'].get('name')}): {refusal}")
    return lines


def objects_of(environment: str) -> list[Applied]:
    """Every Kubernetes object that an environment's program registers."""
    found: list[Applied] = []
    for resource in recorded_platform(environment).resources:
        package, _, rest = resource.type.partition(":")
        if package != "kubernetes" or rest.startswith("helm.sh/") or rest.endswith("Patch"):
            continue
        # The recorder makes ids up; EC2's own have a form, which Karpenter's definitions know.
        obj = json.loads(
            re.sub(
                r'"network-([a-z0-9-]+)-id"',
                lambda found: f'"subnet-0{found[1].replace("-", "")}"',
                json.dumps(resource.inputs),
            )
        )
        obj["metadata"].setdefault("name", resource.name)
        obj["metadata"].setdefault("labels", {})
        found.append((resource.name, obj))
    return found


def pods_of(objects: list[Applied]) -> list[Applied]:
    """A pod as each workload's template describes it."""
    pods: list[Applied] = []
    for name, obj in objects:
        spec: Any = obj.get("spec") or {}
        for template in (spec.get("template"), spec.get("jobTemplate", {}).get("spec", {}).get("template")):
            if not isinstance(template, dict) or "containers" not in template.get("spec", {}):
                continue
            metadata = {**template.get("metadata", {}), "name": "one", "namespace": obj["metadata"].get("namespace")}
            pods.append((name, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}))
    return pods


def test_the_server_is_the_version_that_the_platform_is_built_for(server: ApiServer):
    assert server.version() == versions.KUBERNETES


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_is_taken(with_definitions: ApiServer, environment: str):
    objects = objects_of(environment)
    first = [each for each in objects if each[1]["kind"] in KEPT]
    rest = [each for each in objects if each[1]["kind"] not in KEPT]
    assert len(rest) > 20
    refused = refusals(with_definitions, first) + refusals(with_definitions, rest, dry_run=True)
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_is_admitted_where_it_runs(with_definitions: ApiServer, environment: str):
    objects = objects_of(environment)
    refused = refusals(with_definitions, [each for each in objects if each[1]["kind"] in KEPT])
    pods = pods_of(objects)
    assert pods
    for name, pod in pods:
        try:
            with_definitions.create_dry(pod)
        except Refused as refusal:
            refused.append(f"{name}: {refusal}")
    assert not refused, "\n".join(refused)


def test_a_wrong_field_and_a_broken_rule_are_refused(with_definitions: ApiServer):
    """The server checks what it is asked: strict fields, CEL rules of definitions, Pod Security."""
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}, "dato": {}}
    with pytest.raises(Refused, match="dato"):
        with_definitions.apply(wrong, dry_run=True)
    nodes = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "x"}
    requirement = {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["x"]}
    pool = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "x"},
        "spec": {"template": {"spec": {"nodeClassRef": nodes, "requirements": [requirement]}}},
    }
    with pytest.raises(Refused, match="restricted"):
        with_definitions.apply(pool, dry_run=True)
