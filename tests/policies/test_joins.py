"""The rules that look at several resources together, as pure functions."""

import pytest
from policy_stacks import CASES, Item, stack

from plinth_policies.registry import RULES

JOINS = {rule.id: rule.join for rule in RULES if rule.join}


def test_every_join_has_cases():
    assert set(JOINS) == {case[0] for case in CASES}


@pytest.mark.parametrize(("rule", "name", "items", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_join(rule: str, name: str, items: list[Item], expected: list[tuple[Item, str]]):
    join = JOINS[rule]
    assert join is not None
    found = list(join.check(stack(*(item for item in items if item.type in join.types))))
    assert len(found) == len(expected), [str(finding) for finding in found]
    for finding, (item, says) in zip(found, expected, strict=True):
        assert finding.urn == item.urn
        assert says in str(finding)
