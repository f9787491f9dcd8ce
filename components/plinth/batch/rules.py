"""What the API server refuses in tenants' namespaces: GPUs beside the queues.

Source: Kubernetes documentation, "Validating Admission Policy"; Kueue's labels, pkg/constants, v0.19.
"""

import json

from pulumi_kubernetes import admissionregistration as admission
from pulumi_kubernetes import meta

from plinth import naming
from plinth.batch.plan import BatchPlan

NAME = "gpus-through-queues"

QUEUED_LABELS = ("kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/podset")
"""Labels of pods that Kueue lets start: those that ask for a queue themselves, and those of a queued job."""


def expression(queues: BatchPlan) -> str:
    """CEL: a pod asks for no GPUs, or it runs at the priority of jobs and comes through a queue."""
    devices = sorted({flavor.gpu_resource for flavor in queues.flavors.values() if flavor.gpu_resource})
    asks = " || ".join(f"{json.dumps(device)} in c.resources.limits" for device in devices) or "false"
    none = f"!object.spec.containers.exists(c, has(c.resources) && has(c.resources.limits) && ({asks}))"
    queued = " || ".join(f"{json.dumps(label)} in object.metadata.labels" for label in QUEUED_LABELS)
    priority = f"has(object.spec.priorityClassName) && object.spec.priorityClassName == '{naming.BATCH_PRIORITY}'"
    return f"{none} || ({priority} && has(object.metadata.labels) && ({queued}))"


def policy(queues: BatchPlan) -> admission.v1.ValidatingAdmissionPolicySpecArgs:
    """The rule, for pods that are made."""
    return admission.v1.ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        match_constraints=admission.v1.MatchResourcesArgs(
            resource_rules=[
                admission.v1.NamedRuleWithOperationsArgs(
                    api_groups=[""], api_versions=["v1"], operations=["CREATE"], resources=["pods"]
                )
            ]
        ),
        validations=[
            admission.v1.ValidationArgs(
                expression=expression(queues),
                message=(
                    "GPUs come through the queue: label the job kueue.x-k8s.io/queue-name: batch and give its pods"
                    f" priorityClassName: {naming.BATCH_PRIORITY}"
                ),
                reason="Forbidden",
            )
        ],
    )


def binding() -> admission.v1.ValidatingAdmissionPolicyBindingSpecArgs:
    """Where the rule holds: in namespaces that have a queue."""
    return admission.v1.ValidatingAdmissionPolicyBindingSpecArgs(
        policy_name=NAME,
        validation_actions=["Deny"],
        match_resources=admission.v1.MatchResourcesArgs(
            namespace_selector=meta.v1.LabelSelectorArgs(match_labels={naming.QUEUE_LABEL: "true"})
        ),
    )
