"""From the spec to what the gateway is told, and to what its pods mount. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from plinth import addresses, naming
from plinth.gateway import hosted, routing
from plinth.security import documents
from plinth.serving import revisions
from plinth.serving.engines import engine_of
from plinth.serving.remote import plan as remote
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
    RuntimeConfig,
)
from plinth_runtime.gateway.config import RESTART_FIELDS
from plinth_runtime.names import KEY_PREFIX

ROOT_FOLDER = "/etc/plinth"
CONFIG_FOLDER = f"{ROOT_FOLDER}/config"
"""A folder of its own: a ConfigMap that is mounted as a folder follows its changes, a single file of it does not."""
CONFIG_FILE = "runtime.json"
KEYS_FOLDER = f"{ROOT_FOLDER}/keys"
KEYS_FILE = "keys.json"
GUARDRAIL_HEADERS = ("X-Amzn-Bedrock-GuardrailIdentifier", "X-Amzn-Bedrock-GuardrailVersion")
"""Amazon Bedrock user guide, "Include a guardrail in a chat completion"."""
TENANT_ROUTES_FOLDER = f"{ROOT_FOLDER}/tenant-routes"


def runtime_config(spec: PlatformSpec) -> RuntimeConfig:
    """What the gateway reads at start."""
    models = {model.name: model for model in (*spec.models, *revisions.self_hosted(spec.models))}
    called = {name: _own_name(spec, model) for name, model in models.items()}
    called |= {gpu.name: remote.model(gpu) for gpu in spec.remote_gpus}
    return RuntimeConfig(
        environment=spec.environment.name,
        gateway=GatewayConfig(
            port=addresses.gateway_port(spec),
            metrics_port=addresses.gateway_metrics_port(spec),
            keys_file=f"{KEYS_FOLDER}/{KEYS_FILE}",
            tenant_routes_dir=TENANT_ROUTES_FOLDER,
            max_body_bytes=spec.gateway.max_body_mib * 2**20,
            request_timeout_seconds=spec.gateway.request_timeout_seconds,
            max_in_flight=spec.gateway.max_in_flight,
            drain_seconds=spec.gateway.drain_seconds,
        ),
        tenants=[routing.access(spec, tenant) for tenant in spec.tenants],
        backends=[
            *(_backend(spec, model) for model in models.values()),
            *(remote.backend(gpu) for gpu in spec.remote_gpus),
        ],
        routes=[routing.route(spec, route, called) for route in spec.gateway.routes],
    )


def _backend(spec: PlatformSpec, model: ServedModel) -> Backend:
    if not isinstance(model, HostedModel):
        return Backend(
            name=model.name,
            base_url=addresses.model_url(spec, model),
            hosting="self_hosted",
            residency=routing.place(spec.environment.region),
            capacity=routing.capacity(model, spec.gateway.replicas),
            hold=_hold(model),
        )
    reach = hosted.reach(model, spec.environment)
    return Backend(
        name=model.name,
        base_url=reach.url,
        auth=reach.auth,
        probe="models" if reach.lists_models else "connect",
        residency=routing.hosted_place(model, spec.environment.region),
    )


def _hold(model: ServedModel) -> Hold | None:
    """How requests wait for a model that may have no replica."""
    zero = model.scale_to_zero if isinstance(model, SelfHostedModel) else None
    return Hold(max_requests=zero.hold_requests, seconds=zero.hold_seconds) if zero else None


def _own_name(spec: PlatformSpec, model: ServedModel) -> str:
    """What the server itself calls the model."""
    if isinstance(model, HostedModel):
        return hosted.reach(model, spec.environment).model
    return engine_of(model).served_name(model) if isinstance(model, SelfHostedModel) else model.name


@dataclass(frozen=True, slots=True)
class Assigned:
    """What AWS assigns to a Bedrock model when it is deployed."""

    tenant_models: dict[str, str]
    """Tenant -> ARN of its application inference profile."""
    guardrail: tuple[str, str] | None
    """ID and version of the guardrail."""


def assign(config: RuntimeConfig, assigned: Mapping[str, Assigned]) -> RuntimeConfig:
    """The configuration with what AWS assigned, by name of the model."""
    backends = [
        _assigned(backend, assigned[backend.name]) if backend.name in assigned else backend
        for backend in config.backends
    ]
    return config.model_copy(update={"backends": backends})


def _assigned(backend: Backend, given: Assigned) -> Backend:
    headers = dict(zip(GUARDRAIL_HEADERS, given.guardrail, strict=True)) if given.guardrail else {}
    return backend.model_copy(update={"tenant_models": given.tenant_models, "headers": {**backend.headers, **headers}})


def serving_ports(config: RuntimeConfig) -> list[int]:
    """Ports of model servers in the cluster that the gateway calls."""
    inside = f".{naming.SERVING_NAMESPACE}.svc."
    addresses_of = [urlsplit(backend.base_url) for backend in config.backends if inside in backend.base_url]
    return sorted({address.port or 80 for address in addresses_of})


def render(config: RuntimeConfig) -> str:
    """The configuration as the JSON text that goes into the ConfigMap; the same for equal configurations."""
    return config.model_dump_json(indent=2, exclude_defaults=False)


def checksum(config: RuntimeConfig) -> str:
    """Changes with what a running gateway cannot take: as an annotation of pods it makes them restart.

    All else is taken from the mounted ConfigMap while requests go on.
    """
    fixed = config.gateway.model_dump_json(include=set(RESTART_FIELDS))
    return hashlib.sha256(f"{config.environment}{fixed}".encode()).hexdigest()[:16]


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
