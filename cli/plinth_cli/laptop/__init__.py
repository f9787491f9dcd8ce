"""The laptop: the runtime's workloads as processes of this machine, run from what Pulumi rendered."""

from plinth_cli.laptop.client import Laptop
from plinth_cli.laptop.protocol import ProcessStatus

__all__ = ["Laptop", "ProcessStatus"]
