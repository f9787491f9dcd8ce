"""GPUs outside AWS: names, cost, and where they may be used."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from plinth.spec.problem import Problem, nearest
from plinth.spec.remote import LambdaGpu

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

EVERYWHERE = "/0"


@cache
def prices() -> dict[str, int]:
    """Lambda's instance types and what an hour of each costs, in US cents; a fact with a date, see the file."""
    return json.loads(files("plinth").joinpath("tables/lambda_prices.json").read_text())["cents_per_hour"]


def names_apart(spec: "PlatformSpec") -> Iterator[Problem]:
    """Routes name models and GPUs outside AWS alike, so their names differ."""
    models = {model.name for model in spec.models}
    for index, gpu in enumerate(spec.remote_gpus):
        if gpu.name in models:
            yield Problem(f"remote_gpus[{index}].name", gpu.name, "a name that no model has: routes name both alike")


def cost_fuse(spec: "PlatformSpec") -> Iterator[Problem]:
    """An instance costs no more than its fuse allows."""
    for index, gpu in enumerate(spec.remote_gpus):
        if not isinstance(gpu, LambdaGpu):
            continue
        cents = prices().get(gpu.instance_type)
        if cents is None:
            allowed = f"one of Lambda's instance types: {', '.join(sorted(prices()))}"
            found = nearest(gpu.instance_type, prices())
            yield Problem(f"remote_gpus[{index}].instance_type", gpu.instance_type, allowed, found)
        elif cents > gpu.max_hourly_usd * 100 + 1e-6:
            allowed = f"at least {cents / 100:.2f}, what an hour of {gpu.instance_type} costs"
            yield Problem(f"remote_gpus[{index}].max_hourly_usd", gpu.max_hourly_usd, allowed)


def fits(spec: "PlatformSpec") -> Iterator[Problem]:
    """A model is spread over no more GPUs than the instance has."""
    for index, gpu in enumerate(spec.remote_gpus):
        if isinstance(gpu, LambdaGpu) and gpu.tensor_parallel > gpu.gpus:
            allowed = f"at most {gpu.gpus}, the GPUs of {gpu.instance_type}"
            yield Problem(f"remote_gpus[{index}].tensor_parallel", gpu.tensor_parallel, allowed)


def where(spec: "PlatformSpec") -> Iterator[Problem]:
    """Instances belong to environments in the cloud, are open to known callers only, and get no restricted data."""
    for index, gpu in enumerate(spec.remote_gpus):
        path = f"remote_gpus[{index}]"
        if spec.environment.data_class == "restricted":
            allowed = "none where environment.data_class is 'restricted': such data must not leave the account"
            yield Problem(path, gpu.name, allowed)
        if not isinstance(gpu, LambdaGpu):
            continue
        if spec.environment.stage == "local":
            yield Problem(f"{path}.kind", "lambda", "'endpoint' on a laptop: it launches nothing that costs")
        for number, source in enumerate(gpu.sources):
            if source.endswith(EVERYWHERE):
                yield Problem(f"{path}.sources[{number}]", source, "a range of known callers, not the whole internet")
        if spec.network.existing and not gpu.sources:
            allowed = "the public addresses that network.existing calls from: only who made its NAT gateways knows them"
            yield Problem(f"{path}.sources", None, allowed)
