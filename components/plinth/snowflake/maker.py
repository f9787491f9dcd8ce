"""How every object of the account is made: named after the component, commented, deleted before it is replaced."""

from dataclasses import dataclass
from typing import Any

import pulumi

from plinth.base import Component


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes children of a component.

    Names are the spec's own, because people type them, so a replacement deletes first.
    """

    component: Component
    prefix: str
    comment: str

    def logical(self, *parts: str) -> str:
        """Logical name of a child."""
        return "-".join((self.prefix, *parts)).lower().replace("_", "-").replace(".", "-").replace(" ", "-")

    def options(self, of: type[pulumi.Resource], **more: Any) -> pulumi.ResourceOptions:
        """Options of a child."""
        return self.component.options(of, delete_before_replace=True, **more)


def quoted(*parts: pulumi.Input[str]) -> pulumi.Output[str]:
    """The full name of an object from the names of what it is in and its own."""
    return pulumi.Output.all(*parts).apply(lambda names: ".".join(f'"{name}"' for name in names))
