"""Which environment this is, who owns it and what its data may be."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, Name

Stage = Literal["local", "development", "staging", "production"]
"""How much an environment matters: protection, retention and policy levels follow from it."""

DataClass = Literal["public", "internal", "confidential", "restricted"]
"""How sensitive data is, from least to most."""


class Environment(Model):
    """Identity and ownership. Every cloud resource is tagged with it."""

    name: Name
    """Name of the environment; equals the Pulumi stack's name."""

    stage: Stage
    """How much the environment matters; `production` and `staging` protect what holds data."""

    owner: Name
    """Team that answers for the environment; becomes the tag `owner`."""

    cost_center: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,32}$")]
    """Where finance books the cost; becomes the tag `cost-center`."""

    account_id: Annotated[str, Field(pattern=r"^\d{12}$")]
    """AWS account, 12 digits. The AWS provider refuses to touch any other."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"
    """AWS region of everything in this environment."""

    data_class: DataClass = "internal"
    """The most sensitive data that the environment may hold; becomes the tag `data-class`."""

    tags: dict[Annotated[str, Field(pattern=r"^[\w .:/=+@-]{1,128}$")], Annotated[str, Field(max_length=256)]] = {}
    """More tags for every AWS resource."""

    @property
    def protects_data(self) -> bool:
        """Whether resources that hold data are protected from deletion."""
        return self.stage in ("staging", "production")

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of every AWS resource in this environment."""
        return {
            **self.tags,
            "environment": self.name,
            "owner": self.owner,
            "cost-center": self.cost_center,
            "data-class": self.data_class,
            "managed-by": "plinth",
        }
