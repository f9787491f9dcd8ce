"""Physical names that the program leaves to the provider, as Pulumi's Terraform bridge makes them.

`logical name` + `-` + seven hex digits, cut to what the service allows, kept over updates, new for a replacement. Which
names were made up is kept in the inputs under `__defaults`, where the bridge keeps it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from plinth_cli.rehearsal.package import Call, Failure, Naming
from plinth_cli.rehearsal.values import Props

DEFAULTS = "__defaults"
"""Input under which the bridge keeps the names of the inputs that it filled in."""

_HEX_DIGITS = 7


@dataclass(frozen=True)
class NameRule:
    """How the name of one resource type is made."""

    property: str = "name"
    """The input that holds the physical name."""
    longest: int = 255
    """Characters that the service allows."""
    lower: bool = False
    upper: bool = False
    separator: str = "-"
    prefix: str | None = None
    """An input such as `namePrefix` that the provider itself completes to a name."""
    fifo: str | None = None
    """An input that, where true, asks for a name that ends in `.fifo`: the service refuses any other."""


def autoname(rule: NameRule, call: Call, inputs: Props, old_inputs: Mapping[str, Any], naming: Naming) -> list[Failure]:
    """Fills in the name where it is missing; says what stops it."""
    if inputs.get(rule.property) is not None:
        return []
    filled = cast("list[str]", inputs.setdefault(DEFAULTS, []))
    was_filled = rule.property in cast("list[str]", old_inputs.get(DEFAULTS) or [])
    prefix = inputs.get(rule.prefix) if rule.prefix else None
    if was_filled and (prefix is None or prefix == old_inputs.get(rule.prefix or "")):
        inputs[rule.property] = old_inputs[rule.property]
    elif naming.mode == "disable":
        return [Failure(rule.property, "is required, because auto-naming is disabled for this resource")]
    elif isinstance(prefix, str):
        inputs[rule.property] = prefix + call.digest("name")[:26]
    else:
        inputs[rule.property] = _made_up(rule, call, inputs, naming)
    filled.append(rule.property)
    return []


def is_made_up(rule: NameRule, inputs: Mapping[str, Any]) -> bool:
    """Whether the name in the inputs came from `autoname`."""
    return rule.property in cast("list[str]", inputs.get(DEFAULTS) or [])


def _made_up(rule: NameRule, call: Call, inputs: Mapping[str, Any], naming: Naming) -> str:
    suffix = ".fifo" if rule.fifo and inputs.get(rule.fifo) is True else ""
    tail = f"{rule.separator}{call.digest('name')[:_HEX_DIGITS]}"
    if naming.proposed is not None:
        name = naming.proposed
        if naming.mode == "enforce":
            return name
    else:
        name = call.urn.name[: rule.longest - len(tail) - len(suffix)] + tail
    if rule.separator != "-":
        name = name.replace("-", rule.separator)
    name = name.lower() if rule.lower else name.upper() if rule.upper else name
    return re.sub(r"[^A-Za-z0-9_.:/+=@-]", rule.separator, name)[: rule.longest - len(suffix)] + suffix
