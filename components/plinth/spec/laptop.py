"""The laptop: ports of the processes that stand in for the cluster's pods."""

from pydantic import Field

from plinth.spec.base import Model, Name, Port


class Ports(Model):
    """TCP ports on 127.0.0.1."""

    gateway: Port = 8080
    """The gateway."""

    aws: Port = 4566
    """The local stand-in for AWS."""

    models: dict[Name, Port] = Field(default_factory=dict)
    """One for each development model, by the model's name."""


class Laptop(Model):
    """Runs the rendered workloads as processes of this machine; only for stage `local`."""

    ports: Ports = Ports()
    """Ports to listen on."""
