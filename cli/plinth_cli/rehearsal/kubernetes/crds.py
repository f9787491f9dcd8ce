"""Custom kinds: their schemas (data files, see tools/crds/fetch.py) and the Helm charts that install them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

_DATA = resources.files("plinth_cli.rehearsal") / "data" / "crds"


@dataclass(frozen=True)
class Chart:
    """A Helm chart that brings custom kinds."""

    groups: frozenset[str]
    """API groups whose kinds exist once it is installed."""
    in_crds_folder: bool = False
    """Helm installs them from `crds/`: once, never upgraded, and not at all with `skipCrds`."""
    switch: str | None = None
    """Dotted path of the chart value that turns them off (`installCRDs: false`)."""


# Read in the charts' own repositories at the versions of data/crds/index.json.
CHARTS: Mapping[str, Chart] = {
    "karpenter-crd": Chart(frozenset({"karpenter.sh", "karpenter.k8s.aws"})),
    "karpenter": Chart(frozenset({"karpenter.sh", "karpenter.k8s.aws"}), in_crds_folder=True),
    "external-secrets": Chart(frozenset({"external-secrets.io"}), switch="installCRDs"),
    "kube-prometheus-stack": Chart(frozenset({"monitoring.coreos.com"}), in_crds_folder=True, switch="crds.enabled"),
    "prometheus-operator-crds": Chart(frozenset({"monitoring.coreos.com"})),
    "keda": Chart(frozenset({"keda.sh"}), switch="crds.install"),
}
"""By chart name, the last part of its reference."""


@dataclass(frozen=True)
class Entry:
    """One row of data/crds/index.json."""

    group: str
    version: str
    kind: str
    scope: str
    """Namespaced or Cluster."""
    file: str
    project: str
    """Where the schema comes from, for example `github.com/kedacore/keda`."""
    release: str
    """Version of the project."""
    path: str
    """File inside the project."""
    licence: str
    as_of: str
    """Day on which that version was published, YYYY-MM-DD."""


@cache
def index() -> Mapping[tuple[str, str], Entry]:
    """Every custom kind with a schema, by (apiVersion, kind)."""
    rows = cast("list[dict[str, str]]", json.loads((_DATA / "index.json").read_text()))
    entries = [Entry(**row) for row in rows]
    return {(f"{entry.group}/{entry.version}", entry.kind): entry for entry in entries}


def find(api_version: str, kind: str) -> Entry | None:
    """The row of a custom kind; None when it has none."""
    return index().get((api_version, kind))


def open_api_schema(entry: Entry) -> Mapping[str, Any]:
    """The OpenAPI v3 schema of a custom kind, without apiVersion, kind, metadata and status."""
    return json.loads((_DATA / entry.file).read_text())


def charts_for(group: str) -> list[str]:
    """Names of the charts that bring the kinds of an API group, sorted."""
    return sorted(name for name, chart in CHARTS.items() if group in chart.groups)


def brings(chart: str, group: str, skip_crds: bool, values: Mapping[str, Any]) -> bool:
    """Whether a release of the chart with these values makes the kinds of the API group exist."""
    known = CHARTS.get(chart)
    if known is None or group not in known.groups or (known.in_crds_folder and skip_crds):
        return False
    setting: Any = values
    for part in known.switch.split(".") if known.switch else ():
        setting = cast("Mapping[str, Any]", setting).get(part) if isinstance(setting, Mapping) else None
    return known.switch is None or setting is not False
