"""How the gateway reaches hosted models: address, proof of identity, and what has to be mounted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plinth.data.vectors.plan import endpoint_services as vector_services
from plinth.spec import PlatformSpec
from plinth.spec.environment import Environment
from plinth.spec.hosted import (
    AnthropicModel,
    AnyHostedModel,
    AzureOpenAiModel,
    BedrockModel,
    CompatibleModel,
    HostedModel,
    OpenAiModel,
    SageMakerModel,
    SnowflakeCortexModel,
    VertexModel,
)
from plinth.spec.network import EndpointService, Network
from plinth_runtime.config import (
    Authentication,
    AwsSignature,
    BearerKey,
    GoogleServiceAccount,
    HeaderKey,
    SageMakerToken,
    SnowflakeToken,
)

FOLDER = "/etc/plinth/providers"
"""Where what proves the gateway's identity is mounted, in a folder for each model."""

EVERYWHERE = "0.0.0.0/0"

KEY_FILE, ACCOUNT_FILE, TOKEN_FILE = "api-key", "service-account.json", "token"


def folder(model: str) -> str:
    """Where the secret of a hosted model's provider is mounted."""
    return f"{FOLDER}/{model}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How one hosted model is called."""

    url: str
    """Base URL of the provider's OpenAI-compatible endpoint, up to and with the version."""

    model: str
    """What the provider calls the model."""

    auth: Authentication
    """How requests are authenticated."""

    secrets: dict[str, str] = field(default_factory=dict[str, str])
    """File in `folder` -> name of the secret in Secrets Manager that it holds."""

    lists_models: bool = False
    """Whether the endpoint lists its models to the holder of the key, which makes that the better probe."""


def reach(model: AnyHostedModel, environment: Environment) -> Reach:
    """How a hosted model is called."""
    at, region = folder(model.name), environment.region
    match model:
        case OpenAiModel():
            return _with_key("https://api.openai.com/v1", model.model, at, model.api_key_secret, lists_models=True)
        case AnthropicModel():
            return _with_key("https://api.anthropic.com/v1", model.model, at, model.api_key_secret)
        case CompatibleModel():
            return _with_key(model.base_url, model.model, at, model.api_key_secret, lists_models=True)
        case AzureOpenAiModel():
            return Reach(
                url=f"https://{model.resource}.openai.azure.com/openai/v1",
                model=model.deployment,
                auth=HeaderKey(kind="header", header="api-key", key_file=f"{at}/{KEY_FILE}"),
                secrets={KEY_FILE: model.api_key_secret},
                lists_models=True,
            )
        case VertexModel():
            return Reach(
                url=_vertex_url(model),
                model=model.model,
                auth=GoogleServiceAccount(kind="google_service_account", key_file=f"{at}/{ACCOUNT_FILE}"),
                secrets={ACCOUNT_FILE: model.service_account_secret},
            )
        case SnowflakeCortexModel():
            return Reach(
                url=f"https://{_snowflake_host(model)}/api/v2/cortex/v1",
                model=model.model,
                auth=SnowflakeToken(kind="snowflake_token", token_file=f"{at}/{TOKEN_FILE}"),
                secrets={TOKEN_FILE: model.token_secret},
            )
        case SageMakerModel():
            return Reach(
                url=f"https://runtime.sagemaker.{region}.{_suffix(region)}/endpoints/{model.endpoint}/openai/v1",
                model=model.model,
                auth=SageMakerToken(kind="sagemaker_token", region=region),
            )
        case BedrockModel():
            return Reach(
                url=f"https://bedrock-runtime.{region}.{_suffix(region)}/openai/v1",
                model=model.model,
                auth=AwsSignature(kind="aws_signature", service="bedrock", region=region),
            )


def _with_key(url: str, model: str, at: str, secret: str, *, lists_models: bool = False) -> Reach:
    return Reach(url, model, BearerKey(key_file=f"{at}/{KEY_FILE}"), {KEY_FILE: secret}, lists_models)


def _vertex_url(model: VertexModel) -> str:
    host = "aiplatform.googleapis.com" if model.location == "global" else f"{model.location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/{model.project}/locations/{model.location}/endpoints/openapi"


def _snowflake_host(model: SnowflakeCortexModel) -> str:
    """Host names know no underscore (Snowflake user guide, "Account identifiers")."""
    return f"{model.organization}-{model.account}.snowflakecomputing.com".lower().replace("_", "-")


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def models_of(spec: PlatformSpec) -> list[AnyHostedModel]:
    """The hosted models of a platform."""
    return [model for model in spec.models if isinstance(model, HostedModel)]


def endpoint_services(models: Sequence[AnyHostedModel]) -> list[EndpointService]:
    """AWS services that the models need an interface endpoint for, so that requests stay inside the VPC."""
    services: list[EndpointService] = []
    if any(isinstance(model, BedrockModel) for model in models):
        services.append("bedrock-runtime")
    if any(isinstance(model, SageMakerModel) for model in models):
        services.append("sagemaker.runtime")
    return services


def with_endpoints(spec: PlatformSpec) -> Network:
    """The network, with the interface endpoints that hosted models and vector stores need."""
    listed = spec.network.endpoints
    needed = [*endpoint_services(models_of(spec)), *vector_services(spec.vector)]
    missing = [service for service in needed if service not in listed]
    return spec.network.model_copy(update={"endpoints": [*listed, *missing]})


def leaves_aws(models: Sequence[AnyHostedModel]) -> bool:
    """Whether any of the models is called over the internet."""
    return any(not isinstance(model, BedrockModel | SageMakerModel) for model in models)


def uses_identity(models: Sequence[AnyHostedModel]) -> bool:
    """Whether any of the models is called with the gateway's own AWS identity."""
    return bool(endpoint_services(models))


def ways_out(spec: PlatformSpec) -> tuple[str, ...]:
    """Ranges with hosted models in them: everywhere for providers on the internet, else the VPC's endpoints.

    In a VPC that was there already, the endpoints may be missing.
    """
    models = models_of(spec)
    if leaves_aws(models) or spec.remote_gpus or (models and spec.network.existing):
        return (EVERYWHERE,)
    return (spec.network.node_cidr,) if models else ()


def reaching(spec: PlatformSpec, model: str) -> list[str]:
    """The tenants that can call a model through one of their routes."""
    routes = {route.name for route in spec.gateway.routes if any(target.model == model for target in route.targets)}
    return [tenant.name for tenant in spec.tenants if routes & set(tenant.routes)]
