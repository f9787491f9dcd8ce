"""Capacity that a GPU pool holds whether it uses it or not."""

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.spec.environment import Environment
from plinth.spec.gpu import CapacityBlock, GpuPool, NewReservation

PLATFORM = "Linux/UNIX"


def reservations(component: Component, name: str, pool: GpuPool, environment: Environment) -> list[pulumi.Output[str]]:
    """Make what a pool reserves, as children of `component`; gives the ids.

    A Capacity Block is bought, once and for good: it is protected at every stage, and never changed.
    """
    made: list[pulumi.Output[str]] = []
    if pool.new_reservation:
        made += _on_demand(component, name, pool.new_reservation, environment)
    if pool.capacity_block:
        made.append(_block(component, name, pool.capacity_block))
    return made


def _on_demand(
    component: Component, name: str, wanted: NewReservation, environment: Environment
) -> list[pulumi.Output[str]]:
    """Reservations for this pool alone: `targeted` keeps other instances of the account out of them."""
    return [
        aws.ec2.CapacityReservation(
            f"{name}-reservation-{zone}",
            instance_type=wanted.instance_type,
            instance_platform=PLATFORM,
            instance_count=wanted.instances,
            availability_zone=f"{environment.region}{zone}",
            instance_match_criteria="targeted",
            end_date_type="unlimited",
            opts=component.options(aws.ec2.CapacityReservation),
        ).id
        for zone in dict.fromkeys(wanted.zones)
    ]


def _block(component: Component, name: str, wanted: CapacityBlock) -> pulumi.Output[str]:
    return aws.ec2.CapacityBlockReservation(
        f"{name}-block",
        capacity_block_offering_id=wanted.offering_id,
        instance_platform=PLATFORM,
        opts=component.options(aws.ec2.CapacityBlockReservation, protect=True, retain_on_delete=True),
    ).id
