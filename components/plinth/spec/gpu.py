"""GPU node pools: which instances, which capacity, and how many GPUs at most."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth import catalogue
from plinth.spec import gpu_rules
from plinth.spec.base import Model, Name, matches
from plinth.spec.network import ZoneLetter
from plinth.spec.sharing import Sharing, WholeGpus

Plane = Literal["karpenter", "auto"]
"""Who runs the nodes: Karpenter in the cluster, or Amazon (EKS Auto Mode)."""

Capacity = Literal["reserved", "spot", "on_demand"]
"""How EC2 capacity is bought. Karpenter prefers reserved, then spot, then on-demand."""

Image = Literal["bottlerocket", "al2023"]
"""Operating system of the nodes."""

ReservationId = Annotated[
    str, matches(r"^cr-[0-9a-f]{8,17}$", "the id of an EC2 capacity reservation: cr- and hex digits")
]


class NewReservation(Model):
    """An on-demand capacity reservation that the platform makes: it costs the on-demand price, used or not."""

    instance_type: str
    """One of the pool's instance types."""

    instances: Annotated[int, Field(ge=1, le=128)]
    """Number of instances in each zone."""

    zones: Annotated[list[ZoneLetter], Field(min_length=1)]
    """Zones to reserve in."""


class CapacityBlock(Model):
    """A purchase of an EC2 Capacity Block: paid in full and at once, and never refunded."""

    offering_id: Annotated[
        str, matches(r"^cbr-[0-9a-z]{8,32}$", "the id of a Capacity Block offering: cbr- and letters or digits")
    ]
    """Offering, from `aws ec2 describe-capacity-block-offerings`."""

    i_understand_this_is_a_purchase: Literal[True]
    """Buys the block in the next `pulumi up`."""


class GpuPool(Model):
    """A pool of GPU or Neuron instances, tainted so that only what asks for the pool lands on it."""

    name: Name
    """Name of the pool; models refer to it."""

    instance_types: Annotated[list[str], Field(min_length=1)]
    """EC2 instance types from the instance catalogue, all with the same kind of GPU."""

    plane: Plane = "karpenter"
    """Who runs the nodes. `auto` needs no care, and allows no sharing, EFA, image or fixed size of your own."""

    capacity: Annotated[list[Capacity], Field(min_length=1)] = ["on_demand"]
    """Allowed ways of buying; several make the pool fall back from one to the next."""

    max_gpus: Annotated[int, Field(ge=1, le=1024)]
    """Most GPUs (or Neuron devices) that the pool may ever hold: the fuse against a runaway bill."""

    fixed_nodes: Annotated[int, Field(ge=1, le=99)] | None = None
    """Keep this many nodes, whatever pods ask for. A pool cannot change between fixed and not."""

    reservation_ids: list[ReservationId] = []
    """EC2 capacity reservations (or Capacity Blocks) to draw from, by id."""

    reservation_tags: dict[str, str] = {}
    """Draw from all capacity reservations of the account that carry these tags."""

    new_reservation: NewReservation | None = None
    """Reserve capacity for the pool."""

    capacity_block: CapacityBlock | None = None
    """Buy a Capacity Block for the pool."""

    zones: list[ZoneLetter] = []
    """Zones to use. Empty: all zones of the network."""

    image: Image = "bottlerocket"
    """Operating system of the nodes; `al2023` where a driver or plugin needs it."""

    sharing: Sharing = WholeGpus()
    """How pods share the GPUs."""

    efa: bool = False
    """Elastic Fabric Adapter: a network between nodes for models and training that span several."""

    parallel_pull: bool = True
    """Pull and unpack the layers of an image at once: model images are large."""

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
        if problems := list(gpu_rules.problems(self)):
            raise ValueError("; ".join(problems))
        return self

    @property
    def instances(self) -> list[catalogue.GpuInstance]:
        """Facts about its instance types."""
        return [catalogue.instance(name) for name in self.instance_types]

    @property
    def neuron(self) -> bool:
        """Whether its devices are AWS Neuron devices, not GPUs."""
        return self.instances[0].maker == "aws"
