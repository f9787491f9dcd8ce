"""The gateway's own address, for clients outside of the cluster."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from plinth.spec.base import Cidr, Model, matches


class Entry(Model):
    """A network load balancer with TLS and a DNS name in front of the gateway.

    With a second region that answers, the name leads to whichever region is healthy.
    """

    host: Annotated[
        str, matches(r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$", "a DNS name, such as ai.acme.example.com")
    ]
    """DNS name of the gateway; gets a certificate of its own."""

    zone_id: Annotated[str, matches(r"^Z[A-Z0-9]{5,31}$", "the id of a Route 53 hosted zone: Z, capitals and digits")]
    """Public hosted zone that the name is in: certificates are validated through it."""

    internal: bool = True
    """Whether only private networks reach it: the VPC, what is peered with it, and the company behind a VPN."""

    allowed_cidrs: Annotated[list[Cidr], Field(min_length=1)]
    """Networks that may connect."""

    @model_validator(mode="after")
    def _not_the_world_inside(self) -> Self:
        if self.internal and "0.0.0.0/0" in self.allowed_cidrs:
            raise ValueError("allowed_cidrs must name the private networks of an internal entry, not 0.0.0.0/0")
        return self
