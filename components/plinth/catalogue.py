"""The catalogue of GPU instances: facts about EC2 instance types, kept as data."""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class GpuInstance:
    """One EC2 instance type with GPUs."""

    name: str
    gpu: str
    """Kind of GPU, for example `h100`."""
    gpus: int
    gpu_memory_gib: int
    """Nominal memory of one GPU, in GiB."""
    vcpus: int
    memory_gib: int
    local_nvme_gb: int


@cache
def instances() -> dict[str, GpuInstance]:
    """All instance types of the catalogue by name."""
    data = json.loads(files("plinth").joinpath("tables/instances.json").read_text())
    return {name: GpuInstance(name, **facts) for name, facts in data["instances"].items()}


def instance(name: str) -> GpuInstance:
    """Facts about one instance type.

    Raises:
        ValueError: the catalogue does not have it; the message names the nearest ones it has.
    """
    found = instances().get(name)
    if found is None:
        near = difflib.get_close_matches(name, instances(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(sorted(instances()))}"
        raise ValueError(f"instance type {name!r} is not in the GPU catalogue: {hint}")
    return found
