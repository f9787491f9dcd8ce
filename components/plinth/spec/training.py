"""Training jobs: what a team's stack submits to its queue."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import ImageDigest, Model, Name, matches

Variable = Annotated[str, matches(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$", "the name of an environment variable")]


class _Job(Model):
    """What all jobs have in common: how many nodes of which pool, and where their checkpoints go."""

    name: Name
    """Name of the job. Its checkpoints are found again under the same name."""

    image: ImageDigest
    """Image with the program, by digest."""

    command: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments. It goes on from the newest checkpoint below `$CHECKPOINT_URI`, if there is one."""

    environment: dict[Variable, str] = {}
    """Environment variables. Nothing secret: they stand in the open."""

    pool: Name
    """GPU pool that its nodes run on: one of those in the tenant's queue."""

    nodes: Annotated[int, Field(ge=1, le=128)] = 1
    """Pods that compute; all start together."""

    gpus_per_node: Annotated[int, Field(ge=1, le=16)] = 1
    """GPUs of each."""

    cpus_per_node: Annotated[int, Field(ge=1, le=192)]
    """Processor cores of each."""

    memory_gib_per_node: Annotated[int, Field(ge=1, le=2048)]
    """Memory of each, in GiB; what `shared_memory_gib` takes is part of it."""

    shared_memory_gib: Annotated[int, Field(ge=1, le=512)] = 8
    """Memory that the processes of a node share (`/dev/shm`), in GiB: data loaders and NCCL need it."""

    scratch_gib: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Disk of each node for what need not last (`/tmp`), in GiB."""

    checkpoints: Name
    """Bucket for checkpoints: one in which the tenant has a place of its own."""

    datasets: list[Name] = []
    """Buckets of whose objects the job may read those below the tenant's prefix."""

    urgency: Literal["urgent", "normal", "low"] = "normal"
    """How urgent it is among the tenant's own jobs."""

    retries: Annotated[int, Field(ge=0, le=20)] = 3
    """How often it starts again after a failure. Nodes that were taken away do not count."""

    deadline_minutes: Annotated[int, Field(ge=1, le=43_200)]
    """Longest time that it may run at a stretch; waiting does not count."""


class TrainJob(_Job):
    """A job of Kubeflow Trainer: the same program on every node, started as `torchrun` would."""

    kind: Literal["train"]
    """What runs it."""


class RayJob(_Job):
    """A program on a Ray cluster of its own, which goes when the program ends."""

    kind: Literal["ray"]
    """What runs it."""

    ray_version: Annotated[str, matches(r"^\d+\.\d+\.\d+$", "a version of Ray, for example 2.52.0")]
    """Version of Ray in the image."""


TrainingJob = Annotated[TrainJob | RayJob, Field(discriminator="kind")]
"""A job, told apart by `kind`."""
