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


class AzureOpenAiModel(HostedModel):
    """A deployment of Azure OpenAI, called through its v1 API."""

    provider: Literal["azure_openai"]
    """Whose model it is."""

    resource: Annotated[
        str, matches(r"^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$", "2 to 64 lower-case letters, digits and dashes")
    ]
    """Name of the Azure OpenAI resource: the first part of its address."""

    deployment: Annotated[str, matches(r"^[A-Za-z0-9._-]{2,64}$", "2 to 64 letters, digits and . _ -")]
    """Name of the deployment, which stands for the model."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds one of the resource's keys."""


class VertexModel(HostedModel):
    """A model of Google's Vertex AI."""

    provider: Literal["vertex"]
    """Whose model it is."""

    project: Annotated[str, matches(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", "6 to 30 lower-case letters, digits and dashes")]
    """ID of the Google Cloud project."""

    location: Annotated[
        str, matches(r"^(global|[a-z]+-[a-z]+\d+)$", "global or a region, for example europe-west4")
    ] = "global"
    """Where requests are answered; data stays in a region only where one is named."""

    model: Annotated[
        str, matches(r"^[a-z0-9-]+/[A-Za-z0-9._@-]+$", "publisher and model, for example google/gemini-2.5-pro")
    ]
    """Publisher and name of the model, for example `google/gemini-2.5-pro`."""

    service_account_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the service account's key, in Google's JSON format."""


class SnowflakeCortexModel(HostedModel):
    """A model of Snowflake Cortex: requests stay inside the Snowflake account."""

    provider: Literal["snowflake_cortex"]
    """Whose model it is."""

    organization: Annotated[str, matches(r"^[A-Za-z][A-Za-z0-9]*$", "letters and digits, starting with a letter")]
    """Snowflake organization."""

    account: Annotated[str, matches(r"^[A-Za-z][A-Za-z0-9_]*$", "letters, digits and _, starting with a letter")]
    """Snowflake account inside the organization."""

    model: ProviderModelName
    """Cortex's name for the model, for example `claude-sonnet-4-5`."""

    token_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds a programmatic access token; its user needs the role
    `SNOWFLAKE.CORTEX_USER`."""


class SageMakerModel(HostedModel):
    """A model behind a SageMaker endpoint that exists, in this account and region, through its OpenAI path."""

    provider: Literal["sagemaker"]
    """Whose model it is."""

    endpoint: Annotated[str, matches(r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,62}$", "letters and digits with dashes between")]
    """Name of the endpoint. The gateway's identity may call this one and no other."""

    model: ProviderModelName
    """What the endpoint's container calls the model."""


class BedrockModel(HostedModel):
    """A model of Amazon Bedrock in this account and region, called with the gateway's own identity."""

    provider: Literal["bedrock"]
    """Whose model it is."""

    model: Annotated[
        str,
        matches(
            r"^[a-z0-9-]+(\.[a-z0-9-]+){1,2}[a-z0-9.:-]*$",
            "a model ID such as openai.gpt-oss-120b-1:0, or an inference profile's such as us.anthropic.claude-...",
            max_length=150,
        ),
    ]
    """ID of a model that Bedrock offers through its Chat Completions API, or of a cross-region inference profile."""

    profiles: Literal["per_tenant", "none"] = "per_tenant"
    """An application inference profile for each tenant that can reach the model, tagged with tenant and cost center,
    so that AWS's bill says who used it; or none."""

    guardrail: Name | None = None
    """Guardrail of section `bedrock` that every request passes through. Absent: none."""

    @property
    def crosses_regions(self) -> bool:
        """Whether `model` is a cross-region inference profile: its ID starts with where it reaches."""
        return self.model.split(".")[0] in ("us", "eu", "apac", "au", "ca", "jp", "us-gov", "global")

    @property
    def foundation_model(self) -> str:
        """ID of the model itself."""
        return self.model.partition(".")[2] if self.crosses_regions else self.model


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


AnyHostedModel = Annotated[
    OpenAiModel
    | AnthropicModel
    | BedrockModel
    | SageMakerModel
    | AzureOpenAiModel
    | VertexModel
    | SnowflakeCortexModel
    | CompatibleModel,
    Field(discriminator="provider"),
]
"""A hosted model, told apart by `provider`."""
