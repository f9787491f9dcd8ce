"""Karpenter: starts and stops the nodes that pods ask for."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from plinth import naming, pods, versions
from plinth.base import Component
from plinth.cluster import gates, karpenter_policy, plan, pod_network
from plinth.cluster.cluster import Cluster
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.security.roles import role
from plinth.spec.environment import Environment
from plinth.spec.gpu import GpuPool

SERVICE_ACCOUNT = "karpenter"


class Karpenter(Component):
    """Karpenter's controller, interruption queue and node role."""

    node_role_name: pulumi.Output[str]
    """Name of the IAM role of the nodes that it starts."""

    node_role_arn: pulumi.Output[str]
    """ARN of that role."""

    queue_name: pulumi.Output[str]
    """SQS queue of interruption notices."""

    ready: list[pulumi.Resource]
    """What must exist before a node pool can be made."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        cluster: Cluster,
        namespace: pulumi.Input[str],
        crds: Sequence[pulumi.Resource] = (),
        pools: Sequence[GpuPool] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        section = {"controller": versions.KARPENTER.version}
        super().__init__("Karpenter", name, section, environment=environment, opts=opts)
        self._prefix = name

        node_role = role(
            self,
            f"{name}-nodes",
            description=f"Nodes that Karpenter starts for {cluster.physical_name}",
            trust=documents.service_trust("ec2.amazonaws.com"),
            region=environment.region,
            managed_policies=plan.NODE_POLICIES,
        )
        self.node_role_arn, self.node_role_name = node_role.arn, node_role.name
        entry = aws.eks.AccessEntry(
            f"{name}-nodes-access",
            cluster_name=cluster.name,
            principal_arn=node_role.arn,
            type="EC2_LINUX",
            opts=self.options(aws.eks.AccessEntry),
        )
        queue = self._interruptions()
        self.queue_name = queue.name
        identity = WorkloadIdentity(
            f"{name}-identity",
            environment=environment,
            cluster_name=cluster.name,
            namespace=namespace,
            service_account=SERVICE_ACCOUNT,
            policies=karpenter_policy.controller_policies(
                cluster_name=cluster.physical_name,
                region=environment.region,
                account_id=environment.account_id,
                node_role_arn=node_role.arn,
                queue_arn=queue.arn,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        controller = self._controller(
            namespace,
            controller_values(
                environment, cluster.name, queue.name, own_pod_subnets=cluster.pods_have_own_subnets, pools=pools
            ),
            depends_on=[*crds, identity, entry, *node_role.attachments],
        )
        self.ready = [controller]
        self.register_outputs(
            {
                "node_role_name": self.node_role_name,
                "node_role_arn": self.node_role_arn,
                "queue_name": self.queue_name,
            }
        )

    def _interruptions(self) -> aws.sqs.Queue:
        """A queue that hears when a node will go away, so that its pods move first."""
        name = f"{self._prefix}-interruptions"
        queue = aws.sqs.Queue(
            name,
            message_retention_seconds=300,
            sqs_managed_sse_enabled=True,
            opts=self.options(aws.sqs.Queue),
        )
        rules: list[pulumi.Input[str]] = []
        for label, (source, kind) in karpenter_policy.INTERRUPTIONS.items():
            rule = aws.cloudwatch.EventRule(
                f"{self._prefix}-{label}",
                description=f"{kind}: tells Karpenter",
                event_pattern=json.dumps({"source": [source], "detail-type": [kind]}),
                opts=self.options(aws.cloudwatch.EventRule),
            )
            aws.cloudwatch.EventTarget(
                f"{self._prefix}-{label}-target",
                rule=rule.name,
                arn=queue.arn,
                opts=self.options(aws.cloudwatch.EventTarget),
            )
            rules.append(rule.arn)
        aws.sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.url,
            policy=pulumi.Output.json_dumps(karpenter_policy.queue_policy(queue.arn, rules)),
            opts=self.options(aws.sqs.QueuePolicy),
        )
        return queue

    def _controller(
        self, namespace: pulumi.Input[str], values: dict[str, Any], *, depends_on: list[pulumi.Resource]
    ) -> k8s.helm.v3.Release:
        return k8s.helm.v3.Release(
            f"{self._prefix}-controller",
            name="karpenter",
            chart=versions.KARPENTER.name,
            version=versions.KARPENTER.version,
            namespace=namespace,
            values=values,
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            opts=self.options(k8s.helm.v3.Release, depends_on=depends_on),
        )


def controller_values(
    environment: Environment,
    cluster_name: pulumi.Input[str],
    queue_name: pulumi.Input[str],
    *,
    own_pod_subnets: bool,
    pools: Sequence[GpuPool],
) -> dict[str, Any]:
    """Values of the Karpenter chart. Its containers' own defaults already meet the `restricted` level."""
    return {
        "replicas": 2 if environment.protects_data else 1,
        "priorityClassName": naming.SYSTEM_PRIORITY,
        "tolerations": list(pods.SYSTEM_TOLERATIONS),
        "serviceAccount": {"name": SERVICE_ACCOUNT},
        "settings": {
            "clusterName": cluster_name,
            "interruptionQueue": queue_name,
            "featureGates": gates.feature_gates(pools),
            # Karpenter would count the pods of an interface that holds none.
            **({"reservedENIs": str(pod_network.RESERVED_INTERFACES)} if own_pod_subnets else {}),
        },
        "controller": {
            # Without it Karpenter asks the instance metadata service, which pods cannot reach here.
            "env": [{"name": "AWS_REGION", "value": environment.region}],
            "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        },
    }
