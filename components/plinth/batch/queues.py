"""Kueue, the operators of distributed jobs, and what all tenants' queues stand on."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from plinth import naming, versions
from plinth.base import Component
from plinth.batch import plan, rules, values
from plinth.spec.batch import Batch
from plinth.spec.environment import Environment


class BatchQueues(Component):
    """Kueue with a flavor for each pool and a cohort of what is shared; tenants bring their own queues.

    Jobs of tenants run below everything else: the scheduler makes room for models by pushing jobs' pods out, and Kueue
    queues those jobs again. Pods with GPUs in tenants' namespaces have to come through a queue.
    """

    quotas: plan.BatchPlan
    """Every queue's quota."""

    runs_ray: bool
    """Whether KubeRay is there."""

    ready: list[pulumi.Resource]
    """What must exist before a tenant's queue works."""

    def __init__(
        self,
        name: str,
        section: Batch,
        *,
        environment: Environment,
        queues: plan.BatchPlan,
        namespace: pulumi.Input[str],
        crds: list[pulumi.Resource],
        ray: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("BatchQueues", name, section, environment=environment, opts=opts)
        self._name, self.quotas = name, queues
        self.runs_ray = "ray" in section.frameworks
        priority = k8s.scheduling.v1.PriorityClass(
            f"{name}-priority",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=naming.BATCH_PRIORITY),
            value=plan.POD_PRIORITY,
            preemption_policy="Never",
            description="Pods of tenants' jobs: everything else goes before them.",
            opts=self.options(k8s.scheduling.v1.PriorityClass),
        )
        operators: list[pulumi.Resource] = [ray] if ray else []
        if "train" in section.frameworks:
            trainer = values.trainer_values(environment)
            operators.append(self._release("trainer", versions.KUBEFLOW_TRAINER, namespace, trainer, crds))
        # Kueue looks for the kinds that it queues when it starts.
        queueing = values.kueue_values(section, environment)
        kueue = self._release("kueue", versions.KUEUE, namespace, queueing, [priority, *operators])
        self.ready = [kueue, *self._queues(kueue), *self._admission()]
        self.register_outputs({"flavors": sorted(queues.flavors)})

    def _release(
        self,
        chart_name: str,
        chart: versions.Chart,
        namespace: pulumi.Input[str],
        settings: dict[str, Any],
        depends_on: list[pulumi.Resource],
    ) -> k8s.helm.v3.Release:
        return k8s.helm.v3.Release(
            f"{self._name}-{chart_name}",
            name=chart_name,
            chart=chart.name,
            version=chart.version,
            namespace=namespace,
            values=settings,
            # The definitions of Trainer and JobSet are releases of their own; Kueue's chart has its own as templates.
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            opts=self.options(k8s.helm.v3.Release, depends_on=depends_on),
        )

    def _queues(self, kueue: pulumi.Resource) -> list[pulumi.Resource]:
        """Flavors, the cohort and the classes of urgency."""
        resource = k8s.apiextensions.CustomResource
        flavors: list[pulumi.Resource] = [
            plan.resource_flavor(flavor).register(
                f"{self._name}-flavor-{flavor.name}",
                name=flavor.name,
                opts=self.options(resource, depends_on=[kueue]),
            )
            for flavor in self.quotas.flavors.values()
        ]
        cohort = plan.cohort(self.quotas).register(
            f"{self._name}-cohort",
            name=plan.COHORT,
            opts=self.options(resource, depends_on=[kueue, *flavors]),
        )
        classes = [
            urgency.register(
                f"{self._name}-urgency-{label}", name=label, opts=self.options(resource, depends_on=[kueue])
            )
            for label, urgency in plan.urgencies().items()
        ]
        return [*flavors, cohort, *classes]

    def _admission(self) -> list[pulumi.Resource]:
        """The rule that GPUs of tenants come through queues."""
        admission = k8s.admissionregistration.v1
        policy = admission.ValidatingAdmissionPolicy(
            f"{self._name}-rule",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=rules.NAME),
            spec=rules.policy(self.quotas),
            opts=self.options(admission.ValidatingAdmissionPolicy),
        )
        binding = admission.ValidatingAdmissionPolicyBinding(
            f"{self._name}-rule-binding",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=rules.NAME),
            spec=rules.binding(),
            opts=self.options(admission.ValidatingAdmissionPolicyBinding, depends_on=[policy]),
        )
        return [policy, binding]
