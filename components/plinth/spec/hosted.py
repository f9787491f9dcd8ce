"""Models of hosted providers: each provider with just the fields that it has."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Model, Name, matches

HttpsUrl = Annotated[
    str, matches(r"^https://[^\s?#]+[^/\s?#]$", "an https address without a slash at the end, up to /v1")
]

SecretName = Annotated[
    str, matches(r"^[A-Za-z0-9/_+=.@-]{1,512}$", "the name of a secret: letters, digits and / _ + = . @ -")
]

ProviderModelName = Annotated[str, Field(min_length=1, max_length=200)]
"""What a provider itself calls a model."""


class HostedModel(Model):
    """A model of a hosted provider, called through the provider's OpenAI-compatible endpoint."""

    kind: Literal["hosted"]
    """How it is served."""

    name: Name
    """Name of the model inside the platform."""


class OpenAiModel(HostedModel):
    """A model of OpenAI."""

    provider: Literal["openai"]
    """Whose model it is."""

    model: ProviderModelName
    """OpenAI's name for the model, for example `gpt-5.1`."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the API key."""


class AnthropicModel(HostedModel):
    """A model of Anthropic."""

    provider: Literal["anthropic"]
    """Whose model it is."""

    model: ProviderModelName
    """Anthropic's name for the model, for example `claude-sonnet-4-5`."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the API key."""


class CompatibleModel(HostedModel):
    """A model behind any other endpoint that speaks OpenAI's API."""

    provider: Literal["openai_compatible"]
    """Whose model it is."""

    base_url: HttpsUrl
    """Address of the endpoint, up to `/v1`."""

    model: ProviderModelName
    """The endpoint's name for the model."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the API key."""


AnyHostedModel = Annotated[OpenAiModel | AnthropicModel | CompatibleModel, Field(discriminator="provider")]
"""A hosted model, told apart by `provider`."""
