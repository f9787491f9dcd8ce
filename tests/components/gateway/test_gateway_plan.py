import hashlib
import re

import pytest
from support.worlds import environment, spec

from plinth import naming
from plinth.gateway import plan
from plinth_runtime.config import BearerKey, KeysFile, RuntimeConfig
from plinth_runtime.tenant_routes import FILE_NAME


def test_the_laptop_calls_processes_and_a_cluster_calls_services():
    local, prod = plan.runtime_config(spec("local")), plan.runtime_config(spec("prod"))
    assert {backend.name: backend.base_url for backend in local.backends} == {
        "dev-small": "http://127.0.0.1:8091/v1",
        "dev-large": "http://127.0.0.1:8092/v1",
    }
    assert (local.gateway.port, local.gateway.metrics_port) == (8080, None)
    assert (prod.gateway.port, prod.gateway.metrics_port) == (8080, 9090)
    urls = {backend.name: backend.base_url for backend in prod.backends}
    assert urls["chat-large"] == "http://chat-large.plinth-serving.svc.cluster.local:8000/v1"
    assert urls["openai-frontier"] == "https://api.openai.com/v1"
    assert urls["acme-euw-h200"] == "https://inference.acme.example.com/v1"


def test_hosted_models_are_called_by_their_own_names_with_a_mounted_key():
    prod = plan.runtime_config(spec("prod"))
    route = next(route for route in prod.routes if route.name == "frontier")
    assert [(target.backend, target.model) for target in route.targets] == [
        ("anthropic-frontier", "claude-sonnet-4-5"),
        ("openai-frontier", "gpt-5.1"),
        ("azure-frontier", "gpt-5.1"),
        ("vertex-frontier", "google/gemini-2.5-pro"),
    ]
    auth = {backend.name: backend.auth for backend in prod.backends}
    assert auth["openai-frontier"] == BearerKey(key_file="/etc/plinth/providers/openai-frontier/api-key")
    assert auth["chat-large"] is None


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_what_is_rendered_is_what_the_runtime_reads(name):
    config = plan.runtime_config(spec(name))
    assert RuntimeConfig.model_validate_json(plan.render(config)) == config


def test_the_keys_file_knows_keys_by_their_hashes():
    key = plan.api_key("search", "Abc123")
    assert key == "plinth_search_Abc123"
    text = plan.keys_file({"support": plan.api_key("support", "x"), "search": key})
    listed = KeysFile.model_validate_json(text)
    hashes = {item.tenant: item.sha256 for item in listed.keys}
    assert hashes["search"] == hashlib.sha256(key.encode()).hexdigest()
    assert hashes.keys() == {"search", "support"}
    assert "Abc123" not in text


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (naming.tenant_route_secret(environment(), "search", "answers"), "search.answers.json"),
        (naming.tenant_route_secret(environment(), "search-x", "a-b"), "search-x.a-b.json"),
        (naming.tenant_route_secret(environment("production"), "search", "answers"), None),
        (naming.tenant_key_secret(environment(), "search"), None),
        ("plinth/dev/tenants/search/routes/answers/more", None),
        ("x/plinth/dev/tenants/search/routes/answers", None),
    ],
)
def test_routes_of_tenants_are_found_by_where_they_are_kept(name, file):
    search = plan.route_search(environment())
    # External Secrets replaces as Go's regexp does: ${1} is the first group.
    replacement = re.sub(r"\$\{(\d+)\}", r"\\\1", search.file_name)
    found = re.sub(search.pattern, replacement, name) if re.match(search.pattern, name) else None
    assert found == file
    if file:
        assert name.startswith(search.path)
        assert FILE_NAME.match(file)
