"""What Bedrock models need in AWS: profiles, permissions and guardrails. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from plinth.gateway import hosted
from plinth.security import documents
from plinth.spec import PlatformSpec
from plinth.spec.bedrock import ContentFilters, Guardrail
from plinth.spec.environment import Environment
from plinth.spec.hosted import AnyHostedModel, BedrockModel, SageMakerModel

PROFILE_NAME_LENGTH = 64
"""Longest name of an inference profile."""

MODEL_TAG = "plinth-model"
"""Tag of a profile with the name of its model: the gateway's identity may use profiles by it."""

INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")


@dataclass(frozen=True, slots=True)
class Profile:
    """An application inference profile: a model, and whom its cost is booked to."""

    model: str
    """Name of the model inside the platform."""
    tenant: str
    """Tenant whose requests go through it."""
    name: str
    """Name in AWS."""
    source: str
    """ARN of the model, or of the cross-region profile, that it copies."""
    tags: dict[str, str]
    """What the bill shows."""


def bedrock_models(models: Sequence[AnyHostedModel]) -> list[BedrockModel]:
    """Those of Bedrock."""
    return [model for model in models if isinstance(model, BedrockModel)]


def profiles(spec: PlatformSpec) -> list[Profile]:
    """A profile for each tenant that can reach a Bedrock model whose cost is told apart."""
    tenants = {tenant.name: tenant for tenant in spec.tenants}
    return [
        Profile(
            model=model.name,
            tenant=name,
            name=_short(f"plinth-{spec.environment.name}-{model.name}-{name}"),
            source=model_arn(model, spec.environment),
            tags={"tenant": name, "cost-center": tenants[name].cost_center, MODEL_TAG: model.name},
        )
        for model in bedrock_models(hosted.models_of(spec))
        if model.profiles == "per_tenant"
        for name in hosted.reaching(spec, model.name)
    ]


def _short(name: str) -> str:
    """The name, or its beginning with a digest of the whole where it is too long."""
    if len(name) <= PROFILE_NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: PROFILE_NAME_LENGTH - 9].rstrip('-')}-{digest}"


def model_arn(model: BedrockModel, environment: Environment) -> str:
    """ARN of what requests call where there is no application inference profile."""
    partition, region = documents.partition(environment.region), environment.region
    if model.crosses_regions:
        return f"arn:{partition}:bedrock:{region}:{environment.account_id}:inference-profile/{model.model}"
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model.model}"


def invoke_policy(models: Sequence[BedrockModel], environment: Environment) -> documents.Document:
    """Call the named models, through their profiles where they have some, and no others.

    A profile's ARN is AWS's to choose, and there are as many as tenants: so profiles are known by their tags. A call
    through a profile needs the model's own permission too, in every region that it may reach (Amazon Bedrock user
    guide, "Prerequisites for inference profiles").
    """
    partition, region, account = documents.partition(environment.region), environment.region, environment.account_id
    own = f"arn:{partition}:bedrock:{region}:{account}"
    statements: list[documents.Statement] = []
    if through := [model for model in models if model.profiles == "per_tenant"]:
        tags = {"aws:ResourceTag/environment": environment.name, f"aws:ResourceTag/{MODEL_TAG}": _names(through)}
        mine = f"{own}:application-inference-profile/*"
        reached = _foundation_models(through, partition, region)
        statements.append(documents.allow(INVOKE, [mine], condition={"StringEquals": tags}, sid="Profiles"))
        condition = {"ArnLike": {"bedrock:InferenceProfileArn": mine}}
        statements.append(documents.allow(INVOKE, reached, condition=condition, sid="ThroughProfiles"))
    if crossing := [model for model in models if model.profiles == "none" and model.crosses_regions]:
        arns = [model_arn(model, environment) for model in crossing]
        statements.append(documents.allow(INVOKE, arns, sid="CrossRegionProfiles"))
        reached = _foundation_models(crossing, partition, region)
        condition = {"ArnEquals": {"bedrock:InferenceProfileArn": arns}}
        statements.append(documents.allow(INVOKE, reached, condition=condition, sid="ThroughCrossRegionProfiles"))
    if direct := [model for model in models if model.profiles == "none" and not model.crosses_regions]:
        statements.append(documents.allow(INVOKE, [model_arn(model, environment) for model in direct], sid="Models"))
    return documents.document(*statements)


def _names(models: Sequence[BedrockModel]) -> list[str]:
    return [model.name for model in models]


def _foundation_models(models: Sequence[BedrockModel], partition: str, region: str) -> list[str]:
    """Models by themselves: in this region, or in any that a cross-region profile may choose."""
    return [
        f"arn:{partition}:bedrock:{'*' if model.crosses_regions else region}::foundation-model/{model.foundation_model}"
        for model in models
    ]


def guardrail_policy(
    arns: Sequence[documents.Text], key_arn: documents.Text, environment: Environment
) -> documents.Document:
    """Pass requests through the named guardrails, which are encrypted with a key of the platform."""
    via = {"StringEquals": {"kms:ViaService": f"bedrock.{environment.region}.amazonaws.com"}}
    return documents.document(
        documents.allow(["bedrock:ApplyGuardrail"], arns, sid="Apply"),
        documents.allow(["kms:Decrypt"], [key_arn], condition=via, sid="Decrypt"),
    )


def sagemaker_policy(models: Sequence[SageMakerModel], environment: Environment) -> documents.Document:
    """Call the named endpoints, and no others, with a bearer token.

    `CallWithBearerToken` knows no resource; it allows nothing without the permission to invoke.
    """
    partition, region = documents.partition(environment.region), environment.region
    prefix = f"arn:{partition}:sagemaker:{region}:{environment.account_id}:endpoint"
    invoke = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    return documents.document(
        documents.allow(invoke, [f"{prefix}/{model.endpoint.lower()}" for model in models], sid="Invoke"),
        documents.allow(
            ["sagemaker:CallWithBearerToken"],
            ["*"],
            condition={"StringEquals": {"aws:RequestedRegion": region}},
            sid="Token",
        ),
    )


CONTENT_TYPES = {
    "hate": "HATE",
    "insults": "INSULTS",
    "sexual": "SEXUAL",
    "violence": "VIOLENCE",
    "misconduct": "MISCONDUCT",
    "prompt_attack": "PROMPT_ATTACK",
}
"""Field of the spec -> what Bedrock calls the filter."""

ONLY_IN_PROMPTS = "PROMPT_ATTACK"


@dataclass(frozen=True, slots=True)
class ContentFilter:
    """One filter of a guardrail."""

    type: str
    input_strength: str
    output_strength: str


def content_filters(filters: ContentFilters) -> list[ContentFilter]:
    """The filters that are switched on."""
    strengths = {type_: str(getattr(filters, name)) for name, type_ in CONTENT_TYPES.items()}
    return [
        ContentFilter(type_, strength, "NONE" if type_ == ONLY_IN_PROMPTS else strength)
        for type_, strength in strengths.items()
        if strength != "NONE"
    ]


def digest(guardrail: Guardrail) -> str:
    """Changes when the guardrail does: as the description of a version it makes a new one."""
    return hashlib.sha256(guardrail.model_dump_json().encode()).hexdigest()[:16]


def pii_actions(guardrail: Guardrail) -> dict[str, str]:
    """Kind of personal data -> what is done about it."""
    return {
        **dict.fromkeys(guardrail.anonymize_pii, "ANONYMIZE"),
        **dict.fromkeys(guardrail.block_pii, "BLOCK"),
    }
