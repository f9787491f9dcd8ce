"""Amazon Bedrock: guardrails, application inference profiles and the record of calls."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from plinth.base import Component
from plinth.gateway import bedrock_plan, plan
from plinth.security import documents
from plinth.spec.bedrock import Bedrock as BedrockSection
from plinth.spec.bedrock import Guardrail, InvocationLogs
from plinth.spec.environment import Environment
from plinth.spec.hosted import BedrockModel


class Bedrock(Component):
    """What the models of Bedrock need in this account and region."""

    assigned: pulumi.Output[dict[str, plan.Assigned]]
    """Name of a model -> what AWS assigned to it."""

    guardrail_arns: list[pulumi.Output[str]]
    """The guardrails."""

    def __init__(
        self,
        name: str,
        section: BedrockSection,
        *,
        environment: Environment,
        models: Sequence[BedrockModel],
        profiles: Sequence[bedrock_plan.Profile],
        data_key_arn: pulumi.Input[str],
        log_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Bedrock", name, section, environment=environment, opts=opts)
        self._name = name
        guardrails = {item.name: self._guardrail(item, data_key_arn) for item in section.guardrails}
        self.guardrail_arns = [guardrail.guardrail_arn for guardrail, _ in guardrails.values()]
        arns = {(profile.model, profile.tenant): self._profile(profile) for profile in profiles}
        parts = {
            model.name: pulumi.Output.all(
                tenants={tenant: arn for (owner, tenant), arn in arns.items() if owner == model.name},
                guardrail=_identity(guardrails[model.guardrail]) if model.guardrail else None,
            )
            for model in models
        }
        self.assigned = pulumi.Output.all(**parts).apply(
            lambda known: {
                model: plan.Assigned(given["tenants"], tuple(given["guardrail"]) if given["guardrail"] else None)
                for model, given in known.items()
            }
        )
        if section.invocation_logs:
            self._logs(section.invocation_logs, log_key_arn)
        self.register_outputs({"guardrailArns": self.guardrail_arns})

    def _guardrail(
        self, section: Guardrail, key_arn: pulumi.Input[str]
    ) -> tuple[aws.bedrock.Guardrail, aws.bedrock.GuardrailVersion]:
        name = f"{self._name}-guardrail-{section.name}"
        filters = bedrock_plan.content_filters(section.filters)
        pii = bedrock_plan.pii_actions(section)
        guardrail = aws.bedrock.Guardrail(
            name,
            name=f"plinth-{self._environment.name}-{section.name}",
            blocked_input_messaging=section.blocked_message,
            blocked_outputs_messaging=section.blocked_message,
            kms_key_arn=key_arn,
            content_policy_config=aws.bedrock.GuardrailContentPolicyConfigArgs(
                filters_configs=[
                    aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                        type=item.type, input_strength=item.input_strength, output_strength=item.output_strength
                    )
                    for item in filters
                ]
            )
            if filters
            else None,
            topic_policy_config=aws.bedrock.GuardrailTopicPolicyConfigArgs(
                topics_configs=[
                    aws.bedrock.GuardrailTopicPolicyConfigTopicsConfigArgs(
                        name=topic.name, definition=topic.definition, examples=topic.examples, type="DENY"
                    )
                    for topic in section.denied_topics
                ]
            )
            if section.denied_topics
            else None,
            sensitive_information_policy_config=aws.bedrock.GuardrailSensitiveInformationPolicyConfigArgs(
                pii_entities_configs=[
                    aws.bedrock.GuardrailSensitiveInformationPolicyConfigPiiEntitiesConfigArgs(type=kind, action=action)
                    for kind, action in pii.items()
                ]
            )
            if pii
            else None,
            opts=self.options(aws.bedrock.Guardrail),
        )
        version = aws.bedrock.GuardrailVersion(
            f"{name}-version",
            guardrail_arn=guardrail.guardrail_arn,
            # Pods of the former configuration name the former version until they are gone.
            skip_destroy=True,
            description=bedrock_plan.digest(section),
            opts=self.options(aws.bedrock.GuardrailVersion),
        )
        return guardrail, version

    def _profile(self, profile: bedrock_plan.Profile) -> pulumi.Output[str]:
        made = aws.bedrock.InferenceProfile(
            f"{self._name}-profile-{profile.model}-{profile.tenant}",
            name=profile.name,
            description=f"Requests of tenant {profile.tenant} to {profile.model}",
            model_source=aws.bedrock.InferenceProfileModelSourceArgs(copy_from=profile.source),
            tags=profile.tags,
            opts=self.options(aws.bedrock.InferenceProfile),
        )
        return made.arn

    def _logs(self, section: InvocationLogs, key_arn: pulumi.Input[str]) -> None:
        name, environment = f"{self._name}-calls", self._environment
        group = aws.cloudwatch.LogGroup(
            name,
            retention_in_days=section.days,
            kms_key_id=key_arn,
            opts=self.options(aws.cloudwatch.LogGroup),
        )
        role = aws.iam.Role(
            f"{name}-role",
            description="Amazon Bedrock writes its record of calls",
            assume_role_policy=pulumi.Output.json_dumps(
                documents.service_trust("bedrock.amazonaws.com", environment.account_id)
            ),
            opts=self.options(aws.iam.Role),
        )
        stream = pulumi.Output.concat(group.arn, ":log-stream:aws/bedrock/modelinvocations")
        write = aws.iam.RolePolicy(
            f"{name}-write",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                documents.document(documents.allow(["logs:CreateLogStream", "logs:PutLogEvents"], [stream]))
            ),
            opts=self.options(aws.iam.RolePolicy),
        )
        aws.bedrockmodel.InvocationLoggingConfiguration(
            f"{name}-record",
            logging_config=aws.bedrockmodel.InvocationLoggingConfigurationLoggingConfigArgs(
                cloudwatch_config=aws.bedrockmodel.InvocationLoggingConfigurationLoggingConfigCloudwatchConfigArgs(
                    log_group_name=group.name, role_arn=role.arn
                ),
                text_data_delivery_enabled=section.with_text,
                image_data_delivery_enabled=False,
                embedding_data_delivery_enabled=False,
                video_data_delivery_enabled=False,
            ),
            opts=self.options(aws.bedrockmodel.InvocationLoggingConfiguration, depends_on=[write]),
        )


def _identity(made: tuple[aws.bedrock.Guardrail, aws.bedrock.GuardrailVersion]) -> pulumi.Output[list[str]]:
    """ID and version, as requests name them."""
    guardrail, version = made
    return pulumi.Output.all(guardrail.guardrail_id, version.version).apply(lambda parts: [str(part) for part in parts])
