"""What Karpenter's controller may do: the scoped policy of its own documentation, as data.

Source: Karpenter documentation, "CloudFormation" reference, for v1.14: instances, templates and profiles only with
the cluster's tag on them, so that a second cluster in the account is out of reach.
"""

from plinth.security.documents import Document, Text, allow, document, partition

INTERRUPTIONS: dict[str, tuple[str, str]] = {
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "instance-state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "capacity-reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
    "health": ("aws.health", "AWS Health Event"),
}
"""Source and type of the events that tell Karpenter a node will go away."""


def controller_policies(
    *, cluster_name: str, region: str, account_id: str, node_role_arn: Text, queue_arn: Text
) -> dict[str, Document]:
    """The controller's policies by label: nodes, profiles, and the rest.

    Args:
        cluster_name: name of the cluster; part of tag keys, hence plain.
        region: AWS region.
        account_id: AWS account.
        node_role_arn: role that nodes get; the only one that may be passed on.
        queue_arn: queue of interruption notices.
    """
    return {
        "nodes": _nodes(cluster_name, region),
        "profiles": _profiles(cluster_name, region, account_id, node_role_arn),
        "support": _support(cluster_name, region, account_id, queue_arn),
    }


def _nodes(cluster_name: str, region: str) -> Document:
    """Start, tag and stop instances that carry the cluster's tag."""
    ec2 = f"arn:{partition(region)}:ec2:{region}"
    owner = f"kubernetes.io/cluster/{cluster_name}"
    made = [
        f"{ec2}:*:{kind}/*"
        for kind in ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
    ]
    used = [
        f"{ec2}::image/*",
        f"{ec2}::snapshot/*",
        *(f"{ec2}:*:{kind}/*" for kind in ("security-group", "subnet", "capacity-reservation", "placement-group")),
    ]
    requested = {
        "StringEquals": {f"aws:RequestTag/{owner}": "owned"},
        "StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"},
    }
    existing = {
        "StringEquals": {f"aws:ResourceTag/{owner}": "owned"},
        "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
    }
    at_creation = {
        **requested,
        "StringEquals": {
            **requested["StringEquals"],
            "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
        },
    }
    name_only = {
        **existing,
        "ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]},
    }
    start = ["ec2:RunInstances", "ec2:CreateFleet"]
    stop = ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"]
    instances, templates = f"{ec2}:*:instance/*", f"{ec2}:*:launch-template/*"
    return document(
        allow(start, used, sid="StartFrom"),
        allow(start, [templates], condition=existing, sid="StartFromTemplate"),
        allow([*start, "ec2:CreateLaunchTemplate"], made, condition=requested, sid="Start"),
        allow(["ec2:CreateTags"], made, condition=at_creation, sid="TagAtCreation"),
        allow(["ec2:CreateTags"], [instances], condition=name_only, sid="TagNode"),
        allow(stop, [instances, templates], condition=existing, sid="Stop"),
    )


def _profiles(cluster_name: str, region: str, account_id: str, node_role_arn: Text) -> Document:
    """Give nodes their role, through instance profiles that carry the cluster's tag."""
    profiles = [f"arn:{partition(region)}:iam::{account_id}:instance-profile/*"]
    owner, place = f"kubernetes.io/cluster/{cluster_name}", "topology.kubernetes.io/region"
    requested = {f"aws:RequestTag/{owner}": "owned", f"aws:RequestTag/{place}": region}
    existing = {f"aws:ResourceTag/{owner}": "owned", f"aws:ResourceTag/{place}": region}
    class_requested = {"aws:RequestTag/karpenter.k8s.aws/ec2nodeclass": "*"}
    class_existing = {"aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass": "*"}
    change = ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"]
    return document(
        allow(
            ["iam:PassRole"],
            [node_role_arn],
            condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            sid="PassNodeRole",
        ),
        allow(
            ["iam:CreateInstanceProfile"],
            profiles,
            condition={"StringEquals": requested, "StringLike": class_requested},
            sid="Create",
        ),
        allow(
            ["iam:TagInstanceProfile"],
            profiles,
            condition={
                "StringEquals": {**existing, **requested},
                "StringLike": {**class_existing, **class_requested},
            },
            sid="Tag",
        ),
        allow(
            change,
            profiles,
            condition={"StringEquals": existing, "StringLike": class_existing},
            sid="Change",
        ),
        allow(["iam:GetInstanceProfile"], profiles, sid="Read"),
    )


def _support(cluster_name: str, region: str, account_id: str, queue_arn: Text) -> Document:
    """Read what EC2 offers and costs, the queue, and where the cluster's API is."""
    part = partition(region)
    describe = [
        "ec2:DescribeCapacityReservations",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribePlacementGroups",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
    ]
    here = {"StringEquals": {"aws:RequestedRegion": region}}
    queue = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    return document(
        allow(describe, ["*"], condition=here, sid="Describe"),
        # These two know neither a resource nor a region.
        allow(["pricing:GetProducts", "iam:ListInstanceProfiles"], ["*"], sid="PricesAndProfiles"),
        allow(["ssm:GetParameter"], [f"arn:{part}:ssm:{region}::parameter/aws/service/*"], sid="Images"),
        allow(queue, [queue_arn], sid="Interruptions"),
        allow(["eks:DescribeCluster"], [f"arn:{part}:eks:{region}:{account_id}:cluster/{cluster_name}"], sid="Cluster"),
    )


def queue_policy(queue_arn: Text, rule_arns: list[Text]) -> Document:
    """EventBridge may send, through our rules only, and everybody must use TLS."""
    return document(
        {
            "Sid": "EventBridge",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule_arns}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
