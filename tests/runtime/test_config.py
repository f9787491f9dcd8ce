"""The configuration type: what it refuses, what it keeps, and that importing it is cheap."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plinth_runtime.config import Backend, GatewayConfig, KeysFile, Route, RuntimeConfig, Target, TenantAccess

names = st.from_regex(r"[a-z][a-z0-9]{1,8}(-[a-z0-9]{1,4})?", fullmatch=True)
models = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}", fullmatch=True)


@st.composite
def configs(draw: st.DrawFn) -> RuntimeConfig:
    backends = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    routes = draw(st.lists(models, min_size=1, max_size=4, unique=True))
    tenants = draw(st.lists(names, max_size=4, unique=True))
    targets = st.lists(
        st.builds(Target, backend=st.sampled_from(backends), model=models, weight=st.integers(1, 1000)),
        min_size=1,
        max_size=3,
    )
    return RuntimeConfig(
        environment=draw(names),
        gateway=draw(st.builds(GatewayConfig, port=st.integers(1, 65535), drain_seconds=st.floats(0, 86400))),
        tenants=[
            TenantAccess(name=name, routes=draw(st.lists(st.sampled_from(routes), unique=True))) for name in tenants
        ],
        backends=[
            Backend(name=name, base_url=f"http://127.0.0.1:{draw(st.integers(1, 65535))}/v1") for name in backends
        ],
        routes=[Route(name=name, targets=draw(targets)) for name in routes],
    )


@given(configs())
def test_survives_rendering(config: RuntimeConfig) -> None:
    assert RuntimeConfig.model_validate_json(config.model_dump_json()) == config


@given(configs(), st.data())
def test_a_missing_backend_is_named_with_its_place(config: RuntimeConfig, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(config.backends)).name
    raw = config.model_dump()
    raw["backends"] = [backend for backend in raw["backends"] if backend["name"] != gone]
    used = [
        f"routes[{r}].targets[{t}].backend: no backend is named '{gone}'"
        for r, route in enumerate(config.routes)
        for t, target in enumerate(route.targets)
        if target.backend == gone
    ]
    if not used:
        RuntimeConfig.model_validate(raw)
        return
    with pytest.raises(ValidationError) as error:
        RuntimeConfig.model_validate(raw)
    assert all(place in str(error.value) for place in used)


@given(configs(), st.sampled_from(["tenants", "backends", "routes"]))
def test_a_name_given_twice_is_refused(config: RuntimeConfig, section: str) -> None:
    raw = config.model_dump()
    if not raw[section]:
        return
    raw[section].append(raw[section][0])
    with pytest.raises(ValidationError, match="is given more than once"):
        RuntimeConfig.model_validate(raw)


def minimal() -> dict[str, object]:
    return {
        "environment": "local",
        "tenants": [{"name": "search", "routes": ["chat"]}],
        "backends": [{"name": "dev-small", "base_url": "http://127.0.0.1:8091/v1"}],
        "routes": [{"name": "chat", "targets": [{"backend": "dev-small", "model": "dev-small"}]}],
    }


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("version", "v2", "Input should be 'v1'"),
        (
            "tenants",
            [{"name": "search", "routes": ["chat", "chta"]}],
            r"no route is named 'chta' \(there are: chat\)",
        ),
        ("tenants", [{"name": "search", "routes": ["chat", "chat"]}], "route 'chat' is given more than once"),
        ("gateway", {"port": 80, "metrics_port": 80}, "metrics_port 80 is the API's port"),
        ("gateway", {"prot": 80}, "Extra inputs are not permitted"),
        ("gateway", {"keys_file": "keys.json"}, "String should match pattern"),
        ("gateway", {"request_timeout_seconds": float("inf")}, "finite number"),
        (
            "backends",
            [{"name": "dev-small", "base_url": "http://user:pass@host/v1"}],
            "String should match pattern",
        ),
        ("backends", [{"name": "dev-small", "base_url": "ftp://host/v1"}], "String should match pattern"),
        ("routes", [{"name": "chat", "targets": []}], "at least 1 item"),
    ],
)
def test_refuses(section: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RuntimeConfig.model_validate(minimal() | {section: value})


def test_frozen() -> None:
    config = RuntimeConfig.model_validate(minimal())
    with pytest.raises(ValidationError, match="frozen"):
        config.environment = "prod"  # type: ignore[misc] - what must fail


def test_keys_are_hashes_and_unique() -> None:
    digest = "0" * 64
    with pytest.raises(ValidationError, match="String should match pattern"):
        KeysFile.model_validate({"keys": [{"id": "a", "tenant": "search", "sha256": "plinth_search_abc"}]})
    with pytest.raises(ValidationError, match=r"sha256 .* is given more than once"):
        KeysFile.model_validate({"keys": [{"id": i, "tenant": "search", "sha256": digest} for i in ("one", "two")]})


def test_importing_it_imports_nothing_heavy() -> None:
    modules = "plinth_runtime.config, plinth_runtime.names, plinth_runtime.tenant_routes"
    program = f"import sys, {modules}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    roots = {module.partition(".")[0] for module in loaded}
    heavy = {
        "pulumi",
        "boto3",
        "botocore",
        "starlette",
        "uvicorn",
        "fastapi",
        "flask",
        "aiohttp",
        "httpx",
        "grpc",
    }
    assert roots.isdisjoint(heavy)
    outside = roots - set(sys.stdlib_module_names) - {"__main__"}
    allowed = {
        "plinth_runtime",
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "typing_extensions",
        "typing_inspection",
    }
    assert {root for root in outside if not root.startswith(("_", "sitecustomize"))} <= allowed
