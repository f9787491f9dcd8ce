"""From the spec to what the gateway is told, and to what its pods mount. Pure."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from plinth import addresses, naming
from plinth.security import documents
from plinth.serving import revisions
from plinth.spec import PlatformSpec
from plinth.spec.environment import Environment
from plinth.spec.hosted import HostedModel
from plinth.spec.models import SelfHostedModel, ServedModel
from plinth_runtime.config import (
    ApiKey,
    Backend,
    GatewayConfig,
    Hold,
    KeysFile,
    Route,
    RuntimeConfig,
    Target,
    TenantAccess,
)
from plinth_runtime.names import KEY_PREFIX

CONFIG_FOLDER = "/etc/plinth"
CONFIG_FILE = "runtime.json"
KEYS_FOLDER = f"{CONFIG_FOLDER}/keys"
KEYS_FILE = "keys.json"
TENANT_ROUTES_FOLDER = f"{CONFIG_FOLDER}/tenant-routes"
API_KEY_FILE = "api-key"


def provider_folder(model: str) -> str:
    """Where the API key of a hosted model's provider is mounted."""
    return f"{CONFIG_FOLDER}/providers/{model}"


def runtime_config(spec: PlatformSpec) -> RuntimeConfig:
    """What the gateway reads at start."""
    models = {model.name: model for model in (*spec.models, *revisions.self_hosted(spec.models))}
    return RuntimeConfig(
        environment=spec.environment.name,
        gateway=GatewayConfig(
            port=addresses.gateway_port(spec),
            metrics_port=addresses.gateway_metrics_port(spec),
            keys_file=f"{KEYS_FOLDER}/{KEYS_FILE}",
            tenant_routes_dir=TENANT_ROUTES_FOLDER,
            max_body_bytes=spec.gateway.max_body_mib * 2**20,
            request_timeout_seconds=spec.gateway.request_timeout_seconds,
            drain_seconds=spec.gateway.drain_seconds,
        ),
        tenants=[
            TenantAccess(
                name=tenant.name,
                routes=list(tenant.routes),
                trace_project=naming.trace_project(spec.environment, tenant.name),
            )
            for tenant in spec.tenants
        ],
        backends=[_backend(spec, model) for model in models.values()],
        routes=[
            Route(
                name=route.name,
                targets=[
                    Target(
                        backend=share.server,
                        model=share.adapter or _own_name(models[share.server]),
                        weight=share.weight,
                    )
                    for share in revisions.shares(route, spec.models)
                ],
            )
            for route in spec.gateway.routes
        ],
    )


def _backend(spec: PlatformSpec, model: ServedModel) -> Backend:
    hosted = isinstance(model, HostedModel)
    return Backend(
        name=model.name,
        base_url=addresses.model_url(spec, model),
        api_key_file=f"{provider_folder(model.name)}/{API_KEY_FILE}" if hosted else None,
        hold=_hold(model),
    )


def _hold(model: ServedModel) -> Hold | None:
    """How requests wait for a model that may have no replica."""
    zero = model.scale_to_zero if isinstance(model, SelfHostedModel) else None
    return Hold(max_requests=zero.hold_requests, seconds=zero.hold_seconds) if zero else None


def _own_name(model: ServedModel) -> str:
    """What the server itself calls the model."""
    return model.model if isinstance(model, HostedModel) else model.name


def serving_ports(config: RuntimeConfig) -> list[int]:
    """Ports of model servers in the cluster that the gateway calls."""
    inside = f".{naming.SERVING_NAMESPACE}.svc."
    addresses_of = [urlsplit(backend.base_url) for backend in config.backends if inside in backend.base_url]
    return sorted({address.port or 80 for address in addresses_of})


def render(config: RuntimeConfig) -> str:
    """The configuration as the JSON text that goes into the ConfigMap; the same for equal configurations."""
    return config.model_dump_json(indent=2, exclude_defaults=False)


def checksum(text: str) -> str:
    """Changes when the text does: as an annotation of pods it makes them restart."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def api_key(tenant: str, random: str) -> str:
    """A tenant's key for the gateway."""
    return f"{KEY_PREFIX}{tenant}_{random}"


def keys_file(keys: dict[str, str]) -> str:
    """The keys file, from tenants and their keys: it holds hashes only."""
    hashed = [
        ApiKey(id=f"{tenant}-1", tenant=tenant, sha256=hashlib.sha256(key.encode()).hexdigest())
        for tenant, key in sorted(keys.items())
    ]
    return KeysFile(keys=hashed).model_dump_json()


@dataclass(frozen=True, slots=True)
class RouteSearch:
    """How External Secrets finds the routes of tenants, and names their files."""

    path: str
    """Prefix of their names in Secrets Manager."""
    pattern: str
    """Regular expression (Go's RE2) of their names."""
    file_name: str
    """Replacement that turns a name into a file name."""


def route_search(environment: Environment) -> RouteSearch:
    """Routes of all tenants of an environment; file names are those of `plinth_runtime.tenant_routes`."""
    template = naming.tenant_route_secret(environment, "TENANT", "ROUTE")
    name = "([a-z][a-z0-9-]*)"
    pattern = re.escape(template).replace("TENANT", name).replace("ROUTE", name).replace("\\-", "-")
    return RouteSearch(path=template.partition("TENANT")[0], pattern=f"^{pattern}$", file_name="${1}.${2}.json")


def find_secrets_policy(region: str) -> dict[str, Any]:
    """What External Secrets needs to find secrets by name, on top of reading those that it may read.

    Neither action knows a narrower resource; `BatchGetSecretValue` still asks for `GetSecretValue` on each secret
    (AWS Secrets Manager user guide, "Permissions policy examples").
    """
    actions = ["secretsmanager:ListSecrets", "secretsmanager:BatchGetSecretValue"]
    return documents.document(
        documents.allow(actions, ["*"], condition={"StringEquals": {"aws:RequestedRegion": region}}, sid="Find")
    )
