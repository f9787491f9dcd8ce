"""From routes of the spec to how the gateway routes."""

import pytest
from support.worlds import document

from plinth.gateway import plan, routing
from plinth.spec import SpecError, load_spec
from plinth_runtime.gateway.config import Target


def with_gateway(name="prod", **changes):
    raw = document(name)
    return load_spec({**raw, "gateway": {**raw["gateway"], **changes}})


def with_route(route, tenants=("search",), **changes):
    raw = document("prod")
    listed = [{**tenant, "routes": [route["name"]]} for tenant in raw["tenants"] if tenant["name"] in tenants]
    return load_spec(
        {**raw, "tenants": listed, "gateway": {**raw["gateway"], "routes": [route], "callers": [], **changes}}
    )


def test_only_what_runs_on_own_gpus_counts_as_self_hosted():
    config = plan.runtime_config(with_gateway())
    own = {backend.name for backend in config.backends if backend.hosting == "self_hosted"}
    assert {"chat-large", "chat-small"} <= own
    assert not own & {"openai-frontier", "bedrock-oss", "acme-euw-h200", "colo-h200", "h100-lambda", "cortex-sonnet"}
    places = {backend.name: backend.residency for backend in config.backends}
    assert (places["chat-large"], places["bedrock-oss"], places["vertex-frontier"]) == ("us", "us", "us")
    assert places["openai-frontier"] is None


@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", "us"), ("eu-central-1", "eu"), ("europe-west4", "eu"), ("ap-south-1", "apac"), ("global", None)],
)
def test_a_regions_name_says_where_it_is(region, expected):
    assert routing.place(region) == expected


def test_targets_carry_what_decisions_need():
    price = {"input_usd_per_million": 1.5, "output_usd_per_million": 6}
    route = {
        "name": "chat",
        "order": ["complexity", "cost"],
        "resume": True,
        "targets": [
            {"model": "chat-large", "size": "large"},
            {
                "model": "openai-frontier",
                "size": "large",
                "price": price,
                "features": ["tools"],
                "context_tokens": 400000,
            },
        ],
    }
    config = plan.runtime_config(with_route(route))
    [made] = config.routes
    assert made.targets[0] == Target(
        backend="chat-large", model="chat-large", size="large", context_tokens=65536, continues=True
    )
    assert made.targets[1].price.output_usd_per_million == 6
    assert (made.targets[1].features, made.targets[1].continues) == (["tools"], False)
    assert (made.order, made.resume) == (["complexity", "cost"], True)
    local = next(backend for backend in config.backends if backend.name == "chat-large")
    assert local.capacity is not None
    assert local.capacity * 3 >= 8 * 8, "what all replicas work on, divided among three gateways"


def test_what_counts_for_a_tenant_reaches_the_gateway():
    config = plan.runtime_config(with_gateway())
    access = {tenant.name: tenant for tenant in config.tenants}
    assert (access["search"].data_class, access["search"].priority) == ("confidential", "high")
    assert access["analytics"].sees_decisions
    assert (access["support"].data_class, access["support"].priority) == ("public", "normal")


CHAT = {"model": "chat-small"}


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ({"targets": [{"model": "openai-frontier"}], "data_class": "confidential"}, "on the platform's own GPUs"),
        ({"targets": [{"model": "openai-frontier"}], "resume": True}, "a self-hosted model on vLLM"),
        ({"targets": [{**CHAT, "priority": 1}]}, "names the rule priority"),
        ({"targets": [CHAT], "order": ["cost"]}, "needs targets with a price"),
        ({"targets": [CHAT], "order": ["complexity"]}, "needs targets with a size"),
        ({"targets": [CHAT], "order": ["latency", "latency"]}, "twice"),
        ({"targets": [CHAT], "order": ["speed"]}, "latency"),
    ],
)
def test_mistakes_are_clear(route, says):
    with pytest.raises(SpecError, match=says):
        with_route({"name": "chat", **route})


@pytest.mark.parametrize(
    ("callers", "says"),
    [
        ([{"tenant": "serch"}], "search"),
        ([{"tenant": "search"}, {"tenant": "search"}], "no caller before it"),
        ([{"tenant": "support", "data_class": "confidential"}], "classes the tenant's requests as confidential"),
    ],
)
def test_callers_are_tenants_that_can_be_served(callers, says):
    with pytest.raises(SpecError, match=says):
        with_gateway(callers=callers)
