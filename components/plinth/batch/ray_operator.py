"""KubeRay's operator: one release, for Ray jobs and for models that Ray serves."""

import pulumi
from pulumi_kubernetes import helm

from plinth import versions
from plinth.batch.values import ray_operator_values


def ray_operator(name: str, *, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> helm.v3.Release:
    """KubeRay's Helm release; it watches every namespace."""
    return helm.v3.Release(
        name,
        name="kuberay-operator",
        namespace=namespace,
        chart=versions.KUBERAY.name,
        version=versions.KUBERAY.version,
        repository_opts=helm.v3.RepositoryOptsArgs(repo=versions.KUBERAY.repository),
        skip_crds=True,
        atomic=True,
        cleanup_on_fail=True,
        max_history=5,
        timeout=600,
        values=ray_operator_values(),
        opts=opts,
    )
