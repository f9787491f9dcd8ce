"""The definitions of custom kinds: installed once, from pinned files, before every controller that works on them.

Helm installs the definitions that a controller's chart carries once and never upgrades them, and two charts that carry
the same ones fight over them. Here every project's definitions are a release of their own, upgraded in the same change
as the controller, whose chart has its own switched off.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from plinth import definitions
from plinth.base import Component
from plinth.cluster import auto_mode
from plinth.serving import controllers
from plinth.serving.scaling import is_scaled
from plinth.spec import PlatformSpec
from plinth.spec.environment import Environment
from plinth.spec.layout import nodes_per_replica
from plinth.spec.models import SelfHostedModel


def _in_groups(spec: PlatformSpec) -> bool:
    """Whether a replica of some model needs several nodes."""
    pools = {pool.name: pool for pool in spec.gpu_pools}
    models = [model for model in spec.models if isinstance(model, SelfHostedModel)]
    return any(nodes_per_replica(model, pools[model.pool]) > 1 for model in models)


NEEDS: Mapping[str, Callable[[PlatformSpec], bool]] = {
    "karpenter": lambda spec: True,
    "keda": lambda spec: any(is_scaled(model) for model in spec.models if isinstance(model, SelfHostedModel)),
    "jobset": lambda spec: spec.batch is not None and "train" in spec.batch.frameworks,
    "kuberay": lambda spec: spec.batch is not None and "ray" in spec.batch.frameworks,
    "kyverno": lambda spec: True,
    "lws": lambda spec: _in_groups(spec),
    "prometheus": lambda spec: True,
    "trainer": lambda spec: spec.batch is not None and "train" in spec.batch.frameworks,
}
"""When an environment needs the definitions of a project (`Definition.project`)."""

BY_CHART = frozenset({"external-secrets", "kueue"})
"""Projects whose own chart installs their definitions, as templates, so that it upgrades them too.

Kueue's chart has no switch for it, and its definitions hold the address and certificate of the webhook in the same
release. Releases of External Secrets since v2 are not published as Go modules, so no checksum vouches for a copy.
"""


def projects(spec: PlatformSpec) -> list[str]:
    """The projects whose definitions an environment needs, sorted."""
    of_engines = {
        project for controller in controllers.needed(spec.models) for project in controllers.PROJECTS[controller]
    }
    return sorted({project for project, needed in NEEDS.items() if needed(spec)} | of_engines)


BY_AUTO_MODE = frozenset({"nodepools.karpenter.sh", "nodeclaims.karpenter.sh"})
"""Definitions that EKS installs, and keeps its own version of, in a cluster that runs Auto Mode.

Source: EKS User Guide, "Migrate from Karpenter to EKS Auto Mode".
"""


def brought_by_eks(spec: PlatformSpec) -> frozenset[str]:
    """Definitions that the bundle must leave alone."""
    return BY_AUTO_MODE if auto_mode.wanted(spec.gpu_pools) else frozenset()


class CrdBundle(Component):
    """The CustomResourceDefinitions that an environment needs: a release of a packaged chart for each project."""

    ready: list[pulumi.Resource]
    """Every release: what a controller of several projects depends on."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        projects: Iterable[str],
        without: Collection[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Install the definitions of `projects`, but for those named in `without`, which something else installs."""
        releases = {project: definitions.of_project(project)[0].release for project in sorted(set(projects))}
        section = {"projects": releases, "without": sorted(without)}
        super().__init__("CrdBundle", name, section, environment=environment, opts=opts)
        self._releases = {
            project: self._release(f"{name}-{project}", project, release, without)
            for project, release in releases.items()
        }
        self.ready = list(self._releases.values())
        self.register_outputs({"projects": releases})

    def of(self, *projects: str) -> list[pulumi.Resource]:
        """What brings the definitions of some projects: what their controller depends on.

        Raises:
            KeyError: the bundle was made without one of them.
        """
        return [self._releases[project] for project in projects]

    def _release(self, name: str, project: str, release: str, without: Collection[str]) -> pulumi.Resource:
        left_out = sorted(each.name for each in definitions.of_project(project) if each.name in without)
        return k8s.helm.v3.Release(
            name,
            name=f"crds-{project}",
            # There before everything else: controllers, and the namespaces that they live in.
            namespace="kube-system",
            chart=definitions.placed(project, _project_root()),
            version=release.removeprefix("v"),
            values={"without": left_out} if left_out else {},
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=300,
            opts=self.options(k8s.helm.v3.Release),
        )


def _project_root() -> Path:
    """The folder of Pulumi.yaml, the nearest upwards: the SDK knows it only in a program that the engine starts."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "Pulumi.yaml").is_file()), here)
