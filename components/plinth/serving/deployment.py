"""The Deployment and Service of a model server, whatever runs in its pods."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes import apps, core, meta

from plinth import pods
from plinth.base import Component
from plinth.serving import containers, vllm

NODE_START_SECONDS = 600
"""Time that a node gets to start before a pod can."""


def pod_basics(account: str, priority_class: pulumi.Input[str]) -> dict[str, Any]:
    """Fields of every model pod."""
    return {
        "service_account_name": account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "priority_class_name": priority_class,
        "security_context": pods.pod_security(),
    }


def deployment(
    name: str,
    component: Component,
    *,
    metadata: meta.v1.ObjectMetaArgs,
    selector: Mapping[str, str],
    labels: Mapping[str, str],
    pod: core.v1.PodSpecArgs,
    replicas: int | None,
    rollout: vllm.Rollout,
    start_seconds: int,
    most_replicas: int,
    after: Sequence[pulumi.Resource],
) -> apps.v1.Deployment:
    """The Deployment. Without `replicas` the number is the autoscaler's alone.

    A rollout may have to go one replica at a time, through as many as there may be.
    """
    patience = start_seconds + NODE_START_SECONDS
    timeout = f"{patience * most_replicas}s"
    return apps.v1.Deployment(
        name,
        metadata=metadata,
        spec=apps.v1.DeploymentSpecArgs(
            replicas=replicas,
            progress_deadline_seconds=patience,
            selector=meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
            strategy=apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.v1.RollingUpdateDeploymentArgs(
                    max_surge=rollout.max_surge, max_unavailable=rollout.max_unavailable
                ),
            ),
            template=core.v1.PodTemplateSpecArgs(metadata=meta.v1.ObjectMetaArgs(labels=dict(labels)), spec=pod),
        ),
        opts=component.options(
            apps.v1.Deployment,
            depends_on=list(after),
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
        ),
    )


def service(
    name: str, component: Component, *, metadata: meta.v1.ObjectMetaArgs, selector: Mapping[str, str], port: int
) -> core.v1.Service:
    """The Service in front of the pods."""
    return core.v1.Service(
        name,
        metadata=metadata,
        spec=core.v1.ServiceSpecArgs(
            selector=dict(selector),
            ports=[core.v1.ServicePortArgs(name=containers.PORT_NAME, port=port, target_port=containers.PORT_NAME)],
        ),
        opts=component.options(core.v1.Service),
    )
