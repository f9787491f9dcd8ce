"""What a tenant's requests call a model can differ: AWS books the cost of an inference profile."""

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.gateway.routing.tables import Tables
from plinth_runtime.tenant_routes import merge

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
CONFIG = RuntimeConfig.model_validate(
    {
        "environment": "test",
        "tenants": [{"name": "search", "routes": ["bulk"]}, {"name": "support", "routes": ["bulk"]}],
        "backends": [{"name": "oss", "base_url": "https://b/v1", "tenant_models": {"search": PROFILE}}],
        "routes": [{"name": "bulk", "targets": [{"backend": "oss", "model": "openai.gpt-oss-120b-1:0"}]}],
    }
)


def model(config: RuntimeConfig, route: str, tenant: str) -> str:
    tables = Tables(config)
    [candidate] = tables.route(tenant, route).candidates
    return tables.model(tenant, candidate)


def test_a_tenant_with_a_profile_calls_it_and_another_the_model():
    assert model(CONFIG, "bulk", "search") == PROFILE
    assert model(CONFIG, "bulk", "support") == "openai.gpt-oss-120b-1:0"


def test_a_tenants_own_route_goes_through_its_profile_too():
    document = '{"name": "mine", "shares": [{"route": "bulk"}]}'
    merged = merge(CONFIG, {"search.mine.json": document})
    assert not merged.refused
    assert model(merged.config, "search/mine", "search") == PROFILE
