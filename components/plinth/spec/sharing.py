"""How pods share the GPUs of a node pool."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, matches


class WholeGpus(Model):
    """No sharing: a pod gets GPUs of its own."""

    kind: Literal["none"] = "none"
    """How GPUs are shared."""


class Mig(Model):
    """Multi-Instance GPU: each GPU is cut into instances of one size, with memory and compute of their own."""

    kind: Literal["mig"]
    """How GPUs are shared."""

    profile: Annotated[str, matches(r"^[1-7]g\.\d{1,3}gb$", "a MIG profile, for example 1g.10gb")]
    """Size of the instances; the catalogue says which ones a GPU has."""


class TimeSlicing(Model):
    """Pods take turns on a GPU. Nothing keeps one pod from the memory of another: for development and small models."""

    kind: Literal["time_slicing"]
    """How GPUs are shared."""

    replicas: Annotated[int, Field(ge=2, le=16)]
    """Pods on one GPU."""


class Dra(Model):
    """Dynamic Resource Allocation: pods claim devices by what they are like; on a pool of fixed size."""

    kind: Literal["dra"]
    """How GPUs are shared."""


Sharing = Annotated[WholeGpus | Mig | TimeSlicing | Dra, Field(discriminator="kind")]
"""How pods share the GPUs of a pool, told apart by `kind`."""
