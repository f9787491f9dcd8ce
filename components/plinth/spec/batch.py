"""Training and other batch jobs: which capacity their queues hand out, and what each tenant is guaranteed of it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name

Framework = Literal["train", "ray"]
"""What runs a distributed job: Kubeflow Trainer (TrainJob) or Ray (RayJob)."""


class Batch(Model):
    """Queues (Kueue) over node pools: models go first, guarantees hold, and what nobody uses is lent."""

    frameworks: list[Framework] = ["train"]
    """Operators for distributed jobs. Plain Kubernetes Jobs can always be queued."""

    pools: list[Name] = []
    """GPU pools that jobs may use. Models of the same pool go first."""

    general_pool: Name | None = None
    """General pool that jobs without GPUs run on. Absent: any that is open to all."""

    cpus: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Processor cores, outside GPU pools, that all jobs together may request."""

    memory_gib: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    """Memory, outside GPU pools, that all jobs together may request, in GiB."""

    start_minutes: Annotated[int, Field(ge=5, le=240)] = 30
    """Minutes in which an admitted job's pods must all run; after that it goes back to its queue."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        for field in ("frameworks", "pools"):
            names: list[str] = getattr(self, field)
            if len(set(names)) != len(names):
                raise ValueError(f"{field} names {', '.join(sorted(n for n in names if names.count(n) > 1))} twice")
        return self


class GpuShare(Model):
    """What a tenant's jobs get of one GPU pool."""

    pool: Name
    """A pool of `batch.pools`."""

    max_gpus: Annotated[int, Field(ge=1, le=1024)]
    """Most GPUs of the pool that its jobs may hold, borrowed ones included."""

    guaranteed_gpus: Annotated[int, Field(ge=0, le=1024)] = 0
    """GPUs that are its own whenever it wants them; others may use them until then."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.guaranteed_gpus > self.max_gpus:
            raise ValueError(f"guaranteed_gpus {self.guaranteed_gpus} is above max_gpus {self.max_gpus}")
        return self


class TenantBatch(Model):
    """A tenant's queue."""

    gpus: list[GpuShare] = []
    """GPU pools that its jobs may use, with how much of each."""

    guaranteed_cpus: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Processor cores outside GPU pools that are its own whenever it wants them."""

    guaranteed_memory_gib: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Memory outside GPU pools that is its own whenever it wants it, in GiB."""

    weight: Annotated[int, Field(ge=1, le=100)] = 1
    """Its part, relative to other tenants', of what is lent."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [share.pool for share in self.gpus]
        if len(set(names)) != len(names):
            raise ValueError("gpus names a pool twice: add its numbers up")
        return self
