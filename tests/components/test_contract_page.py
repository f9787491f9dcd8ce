"""The page about team stacks names every fact of the contract, and every field of a team's spec."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from plinth import contract
from plinth.team.spec import TeamSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/team-stack.md").read_text()
WORDS = {word for quoted in re.findall(r"`([^`\n]+)`", PAGE) for word in re.findall(r"\w+", quoted)}


def parts() -> Iterator[type[BaseModel]]:
    found = [value for value in vars(contract).values() if isinstance(value, type) and issubclass(value, BaseModel)]
    yield from (part for part in found if part.__module__ == contract.__name__)
    yield TeamSpec


@pytest.mark.parametrize("part", list(parts()), ids=lambda part: part.__name__)
def test_every_field_is_named(part: type[BaseModel]):
    assert not [name for name in part.model_fields if name not in WORDS | {"version"}]
