"""The whole program of each environment, recorded once for all tests of a process."""

from functools import cache
from typing import Any

import pulumi
from support.recorder import Recording, record
from support.worlds import spec

from plinth import outputs
from plinth.program import build


@cache
def recorded_platform(name: str) -> Recording:
    """Everything that environment `name` registers; its result is the contract. Do not change it."""

    def program() -> Any:
        wanted = spec(name)
        built = build(wanted, pulumi.Output.secret("canary-snowflake"))
        return outputs.platform_contract(wanted, built.foundation, built.cluster, built.data, built.access)

    return record(program, stack=name)
