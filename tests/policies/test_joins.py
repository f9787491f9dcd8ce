"""The rules that look at several resources together, as pure functions."""

import pytest
from policy_stacks import CASES, Item, companion, stack

from plinth_policies.registry import RULES

JOINS = {rule.id: rule.join for rule in RULES if rule.join}


def test_every_join_has_cases():
    assert set(JOINS) == {case[0] for case in CASES}


@pytest.mark.parametrize(("rule", "name", "items", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_join(rule: str, name: str, items: list[Item], expected: list[tuple[Item, str]]):
    join = JOINS[rule]
    assert join is not None
    assert {item.type for item in items} <= join.types
    found = list(join.check(stack(*items)))
    assert len(found) == len(expected), [str(finding) for finding in found]
    for finding, (item, says) in zip(found, expected, strict=True):
        assert finding.urn == item.urn
        assert says in str(finding)


def test_resources_below_a_component_are_found_at_any_depth():
    top = Item("plinth:index:Tenant", "top")
    middle = Item("plinth:index:Budget", "middle", parent=top)
    below = Item("aws:s3/bucket:Bucket", "below", parent=middle)
    beside = companion("aws:s3/bucketAcl:BucketAcl", "beside", below)
    whole = stack(top, middle, below, beside)
    assert [resource.name for resource in whole.inside(whole.resources[0])] == ["middle", "below"]
