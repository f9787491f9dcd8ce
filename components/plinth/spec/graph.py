"""The knowledge graph: Amazon Neptune."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name


class KnowledgeGraph(Model):
    """Amazon Neptune Serverless: a property graph, asked in openCypher; encrypted, TLS only, signed requests only."""

    kind: Literal["neptune"]
    """Engine of the graph."""

    engine_version: Literal["1.4.6.3", "1.4.7.0"] = "1.4.7.0"
    """Neptune engine version."""

    min_ncu: Annotated[float, Field(ge=1, le=128, multiple_of=0.5)] = 1
    """Least capacity in Neptune capacity units (about 2 GiB of memory each)."""

    max_ncu: Annotated[float, Field(ge=2.5, le=128, multiple_of=0.5)] = 8
    """Most capacity in Neptune capacity units."""

    readers: Annotated[int, Field(ge=0, le=15)] = 0
    """Read replicas; one or more let the graph survive the loss of a zone quickly."""

    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    """Days of point-in-time recovery."""

    editors: Annotated[list[Name], Field(min_length=1)]
    """Tenants whose pods read and write. They share one graph: nothing in it is hidden from them."""

    viewers: list[Name] = []
    """Tenants whose pods read."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.min_ncu > self.max_ncu:
            raise ValueError(f"min_ncu {self.min_ncu:g} is above max_ncu {self.max_ncu:g}")
        both = sorted({*self.editors} & {*self.viewers})
        if both:
            raise ValueError(f"{both[0]!r} is an editor: leave it out of viewers")
        return self
