"""Pods whose labels are not the platform's own, shown to Prometheus."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import apiextensions, meta

from plinth import versions
from plinth.serving.engine import Site
from plinth_runtime import names


def scrape(
    logical_name: str, site: Site, selector: Mapping[str, str], ports: Sequence[str], *, name: str | None = None
) -> apiextensions.CustomResource:
    """Let Prometheus read the metrics of these pods on these named ports."""
    metadata = site.metadata if name is None else meta.v1.ObjectMetaArgs(name=name, namespace=site.platform.namespace)
    return apiextensions.CustomResource(
        logical_name,
        api_version=versions.API["PodMonitor"],
        kind="PodMonitor",
        metadata=metadata,
        spec={
            "selector": {"matchLabels": dict(selector)},
            "podMetricsEndpoints": [{"port": port, "path": names.METRICS_PATH} for port in ports],
        },
        opts=site.component.options(apiextensions.CustomResource, depends_on=list(site.after)),
    )
