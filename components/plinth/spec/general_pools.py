"""Pools of nodes without GPUs."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.network import ZoneLetter

Architecture = Literal["arm64", "x86_64"]
"""Processor architecture."""

InstanceFamily = Annotated[
    str, matches(r"^[a-z]+\d+[a-z]*(-flex)?$", "an EC2 instance family, for example m7g", max_length=20)
]

SYSTEM_POOL = "system"
"""What the label `plinth.dev/pool` of the system nodes says; no other pool may have this name."""

_GRAVITON = re.compile(r"^[a-z]+\d+g")


def family_architecture(family: str) -> Architecture:
    """Architecture of an EC2 instance family: a `g` after the generation stands for Graviton (EC2 user guide)."""
    return "arm64" if _GRAVITON.match(family) else "x86_64"


class GeneralPool(Model):
    """Nodes without GPUs, started and stopped by Karpenter as pods need them."""

    name: Name = "general"
    """Name of the pool, and value of the node label `plinth.dev/pool`."""

    architectures: Annotated[list[Architecture], Field(min_length=1)] = ["arm64"]
    """Processor architectures. With both, a pod lands on either: then every image must be built for both."""

    categories: Annotated[list[Literal["c", "m", "r", "t"]], Field(min_length=1)] = ["c", "m", "r"]
    """EC2 instance categories: c for processors, m for both, r for memory, t for bursts. Many make spot last."""

    min_generation: Annotated[int, Field(ge=4, le=9)] = 6
    """Oldest generation of these categories."""

    families: list[InstanceFamily] = []
    """EC2 instance families, for example m7g, instead of `categories` and `min_generation`."""

    capacity: Annotated[list[Literal["spot", "on_demand"]], Field(min_length=1)] = ["on_demand"]
    """Allowed ways of buying. With both, spot comes first; EC2 takes a spot node back with two minutes' notice."""

    max_cpus: Annotated[int, Field(ge=2, le=20000)] = 200
    """Most virtual processors that the pool may ever hold: the fuse against a runaway bill."""

    max_memory_gib: Annotated[int, Field(ge=4, le=200000)] = 1600
    """Most memory that the pool may ever hold, in GiB."""

    zones: list[ZoneLetter] = []
    """Zones to use. Empty: all zones of the network."""

    disk_gib: Annotated[int, Field(ge=20, le=16000)] = 100
    """Size of each node's encrypted data volume for images and scratch space, in GiB."""

    consolidate: Literal["empty", "underutilized"] = "underutilized"
    """Which nodes are given up: those that are empty, or also those whose pods fit elsewhere or on a cheaper node."""

    consolidate_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """Minutes without change after which a node is looked at."""

    dedicated: bool = False
    """Whether only pods that tolerate the taint `plinth.dev/pool=<name>` run here, for example batch work on spot."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {"categories", "min_generation"} & self.model_fields_set
        if self.families and given:
            raise ValueError(f"families already says which instances: leave out {' and '.join(sorted(given))}")
        for family in self.families:
            if family_architecture(family) not in self.architectures:
                raise ValueError(
                    f"family {family} is {family_architecture(family)}, which architectures "
                    f"({', '.join(self.architectures)}) does not have"
                )
        missing = set(self.architectures) - {family_architecture(family) for family in self.families}
        if self.families and missing:
            raise ValueError(f"no family is {', '.join(sorted(missing))}: name one, or take it out of architectures")
        if self.families == [] and self.min_generation > 8:
            raise ValueError("min_generation 9 has no instances of categories c, m and r: at most 8")
        return self
