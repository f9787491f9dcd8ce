"""GPU node pools: which instances, which capacity, and how many GPUs at most."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth import catalogue
from plinth.spec.base import Model, Name, matches
from plinth.spec.network import ZoneLetter

Capacity = Literal["reserved", "spot", "on_demand"]
"""How EC2 capacity is bought. Karpenter prefers reserved, then spot, then on-demand."""


ReservationId = Annotated[
    str, matches(r"^cr-[0-9a-f]{8,17}$", "the id of an EC2 capacity reservation: cr- and hex digits")
]


class GpuPool(Model):
    """A Karpenter node pool of GPU instances, tainted so that only models land on it."""

    name: Name
    """Name of the pool; models refer to it."""

    instance_types: Annotated[list[str], Field(min_length=1)]
    """EC2 instance types from the instance catalogue, all with the same kind of GPU."""

    capacity: Annotated[list[Capacity], Field(min_length=1)] = ["on_demand"]
    """Allowed ways of buying; several make the pool fall back from one to the next."""

    max_gpus: Annotated[int, Field(ge=1, le=1024)]
    """Most GPUs that the pool may ever hold: the fuse against a runaway bill."""

    reservation_ids: list[ReservationId] = []
    """EC2 capacity reservations to draw from; needed when `capacity` has `reserved`."""

    zones: list[ZoneLetter] = []
    """Zones to use. Empty: all zones of the network."""

    disk_gib: Annotated[int, Field(ge=50, le=16000)] = 500
    """Size of each node's encrypted data volume for images and weights, in GiB."""

    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """Minutes after which an empty node is removed."""

    @field_validator("instance_types")
    @classmethod
    def _known_instances(cls, value: list[str]) -> list[str]:
        for name in value:
            catalogue.instance(name)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        gpus = {catalogue.instance(name).gpu for name in self.instance_types}
        if len(gpus) > 1:
            raise ValueError(f"instance_types mix GPUs ({', '.join(sorted(gpus))}): make one pool for each kind")
        if ("reserved" in self.capacity) != bool(self.reservation_ids):
            raise ValueError("capacity 'reserved' and reservation_ids go together: give both or neither")
        return self
