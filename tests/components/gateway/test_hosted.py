"""Hosted models: addresses, proofs of identity, permissions, and what is made for Bedrock."""

import json

import pytest
from support.platforms import recorded_platform
from support.worlds import environment, spec

from plinth.gateway import bedrock_plan, hosted
from plinth.spec.bedrock import ContentFilters
from plinth.spec.hosted import BedrockModel, SageMakerModel, VertexModel


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def bedrock(**fields) -> BedrockModel:
    values = {"kind": "hosted", "provider": "bedrock", "name": "m1", "model": "openai.gpt-oss-120b-1:0"}
    return BedrockModel(**{**values, **fields})


def only(*names: str):
    """The platform of prod with just these hosted models."""
    whole = spec("prod")
    return whole.model_copy(
        update={"models": [model for model in whole.models if model.name in names], "remote_gpus": []}
    )


def test_every_provider_is_reached_at_its_openai_compatible_endpoint():
    whole = spec("prod")
    reached = {model.name: hosted.reach(model, whole.environment) for model in hosted.models_of(whole)}
    assert {name: it.url for name, it in reached.items()} == {
        "openai-frontier": "https://api.openai.com/v1",
        "anthropic-frontier": "https://api.anthropic.com/v1",
        "acme-euw-h200": "https://inference.acme.example.com/v1",
        "azure-frontier": "https://acme-ai-prod.openai.azure.com/openai/v1",
        "vertex-frontier": "https://us-east4-aiplatform.googleapis.com/v1"
        "/projects/acme-ai-prod/locations/us-east4/endpoints/openapi",
        "cortex-sonnet": "https://acme-ai-prod.snowflakecomputing.com/api/v2/cortex/v1",
        "bedrock-oss": "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
        "acme-summarizer": "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/acme-summarizer/openai/v1",
    }
    assert {name: it.auth.kind for name, it in reached.items()} == {
        "openai-frontier": "bearer",
        "anthropic-frontier": "bearer",
        "acme-euw-h200": "bearer",
        "azure-frontier": "header",
        "vertex-frontier": "google_service_account",
        "cortex-sonnet": "snowflake_token",
        "bedrock-oss": "aws_signature",
        "acme-summarizer": "sagemaker_token",
    }


def test_vertex_answers_from_anywhere_at_an_address_without_region():
    model = next(model for model in spec("prod").models if isinstance(model, VertexModel))
    somewhere = model.model_copy(update={"location": "global"})
    url = hosted.reach(somewhere, environment()).url
    assert url == "https://aiplatform.googleapis.com/v1/projects/acme-ai-prod/locations/global/endpoints/openapi"


@pytest.mark.parametrize(
    ("names", "endpoints", "ways"),
    [
        (["openai-frontier"], [], ("0.0.0.0/0",)),
        (["bedrock-oss"], ["bedrock-runtime"], ("10.40.0.0/16",)),
        (["bedrock-oss", "acme-summarizer"], ["bedrock-runtime", "sagemaker.runtime"], ("10.40.0.0/16",)),
        (["bedrock-oss", "openai-frontier"], ["bedrock-runtime"], ("0.0.0.0/0",)),
        (["chat-small"], [], ()),
    ],
)
def test_walls_open_no_further_than_the_models_are(names, endpoints, ways):
    some = only(*names)
    assert hosted.endpoint_services(hosted.models_of(some)) == endpoints
    assert hosted.ways_out(some) == ways
    listed = hosted.with_endpoints(some).endpoints
    assert set(endpoints) <= set(listed)
    assert len(listed) == len(set(listed))


