"""GPUs outside AWS: what their section may say, and what an error says of it."""

import json
from pathlib import Path

import pytest
from support.worlds import document

from plinth.spec import SpecError, load_spec
from plinth.spec.checks import remote

IMAGE = "registry.example.com/vllm@sha256:" + "0" * 64
LAMBDA = {
    "kind": "lambda",
    "name": "spare",
    "instance_type": "gpu_1x_h100_sxm5",
    "region": "us-west-1",
    "max_hourly_usd": 5,
    "ssh_key": "acme",
    "image": IMAGE,
    "repository": "acme/tiny",
    "revision": "0" * 40,
}
ENDPOINT = {
    "kind": "endpoint",
    "name": "elsewhere",
    "base_url": "https://gpu.acme.example/v1",
    "model": "tiny",
    "api_key_secret": "plinth/dev/elsewhere",
}


def said(*gpus, name="dev", **sections):
    """What is wrong with an environment that has these."""
    data = document(name)
    data["remote_gpus"] = list(gpus)
    for section, changes in sections.items():
        data[section] = {**data.get(section, {}), **changes}
    try:
        load_spec(data)
    except SpecError as error:
        return [str(problem) for problem in error.problems if problem.path.startswith("remote_gpus")]
    return []


@pytest.mark.parametrize("gpu", [LAMBDA, ENDPOINT], ids=lambda gpu: gpu["kind"])
def test_what_is_right_is_taken(gpu):
    assert said(gpu) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "chat-small"}, "a name that no model has: routes name both alike"),
        ({"max_hourly_usd": 1}, "at least 3.29, what an hour of gpu_1x_h100_sxm5 costs"),
        ({"instance_type": "gpu_1x_h100_sxm"}, "one of Lambda's instance types: "),
        ({"instance_type": "gpu_1x_h100_sxm"}, "gpu_1x_h100_sxm5"),
        ({"tensor_parallel": 2}, "at most 1, the GPUs of gpu_1x_h100_sxm5"),
        ({"sources": ["0.0.0.0/0"]}, "not the whole internet"),
        ({"sources": ["203.0.113.0/24"]}, None),
    ],
)
def test_lambda_is_held_to_what_it_can_and_may(change, complaint):
    found = said({**LAMBDA, **change})
    assert (found == []) if complaint is None else any(complaint in problem for problem in found), found


def test_the_fuse_may_be_exactly_the_price():
    assert said({**LAMBDA, "max_hourly_usd": 3.29}) == []


@pytest.mark.parametrize("gpu", [LAMBDA, ENDPOINT], ids=lambda gpu: gpu["kind"])
def test_restricted_data_does_not_leave_the_account(gpu):
    found = said(gpu, environment={"data_class": "restricted"})
    assert any("such data must not leave the account" in problem for problem in found)


def test_a_laptop_launches_nothing():
    assert any("'endpoint' on a laptop" in problem for problem in said(LAMBDA, name="local"))
    assert not any("on a laptop" in problem for problem in said(ENDPOINT, name="local"))


def test_two_of_one_name_are_told_apart():
    assert any("remote_gpus[0] does not have already" in problem for problem in said(LAMBDA, LAMBDA))


def test_prices_have_a_date_and_a_source():
    table = json.loads((Path(remote.__file__).parents[2] / "tables/lambda_prices.json").read_text())
    assert len(table["as_of"]) == 10
    assert table["source"]
    assert remote.prices() == table["cents_per_hour"]
