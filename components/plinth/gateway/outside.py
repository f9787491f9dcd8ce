"""What the gateway needs beyond the cluster: secrets of providers, an identity in AWS, ways out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes import networking

from plinth import pods
from plinth.gateway import bedrock_plan, hosted, plan
from plinth.gateway.bedrock import Bedrock
from plinth.security.secrets import RemoteSecret
from plinth.spec import PlatformSpec
from plinth.spec.bedrock import Bedrock as BedrockSection
from plinth.spec.hosted import SageMakerModel

HTTPS = 443

LINK_LOCAL = "169.254.0.0/16"
"""Where nodes answer with their own credentials (EC2's metadata service): never a provider's address."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the gateway needs beyond the cluster."""

    mounts: Mapping[str, Mapping[str, RemoteSecret]] = field(default_factory=dict[str, Mapping[str, RemoteSecret]])
    """Backend -> file in `hosted.folder(backend)` -> where its contents come from."""

    policies: Mapping[str, pulumi.Input[str | Mapping[str, Any]]] = field(
        default_factory=dict[str, pulumi.Input[str | Mapping[str, Any]]]
    )
    """IAM policies of the gateway's own identity, by label. Empty: it has none."""

    ways_out: tuple[str, ...] = ()
    """Address ranges that it may reach on port 443."""

    assigned: pulumi.Output[dict[str, plan.Assigned]] | None = None
    """What AWS assigns to Bedrock's models. None where there are none."""


def outside(
    spec: PlatformSpec,
    *,
    remote: Mapping[str, Mapping[str, RemoteSecret]],
    data_key_arn: pulumi.Input[str],
    log_key_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> Outside:
    """What the gateway of this spec needs; makes what Bedrock's models need in AWS.

    `remote` is what GPUs outside AWS have to be mounted for, by name.
    """
    bedrock = None
    models = bedrock_plan.bedrock_models(hosted.models_of(spec))
    if models or spec.bedrock != BedrockSection():
        bedrock = Bedrock(
            "bedrock",
            spec.bedrock,
            environment=spec.environment,
            models=models,
            profiles=bedrock_plan.profiles(spec),
            data_key_arn=data_key_arn,
            log_key_arn=log_key_arn,
            opts=opts,
        )
    return Outside(
        mounts={**mounts(spec), **remote},
        policies=policies(spec, bedrock.guardrail_arns if bedrock else [], data_key_arn),
        ways_out=hosted.ways_out(spec),
        assigned=bedrock.assigned if bedrock else None,
    )


def mounts(spec: PlatformSpec) -> dict[str, dict[str, RemoteSecret]]:
    """Secrets of hosted models' providers, which people put into Secrets Manager."""
    found = {model.name: hosted.reach(model, spec.environment).secrets for model in hosted.models_of(spec)}
    return {
        name: {file: RemoteSecret(secret) for file, secret in secrets.items()}
        for name, secrets in found.items()
        if secrets
    }


def policies(
    spec: PlatformSpec, guardrail_arns: Sequence[pulumi.Input[str]], data_key_arn: pulumi.Input[str]
) -> dict[str, pulumi.Input[str | Mapping[str, Any]]]:
    """What the gateway's identity may do in AWS: call the models of this spec. Empty where none need it."""
    environment, models = spec.environment, hosted.models_of(spec)
    found: dict[str, pulumi.Input[str | Mapping[str, Any]]] = {}
    bedrock = bedrock_plan.bedrock_models(models)
    if bedrock:
        found["bedrock"] = bedrock_plan.invoke_policy(bedrock, environment)
    if any(model.guardrail for model in bedrock):
        found["guardrails"] = pulumi.Output.json_dumps(
            bedrock_plan.guardrail_policy(guardrail_arns, data_key_arn, environment)
        )
    if sagemaker := [model for model in models if isinstance(model, SageMakerModel)]:
        found["sagemaker"] = bedrock_plan.sagemaker_policy(sagemaker, environment)
    return found


def egress(outside: Outside) -> list[networking.v1.NetworkPolicyEgressRuleArgs]:
    """Rules of the gateway's network policy."""
    rules = [
        pods.allow_addresses(cidr, HTTPS, but=[LINK_LOCAL] if cidr == hosted.EVERYWHERE else [])
        for cidr in outside.ways_out
    ]
    return [*rules, pods.allow_pod_identity()] if outside.policies else rules