def test_the_way_out_spares_the_nodes_own_credentials(prod):
    rules = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "gateway-wall").inputs["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in blocks
    assert {"cidr": "169.254.170.23/32"} in blocks


# --- permissions ------------------------------------------------------------------------------------------------


def statements(*models: BedrockModel) -> dict[str, dict]:
    return {it["Sid"]: it for it in bedrock_plan.invoke_policy(models, environment())["Statement"]}


def test_a_model_with_profiles_is_called_through_them_alone():
    found = statements(bedrock())
    own = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/*"
    assert set(found) == {"Profiles", "ThroughProfiles"}
    assert found["Profiles"]["Resource"] == [own]
    tags = found["Profiles"]["Condition"]["StringEquals"]
    assert tags == {"aws:ResourceTag/environment": "dev", "aws:ResourceTag/plinth-model": ["m1"]}
    assert found["ThroughProfiles"]["Resource"] == [
        "arn:aws:bedrock:us-east-1::foundation-model/openai.gpt-oss-120b-1:0"
    ]
    assert found["ThroughProfiles"]["Condition"] == {"ArnLike": {"bedrock:InferenceProfileArn": own}}


def test_a_cross_region_model_may_be_called_wherever_its_profile_goes_and_only_through_it():
    found = statements(bedrock(model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", profiles="none"))
    profile = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert found["CrossRegionProfiles"]["Resource"] == [profile]
    through = found["ThroughCrossRegionProfiles"]
    assert through["Resource"] == ["arn:aws:bedrock:*::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"]
    assert through["Condition"] == {"ArnEquals": {"bedrock:InferenceProfileArn": [profile]}}


def test_a_model_without_profiles_is_named():
    found = statements(bedrock(profiles="none"))
    assert list(found) == ["Models"]
    assert "Condition" not in found["Models"]


@pytest.mark.parametrize("statement", [*statements(bedrock()).values(), *statements(bedrock(profiles="none")).values()])
def test_nothing_but_calling_is_allowed(statement):
    assert set(statement["Action"]) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}


def test_one_sagemaker_endpoint_may_be_called_and_no_other():
    model = SageMakerModel(kind="hosted", provider="sagemaker", name="m1", endpoint="Acme-LLM", model="x")
    invoke, token = bedrock_plan.sagemaker_policy([model], environment())["Statement"]
    assert invoke["Resource"] == ["arn:aws:sagemaker:us-east-1:123456789012:endpoint/acme-llm"]
    assert token["Action"] == ["sagemaker:CallWithBearerToken"]


def test_the_gateways_identity_has_these_policies_and_none_where_nothing_needs_one(prod):
    grants = {
        it.name: json.loads(it.inputs["policy"])
        for it in prod.of("aws:iam/rolePolicy:RolePolicy")
        if it.name.startswith("gateway-identity-")
    }
    assert set(grants) == {f"gateway-identity-{label}" for label in ("bedrock", "guardrails", "sagemaker")}
    (association,) = [
        it for it in prod.of("aws:eks/podIdentityAssociation:PodIdentityAssociation") if "gateway" in it.name
    ]
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("plinth-system", "gateway")
    dev = recorded_platform("dev").of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert not [it for it in dev if "gateway" in it.name]


# --- profiles, guardrails, logs ---------------------------------------------------------------------------------


def test_a_profile_for_each_tenant_that_can_reach_the_model(prod):
    made = {it.name: it.inputs for it in prod.of("aws:bedrock/inferenceProfile:InferenceProfile")}
    assert set(made) == {"bedrock-profile-bedrock-oss-support", "bedrock-profile-bedrock-oss-analytics"}
    support = made["bedrock-profile-bedrock-oss-support"]
    assert support["tags"] == {"tenant": "support", "cost-center": "CC-2200", "plinth-model": "bedrock-oss"}
    assert support["modelSource"]["copyFrom"].endswith("::foundation-model/openai.gpt-oss-120b-1:0")


def test_names_of_profiles_fit_and_stay_apart():
    whole = spec("prod")
    long = "a" * 30
    model = bedrock(name="b" * 30)
    tenants = [whole.tenants[0].model_copy(update={"name": f"{long[:-1]}{end}", "routes": ["r1"]}) for end in "xy"]
    route = whole.gateway.routes[0].model_copy(
        update={"name": "r1", "targets": [whole.gateway.routes[0].targets[0].model_copy(update={"model": model.name})]}
    )
    gateway = whole.gateway.model_copy(update={"routes": [route]})
    world = whole.model_copy(update={"models": [model], "tenants": tenants, "gateway": gateway})
    names = [profile.name for profile in bedrock_plan.profiles(world)]
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)


def test_filters_and_personal_data_are_rendered_as_bedrock_wants_them(prod):
    made = prod.one("aws:bedrock/guardrail:Guardrail", "bedrock-guardrail-customers").inputs
    filters = {it["type"]: it for it in made["contentPolicyConfig"]["filtersConfigs"]}
    assert filters["INSULTS"]["outputStrength"] == "MEDIUM"
    assert filters["PROMPT_ATTACK"]["outputStrength"] == "NONE", "answers hold no prompts"
    pii = {it["type"]: it["action"] for it in made["sensitiveInformationPolicyConfig"]["piiEntitiesConfigs"]}
    assert pii["EMAIL"] == "ANONYMIZE"
    assert pii["CREDIT_DEBIT_CARD_NUMBER"] == "BLOCK"
    assert bedrock_plan.content_filters(ContentFilters(hate="NONE"))[0].type == "INSULTS"


def test_calls_are_recorded_without_what_was_said(prod):
    (made,) = prod.of("aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration")
    config = made.inputs["loggingConfig"]
    assert config["textDataDeliveryEnabled"] is False
    group = prod.one("aws:cloudwatch/logGroup:LogGroup", "bedrock-calls").inputs
    assert group["retentionInDays"] == 90
    assert group["kmsKeyId"]
