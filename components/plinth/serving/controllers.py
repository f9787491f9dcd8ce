"""The controllers that models' engines need: none that no model asks for.

Sources: the charts' own values.yaml. Their definitions come from the platform, not from the charts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi
from pulumi_kubernetes import apiextensions, helm, meta, networking

from plinth import naming, pods, versions
from plinth.base import Component
from plinth.kinds import kserve
from plinth.serving.engines import ray
from plinth.spec.environment import Environment
from plinth.spec.models import SelfHostedModel, ServedModel

Controller = Literal["kserve", "kuberay"]

OF_ENGINE: dict[str, Controller] = {"kserve": "kserve", "ray": "kuberay"}
"""The controller of each engine that has one."""

PROJECTS: dict[Controller, tuple[str, ...]] = {
    "kserve": ("cert-manager", "inference-extension", "kserve", "kserve-llm", "llm-d"),
    "kuberay": ("kuberay",),
}
"""Whose definitions each controller works on (`plinth.definitions`)."""

_RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_TOLERATIONS = [dict(toleration) for toleration in pods.SYSTEM_TOLERATIONS]


def needed(models: Sequence[ServedModel]) -> list[Controller]:
    """The controllers that these models need, each once."""
    engines = {model.engine.kind for model in models if isinstance(model, SelfHostedModel)}
    return sorted({OF_ENGINE[engine] for engine in engines if engine in OF_ENGINE})


class ServingControllers(Component):
    """KServe, with the certificates that its webhooks need; and KubeRay's way to the models that Ray serves."""

    ready: dict[Controller, list[pulumi.Resource]]
    """What an engine's objects wait for, by controller."""

    def __init__(
        self,
        name: str,
        section: Sequence[Controller],
        *,
        environment: Environment,
        namespace: pulumi.Input[str],
        serving_namespace: pulumi.Input[str],
        ready: Sequence[pulumi.Resource] = (),
        ray: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ServingControllers", name, {"controllers": section}, environment=environment, opts=opts)
        self._name, self._namespace, self._serving_namespace = name, namespace, serving_namespace
        self._after = list(ready)
        self.ready = {}
        if "kserve" in section:
            self.ready["kserve"] = self._kserve()
        if "kuberay" in section and ray:
            self.ready["kuberay"] = self._kuberay(ray)
        self.register_outputs({"controllers": sorted(self.ready)})

    def _kserve(self) -> list[pulumi.Resource]:
        """KServe for language models alone, and the preset that adds nothing to what the platform says of a pod."""
        certificates = self._release("cert-manager", versions.CERT_MANAGER, cert_manager_values(), self._after)
        release = self._release("kserve", versions.KSERVE_LLM, kserve_values(), [certificates])
        preset = kserve.LLMInferenceServiceConfig(
            # Weights are streamed from S3 straight to the GPUs.
            storage_initializer=kserve.StorageInitializer(enabled=False)
        ).register(
            f"{self._name}-preset",
            name=kserve.PRESET,
            namespace=self._serving_namespace,
            opts=self.options(apiextensions.CustomResource, depends_on=[release]),
        )
        return [release, preset]

    def _kuberay(self, operator: pulumi.Resource) -> list[pulumi.Resource]:
        """The door through which KubeRay configures Ray Serve; tenants' jobs use the same operator."""
        door = networking.v1.NetworkPolicy(
            f"{self._name}-kuberay-door",
            metadata=meta.v1.ObjectMetaArgs(name="kuberay-to-clusters", namespace=self._namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels={"app.kubernetes.io/name": ray.OPERATOR}),
                policy_types=["Egress"],
                egress=[pods.allow_to([pods.peer(naming.SERVING_NAMESPACE)], *ray.OPERATOR_PORTS)],
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )
        return [operator, door]

    def _release(
        self, suffix: str, chart: versions.Chart, values: Mapping[str, Any], after: Sequence[pulumi.Resource]
    ) -> helm.v3.Release:
        return helm.v3.Release(
            f"{self._name}-{suffix}",
            name=suffix,
            namespace=self._namespace,
            chart=chart.name,
            version=chart.version,
            repository_opts=helm.v3.RepositoryOptsArgs(repo=chart.repository) if chart.repository else None,
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            values=dict(values),
            opts=self.options(helm.v3.Release, depends_on=list(after)),
        )


def cert_manager_values() -> dict[str, Any]:
    """cert-manager: issues the certificates of KServe's webhooks, and nothing else here."""
    part = {"tolerations": _TOLERATIONS, "resources": _resources("50m", "256Mi")}
    twice = {"replicaCount": 2, "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}}
    return {
        "crds": {"enabled": False},
        "global": {
            "priorityClassName": naming.SYSTEM_PRIORITY,
            "leaderElection": {"namespace": naming.SYSTEM_NAMESPACE},
        },
        **part,
        **twice,
        "webhook": {**part, **twice},
        "cainjector": {**part, **twice},
        "startupapicheck": part,
        "prometheus": {"enabled": True, "podmonitor": {"enabled": False}},
    }


def kserve_values() -> dict[str, Any]:
    """KServe's controller for language models; it makes no ingress, no gateway and no definitions."""
    return {
        "kserve": {
            "llmisvc": {
                "createGIECRDs": False,
                "controller": {
                    "imagePullPolicy": "IfNotPresent",
                    "replicas": 2,
                    "tolerations": _TOLERATIONS,
                    "resources": _resources("100m", "512Mi"),
                    "securityContext": _RESTRICTED_POD,
                },
            },
            "controller": {
                "deploymentMode": "Standard",
                "gateway": {"disableIngressCreation": True, "disableIstioVirtualHost": True},
            },
        }
    }


def _resources(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
