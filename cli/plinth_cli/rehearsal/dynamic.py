"""Stand-in for resources of dynamic providers: nothing is launched, and what would change is asked of the real ones.

The engine knows them all as one package. A rehearsal never runs what a program has pickled: it knows Plinth's kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from plinth.serving.remote.instance import InstanceProvider
from plinth_cli.rehearsal.differ import Change, Difference
from plinth_cli.rehearsal.package import BasePackage, Call, Checked, Created, Failure, Naming, Refusal
from plinth_cli.rehearsal.values import UNKNOWN, Props, reveal

INSTANCE = "pulumi-python:dynamic/lambda:Instance"

NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "owner": str,
    "region": str,
    "instanceType": str,
    "imageFamily": str,
    "sshKey": str,
    "instanceName": str,
    "userData": str,
    "sources": list,
    "maxCentsPerHour": (int, float),
    "startMinutes": (int, float),
}
"""Inputs of an instance, with their types."""

MOST_USER_DATA = 1_000_000
"""Lambda takes a megabyte."""

MOST_NAME = 64


class DynamicPackage(BasePackage):
    """Plinth's dynamic resources: instances of Lambda Cloud."""

    name = "pulumi-python"
    version = "0.1.0"

    @override
    def check(self, call: Call, inputs: Props, old_inputs: Props, naming: Naming) -> Checked:
        if call.urn.type != INSTANCE:
            return Checked(inputs, [Failure("", f"a rehearsal does not know the dynamic resource {call.urn.type}")])
        return Checked(inputs, list(_failures(reveal(inputs))))

    @override
    def diff(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Difference:
        found = InstanceProvider().diff(id, reveal(old_outputs), reveal(inputs))
        replaces = frozenset(found.replaces or [])
        old, new = reveal(old_outputs), reveal(inputs)
        changed = {name for name in NEEDED if old.get(name) != new.get(name)} if found.changes else set[str]()
        return Difference(
            dict.fromkeys(changed, Change.UPDATE), replaces, delete_before_replace=bool(found.delete_before_replace)
        )

    @override
    def create(self, call: Call, inputs: Props) -> Created:
        if call.preview:
            return Created("", {**inputs, "ip": UNKNOWN, "firewallRuleset": UNKNOWN, "identity": UNKNOWN})
        id = call.digest("instance")[:32]
        last = int(call.digest("ip")[:6], 16) % 254 + 1
        made = {"ip": f"198.51.100.{last}", "firewallRuleset": call.digest("ruleset")[:32], "identity": id}
        return Created(id, {**inputs, **made})

    @override
    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        return {**old_outputs, **inputs}

    @override
    def invoke(self, call: Call, token: str, args: Props) -> Any:
        raise Refusal(f"the rehearsal does not know the function {token}")


def _failures(inputs: Mapping[str, Any]) -> list[Failure]:
    found = [
        Failure(name, "is missing or of another type")
        for name, kind in NEEDED.items()
        if inputs.get(name) is not UNKNOWN and not isinstance(inputs.get(name), kind)
    ]
    text, name = inputs.get("userData"), inputs.get("instanceName")
    if isinstance(text, str) and not (text.startswith("#cloud-config\n") and len(text) <= MOST_USER_DATA):
        found.append(Failure("userData", "must be a cloud-init configuration of at most a megabyte"))
    if isinstance(name, str) and len(name) > MOST_NAME:
        found.append(Failure("instanceName", f"must have at most {MOST_NAME} characters"))
    return found
