"""Every example comes up on the real engine, and policy has nothing against it."""

import pytest
from acceptance.checkout import ROOT

EXAMPLES = sorted(
    path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in ROOT.glob("examples/Pulumi.*.yaml")
)
LEAST_RESOURCES = 200


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("example", EXAMPLES)
def test_it_comes_up_and_breaks_no_policy(example, make_checkout):
    checkout = make_checkout(example)
    up = checkout.plinth("up", example, "--rehearse", "--json").ok()
    assert up.doc["policy"] == {"packs": 1, "violations": []}
    assert set(up.counts) == {"create"} and up.counts["create"] >= LEAST_RESOURCES
    regions = checkout.base(example) / "regions"
    both_run = example == "writing-assistant"
    assert regions.exists() == both_run, "a second cluster exactly where both regions answer"


def test_an_example_is_not_deployed_to_a_real_account(make_checkout):
    refused = make_checkout("real").plinth("up", "law-firm", "--yes")
    assert refused.code == 1 and "it can be rehearsed only" in refused.err
    assert "copy the file to" in refused.err


def test_there_is_one_for_each_kind_of_company():
    assert EXAMPLES == ["call-analysis", "content-generator", "law-firm", "small-company", "writing-assistant"]
