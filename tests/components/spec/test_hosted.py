"""Hosted models: each provider has just its own fields, and a mistake is told in that provider's words."""

from pathlib import Path

import pytest
import yaml

from plinth.spec import SpecError, load_spec
from plinth.spec.hosted import HostedModel

PROD = Path(__file__).parents[3] / "Pulumi.prod.yaml"
OPENAI = {"kind": "hosted", "name": "gpt", "provider": "openai", "model": "gpt-5.1", "api_key_secret": "plinth/prod/x"}


@pytest.fixture
def prod() -> dict:
    return yaml.safe_load(PROD.read_text())["config"]["plinth:platform"]


def mistakes(data: dict, model: dict) -> dict[str, str]:
    data["models"] = [model]
    data["gateway"]["callers"] = []
    data["gateway"]["routes"] = [{"name": "chat", "targets": [{"model": "gpt"}]}]
    for tenant in data["tenants"]:
        tenant["routes"] = ["chat"]
    try:
        load_spec(data)
    except SpecError as error:
        return {problem.path: str(problem) for problem in error.problems}
    return {}


def test_every_provider_of_prod_is_its_own_type(prod):
    types = {type(model) for model in load_spec(prod).models}
    assert set(HostedModel.__subclasses__()) <= types


def test_a_whole_model_is_taken(prod):
    assert mistakes(prod, OPENAI) == {}


def test_a_field_of_another_provider_is_refused_with_this_providers_fields(prod):
    found = mistakes(prod, {**OPENAI, "base_url": "https://example.com/v1"})
    assert list(found) == ["models[0].base_url"]
    assert "api_key_secret" in found["models[0].base_url"]
    assert "replicas" not in found["models[0].base_url"]


def test_a_missing_field_is_described_by_the_provider_that_needs_it(prod):
    found = mistakes(prod, {**OPENAI, "provider": "openai_compatible"})
    assert "Address of the endpoint" in found["models[0].base_url"]


@pytest.mark.parametrize(("given", "said"), [("opnai", "Did you mean 'openai'?"), (None, "'anthropic'")])
def test_an_unknown_provider_is_told_which_there_are(prod, given, said):
    found = mistakes(prod, {**OPENAI, "provider": given})
    assert said in found["models[0].provider"]
    assert "vllm" not in found["models[0].provider"]


def test_a_model_without_provider_is_told_which_there_are(prod):
    found = mistakes(prod, {name: value for name, value in OPENAI.items() if name != "provider"})
    assert "missing: one of 'openai'" in found["models[0].provider"]


def test_a_wrong_value_is_found_below_both_tags(prod):
    found = mistakes(prod, {**OPENAI, "api_key_secret": "no spaces"})
    assert "the name of a secret" in found["models[0].api_key_secret"]


BEDROCK = {"kind": "hosted", "name": "gpt", "provider": "bedrock", "model": "openai.gpt-oss-120b-1:0"}


def test_a_guardrail_that_does_not_exist_is_named_with_those_that_do(prod):
    found = mistakes(prod, {**BEDROCK, "guardrail": "custmers"})
    assert "Did you mean 'customers'?" in found["models[0].guardrail"]


def test_data_is_blocked_or_masked(prod):
    prod["bedrock"]["guardrails"][0]["anonymize_pii"] = ["AWS_SECRET_KEY"]
    assert "not both" in mistakes(prod, BEDROCK)["bedrock.guardrails[0].anonymize_pii"]


@pytest.mark.parametrize(("model", "allowed"), [(BEDROCK, True), (OPENAI, False)])
def test_restricted_data_stays_in_the_account(prod, model, allowed):
    prod["environment"]["data_class"] = "restricted"
    found = mistakes(prod, model)
    assert ("models[0].provider" not in found) is allowed


def test_a_laptop_has_no_identity_in_aws(prod):
    prod["environment"]["stage"] = "local"
    assert "API key on a laptop" in mistakes(prod, BEDROCK)["models[0].provider"]
    assert "models[0].provider" not in mistakes(prod, OPENAI)
