"""Hosted models: what they refer to, and where they may be used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.hosted import BedrockModel, HostedModel, SageMakerModel
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec


def guardrails(spec: "PlatformSpec") -> Iterator[Problem]:
    """Guardrails that models name exist."""
    known = [guardrail.name for guardrail in spec.bedrock.guardrails]
    for index, model in enumerate(spec.models):
        if isinstance(model, BedrockModel) and model.guardrail:
            yield from one_of(f"models[{index}].guardrail", model.guardrail, known, "guardrails of section bedrock")


def pii_once(spec: "PlatformSpec") -> Iterator[Problem]:
    """What blocks a request cannot be masked in it as well."""
    for index, guardrail in enumerate(spec.bedrock.guardrails):
        for kind in guardrail.anonymize_pii:
            if kind in guardrail.block_pii:
                allowed = "a kind of data that block_pii does not have: it is blocked or masked, not both"
                yield Problem(f"bedrock.guardrails[{index}].anonymize_pii", kind, allowed)


def identity_in_aws(spec: "PlatformSpec") -> Iterator[Problem]:
    """Models that are called with the gateway's identity in AWS need one, which a laptop does not have."""
    if spec.environment.stage != "local":
        return
    for index, model in enumerate(spec.models):
        if isinstance(model, BedrockModel | SageMakerModel):
            allowed = "a provider with an API key on a laptop: its stand-in for AWS has no models and no identities"
            yield Problem(f"models[{index}].provider", model.provider, allowed)


def restricted_data(spec: "PlatformSpec") -> Iterator[Problem]:
    """Restricted data does not leave the AWS account for a hosted provider."""
    if spec.environment.data_class != "restricted":
        return
    for index, model in enumerate(spec.models):
        if isinstance(model, HostedModel) and not isinstance(model, BedrockModel | SageMakerModel):
            allowed = (
                "'bedrock' or 'sagemaker', or kind 'self_hosted', where environment.data_class is 'restricted': "
                "such data must not leave the account"
            )
            yield Problem(f"models[{index}].provider", str(getattr(model, "provider", "")), allowed)
