"""Who may reach a store: a security group that lets in one other group, on one port."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.network.vpc import Network


def client_access(
    component: Component,
    name: str,
    *,
    what: str,
    port: int,
    network: Network,
    client_security_group_id: pulumi.Input[str],
) -> pulumi.Output[str]:
    """The store's security group, as children `name` and `name-clients` of `component`; gives its id.

    Args:
        component: parent.
        name: logical name.
        what: the store, for descriptions.
        port: its TCP port.
        network: where it is.
        client_security_group_id: whoever has this group is let in.
    """
    group = aws.ec2.SecurityGroup(
        name,
        vpc_id=network.vpc_id,
        description=what,
        opts=component.options(aws.ec2.SecurityGroup),
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-clients",
        security_group_id=group.id,
        description=f"{what} from the cluster",
        referenced_security_group_id=client_security_group_id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        opts=component.options(aws.vpc.SecurityGroupIngressRule),
    )
    return group.id
