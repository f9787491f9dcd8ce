"""A second region: how soon the platform answers when its own region is lost, and how much data may be missing."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Cidr, Model, matches
from plinth.spec.network import ZoneLetter


class Recovery(Model):
    """What a lost region may cost. The mechanism follows from the objectives; it is the cheapest that reaches them."""

    region: Annotated[str, matches(r"^[a-z]{2}(-[a-z]+)+-\d$", "an AWS region, for example us-west-2")]
    """AWS region that takes over."""

    cidr: Cidr
    """Address space of the network there; must not overlap the environment's own."""

    zones: Annotated[list[ZoneLetter], Field(min_length=2, max_length=4)] = ["a", "b", "c"]
    """Letters of the availability zones there."""

    answers_rto_minutes: Annotated[int, Field(ge=1, le=10_080)] = 60
    """Recovery time objective of the gateway: minutes until it answers from the other region."""

    data_rpo_minutes: Annotated[int, Field(ge=1, le=10_080)] = 1500
    """Recovery point objective of objects and databases: minutes of writes that may be lost."""

    database_rpo_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = None
    """The same for PostgreSQL alone, where fewer minutes may be lost than of objects. Empty: `data_rpo_minutes`."""

    enforce_database_rpo: bool = False
    """Commits wait while the other region is further behind than the objective, so that it holds. It costs
    availability: a region that cannot be reached stops writing here."""

    cache: Literal["refill", "follow"] = "refill"
    """`refill`: the cache there starts empty and fills again. `follow`: a global datastore keeps it up to date."""

    data_rto_minutes: Annotated[int, Field(ge=1, le=10_080)] = 480
    """Recovery time objective of databases: minutes until their data is there again."""

    traffic: Literal["failover", "nearest"] = "failover"
    """`failover`: the other region answers only when this one does not. `nearest`: both always answer."""

    replicate_images: bool = True
    """Copy every image of the account's registry there; off where the organization does so already."""

    @property
    def database_rpo(self) -> int:
        """Minutes of writes that PostgreSQL may lose."""
        return self.data_rpo_minutes if self.database_rpo_minutes is None else self.database_rpo_minutes

    @model_validator(mode="after")
    def _both_answer(self) -> Self:
        if self.traffic == "nearest" and self.answers_rto_minutes > 30:
            raise ValueError("traffic 'nearest' keeps both regions running: answers_rto_minutes is then at most 30")
        return self
