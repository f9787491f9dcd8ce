"""What may happen to data: how long it is kept, where it may rest, and how it goes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.environment import DataClass

Region = Annotated[str, matches(r"^[a-z]{2}(-[a-z]+)+-\d$", "an AWS region, for example us-east-1")]

Days = Annotated[int, Field(ge=1, le=36_500)]


class DataRules(Model):
    """One class of data: everything that is kept, placed and deleted alike."""

    name: Name
    """Name of the class, for example `customer-content`."""

    sensitivity: DataClass
    """How sensitive its data is; a bucket under it has the same `data_class`."""

    purpose: Literal["content", "audit", "operations"] = "content"
    """content: what people and products write; audit: what proves what happened; operations: what runs the platform."""

    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days that its data is kept at least, because a law or a contract says so."""

    retention_days: Days | None = None
    """Days after which its data is gone at the latest, old versions and backups included. Empty: while it is used."""

    regions: list[Region] = []
    """AWS regions that it may rest in. Empty: any."""

    deletion: Literal["erase", "anonymize", "keep"] = "erase"
    """What happens to a person's data when the person is erased. erase: it is deleted; anonymize: rows stay, and their
    personal columns are emptied; keep: it stays, and the receipt says so. Audit data is kept."""

    encryption: Literal["customer_key", "any"] = "customer_key"
    """customer_key: only stores that encrypt with the platform's own KMS keys; any: stores of other companies too."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.retention_days is not None and self.keep_days > self.retention_days:
            raise ValueError(f"keep_days {self.keep_days} is above retention_days {self.retention_days}")
        if self.purpose == "audit" and self.deletion != "keep":
            raise ValueError("class with purpose audit needs deletion: keep, or a deletion would erase its own proof")
        if self.purpose == "audit" and not self.keep_days:
            raise ValueError("class with purpose audit needs keep_days: how long what happened must be provable")
        return self


class Holdings(Model):
    """Which class the data in each store belongs to. Every store of the platform has one."""

    buckets: dict[str, Name] = {}
    """Bucket of `storage.buckets` -> class."""

    postgres: Name | None = None
    """Class of what the platform's PostgreSQL holds."""

    cache: Name | None = None
    """Class of what the cache holds."""

    collections: dict[str, Name] = {}
    """Collection of the vector store -> class."""

    snowflake: dict[str, Name] = {}
    """Snowflake database -> class."""

    audit_trail: Name | None = None
    """Class of CloudTrail's records, where this environment keeps them."""


class Governance(Model):
    """Classes of data, and which store holds which. Each store is checked against its class, without a cloud."""

    classes: Annotated[list[DataRules], Field(min_length=1)]
    """Classes of data."""

    holdings: Holdings
    """Which class each store holds."""

    def rules(self, name: str) -> DataRules | None:
        """The class of that name, if there is one."""
        return next((rules for rules in self.classes if rules.name == name), None)
