"""What may run on a laptop."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.models import DevelopmentModel, SelfHostedModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def laptop_only(spec: "PlatformSpec") -> Iterator[Problem]:
    """Processes on this machine belong to stage `local`, and only to it."""
    stage = spec.environment.stage
    if (spec.laptop is None) == (stage == "local"):
        allowed = "given when environment.stage is 'local', and only then"
        yield Problem("laptop", None if spec.laptop is None else "given", allowed)
    if spec.laptop is None:
        return
    ports = spec.laptop.ports
    development = [model.name for model in spec.models if isinstance(model, DevelopmentModel)]
    for index, model in enumerate(spec.models):
        if isinstance(model, SelfHostedModel):
            yield Problem(
                f"models[{index}].kind", model.kind, "'development' or 'hosted' on a laptop: it has no GPU pool"
            )
    for name in development:
        if name not in ports.models:
            yield Problem("laptop.ports.models", sorted(ports.models), f"a port for the development model {name}")
    for name in ports.models:
        yield from one_of(f"laptop.ports.models.{name}", name, development, "development models")
    taken: dict[int, str] = {}
    every = {"gateway": ports.gateway, "aws": ports.aws, **{f"models.{n}": p for n, p in ports.models.items()}}
    for name, port in every.items():
        if port in taken:
            yield Problem(f"laptop.ports.{name}", port, f"a port that laptop.ports.{taken[port]} does not have already")
        taken.setdefault(port, name)
