"""The catalogue of EC2 instances with GPUs or Neuron devices: facts, kept as data with their sources."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class MigProfile:
    """One way to cut a GPU into instances of the same size."""

    name: str
    """For example `1g.10gb`."""

    per_gpu: int
    """How many of them one GPU gives."""

    @property
    def memory_gib(self) -> float:
        """Memory of one of them: its name says it in decimal gigabytes."""
        return int(self.name.partition(".")[2].removesuffix("gb")) * 1e9 / 2**30


@dataclass(frozen=True, slots=True)
class GpuInstance:
    """One EC2 instance type with GPUs or Neuron devices."""

    name: str

    gpu: str
    """Kind of GPU or Neuron device, for example `h100` or `inferentia2`."""

    gpus: int
    """Number of them."""

    gpu_memory_gib: float
    """Memory of one of them, in GiB, as EC2 reports it."""

    maker: Literal["nvidia", "aws"]
    """Who makes them: `aws` means Neuron devices."""

    vcpus: int
    memory_gib: int

    local_nvme_gb: int
    """Size of the local NVMe drives together, in GB; 0 without any."""

    efa: int
    """Most EFA interfaces; 0 without EFA."""

    network_cards: int | None
    """Number of network cards; None where it is unknown."""

    usd_per_hour: Mapping[str, float]
    """On-demand price (Linux) by region; a region that is absent is unknown."""

    mig: tuple[MigProfile, ...]
    """MIG profiles that nodes can be set up with; none where the GPU has none, or it is not confirmed."""

    bottlerocket_name: str | None
    """What Bottlerocket calls the GPU in its MIG settings."""

    def mig_profile(self, name: str) -> MigProfile | None:
        """The profile of this name, or None."""
        return next((profile for profile in self.mig if profile.name == name), None)


@cache
def instances() -> dict[str, GpuInstance]:
    """All instance types of the catalogue by name."""
    data = json.loads(files("plinth").joinpath("tables/instances.json").read_text())
    return {name: _instance(name, facts, data["accelerators"]) for name, facts in data["instances"].items()}


def _instance(name: str, facts: dict[str, Any], accelerators: dict[str, Any]) -> GpuInstance:
    accelerator = accelerators[facts["accelerator"]]
    return GpuInstance(
        name=name,
        gpu=facts["accelerator"],
        gpus=facts["count"],
        gpu_memory_gib=accelerator["memory_mib"] / 1024,
        maker=accelerator["maker"],
        vcpus=facts["vcpus"],
        memory_gib=facts["memory_gib"],
        local_nvme_gb=facts["local_nvme_gb"],
        efa=facts["efa"],
        network_cards=facts.get("network_cards"),
        usd_per_hour=MappingProxyType(facts.get("usd_per_hour", {})),
        mig=tuple(MigProfile(profile, count) for profile, count in accelerator.get("mig", {}).items()),
        bottlerocket_name=accelerator.get("bottlerocket_name"),
    )


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
