"""Which environment this is, who owns it and what its data may be."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import CostCenter, Model, Name, matches

Stage = Literal["local", "development", "staging", "production"]
"""How much an environment matters: protection, retention and policy levels follow from it."""

DataClass = Literal["public", "internal", "confidential", "restricted"]
"""How sensitive data is, from least to most."""


TagKey = Annotated[str, matches(r"^[\w .:/=+@-]{1,128}$", "letters, digits, spaces and _ . : / = + @ -")]
"""The key of an AWS tag."""


class Environment(Model):
    """Identity and ownership. Every cloud resource is tagged with it."""

    name: Name
    """Name of the environment; equals the Pulumi stack's name."""

    stage: Stage
    """How much the environment matters; `production` and `staging` protect what holds data."""

    owner: Name
    """Team that answers for the environment; becomes the tag `owner`."""

    cost_center: CostCenter
    """Where finance books the cost; becomes the tag `cost-center`."""

    account_id: Annotated[str, matches(r"^\d{12}$", "12 digits, in quotes")]
    """AWS account, 12 digits. The AWS provider refuses to touch any other."""

    region: Annotated[str, matches(r"^[a-z]{2}(-[a-z]+)+-\d$", "an AWS region, for example us-east-1")] = "us-east-1"
    """AWS region of everything in this environment."""

    data_class: DataClass = "internal"
    """The most sensitive data that the environment may hold; becomes the tag `data-class`."""

    tags: dict[TagKey, Annotated[str, Field(max_length=256)]] = {}
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
