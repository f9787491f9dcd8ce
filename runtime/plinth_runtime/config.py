"""What the runtime is told: the type that the platform program renders and the runtime reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
Paths inside a configuration are those of the container; `plinth_runtime.files` maps them on a laptop.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Model(BaseModel):
    """Frozen, and refuses unknown fields: what is not understood must not be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=2, max_length=63)]
"""A lower-case name with single dashes, as in Kubernetes."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", min_length=1, max_length=200)]
"""A model's name as clients or providers write it, for example `chat` or `Qwen/Qwen3-8B`."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""

AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]
"""An absolute path inside the container."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A duration in seconds."""


class GatewayConfig(_Model):
    """How the gateway listens, and its limits."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "0.0.0.0"  # noqa: S104 - inside a pod; the network policy decides who may reach it
    """Address to listen on; the environment variable PLINTH_BIND_HOST overrides it."""

    port: Port = 8080
    """TCP port of the API."""

    metrics_port: Port | None = None
    """TCP port for `/metrics` and the probes alone; without it `port` serves them too."""

    keys_file: AbsolutePath = "/etc/plinth/keys/keys.json"
    """File with the hashed API keys (`KeysFile`); read again when it changes."""

    tenant_routes_dir: AbsolutePath | None = None
    """Folder with the routes that tenants add (`plinth_runtime.tenant_routes`); read again when it changes."""

    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 20 * 1024 * 1024
    """Largest request body, in bytes; above it the answer is 413."""

    request_timeout_seconds: Seconds = 600.0
    """Longest time for one request, streaming included, in seconds."""

    drain_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """Time that running requests get to finish after SIGTERM, in seconds."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.metrics_port == self.port:
            raise ValueError(f"metrics_port {self.metrics_port} is the API's port: leave it out or choose another")
        return self


class TenantAccess(_Model):
    """What a tenant may call."""

    name: Name
    """Name of the tenant."""

    routes: list[ModelName]
    """Names of the routes that it may call."""

    trace_project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=63)] | None = None
    """Name under which its traces belong together; on every request's log line, so that the two can be joined."""

    @field_validator("routes")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        return _unique("route", value)


class Hold(_Model):
    """Requests wait for a backend that may have no replica, instead of failing at once."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)]
    """Most requests that wait at a time in one gateway process; above it the answer is 503 with Retry-After."""

    seconds: Seconds
    """Longest time that a request waits, in seconds, on top of `request_timeout_seconds`."""


class Backend(_Model):
    """A server that answers requests."""

    name: Name
    """Name of the backend, as errors and metrics show it."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2048)]
    """Address up to and with the version, for example `http://chat-large.plinth-serving.svc.cluster.local:8000/v1`.

    Credentials are never part of it: they go into `api_key_file`.
    """

    api_key_file: AbsolutePath | None = None
    """File with the key to send as a bearer token; without it none is sent. Read again when it changes."""

    dialect: Literal["openai"] = "openai"
    """API that the backend speaks."""

    connect_timeout_seconds: Seconds = 2.0
    """Longest time to open a connection, in seconds, before the next target is tried."""

    hold: Hold | None = None
    """Given for a backend that is scaled to zero when nobody asks for it."""

    @property
    def url(self) -> str:
        """`base_url` without a slash at its end."""
        return self.base_url.rstrip("/")


class Target(_Model):
    """A model at a backend that answers for a route."""

    backend: Name
    """Name of the backend."""

    model: ModelName
    """Name of the model at that backend."""

    weight: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Share of requests, relative to the route's other targets."""


class Route(_Model):
    """What clients pass as `model`, and who answers."""

    name: ModelName
    """Name that clients use."""

    targets: Annotated[list[Target], Field(min_length=1)]
    """Who answers: chosen by weight; the next one when it cannot be reached or fails before its first byte."""


class RuntimeConfig(_Model):
    """Everything the runtime reads at start, as one JSON file."""

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    environment: Name
    """Name of the environment, for logs and metrics."""

    gateway: GatewayConfig = GatewayConfig()
    """How the gateway listens."""

    tenants: list[TenantAccess]
    """Who may call."""

    backends: list[Backend]
    """Servers that answer."""

    routes: list[Route]
    """What can be called."""

    @field_validator("tenants", "backends", "routes")
    @classmethod
    def _names_once(cls, value: list[TenantAccess] | list[Backend] | list[Route]) -> object:
        _unique("name", [item.name for item in value])
        return value

    @model_validator(mode="after")
    def _references(self) -> Self:
        backends = [backend.name for backend in self.backends]
        routes = [route.name for route in self.routes]
        problems = [
            *(
                f"routes[{r}].targets[{t}].backend: {_dangling(target.backend, 'backend', backends)}"
                for r, route in enumerate(self.routes)
                for t, target in enumerate(route.targets)
                if target.backend not in backends
            ),
            *(
                f"tenants[{t}].routes[{r}]: {_dangling(route, 'route', routes)}"
                for t, tenant in enumerate(self.tenants)
                for r, route in enumerate(tenant.routes)
                if route not in routes
            ),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ApiKey(_Model):
    """One API key, by its hash. Keys look like `plinth_<tenant>_<random>`; only the hash is stored here."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
    """Name of the key, as logs show it."""

    tenant: Name
    """Tenant that the key belongs to."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the whole key, in lower-case hexadecimal."""


class KeysFile(_Model):
    """The keys that the gateway accepts, mounted from a secret."""

    keys: list[ApiKey]
    """Accepted keys."""

    @field_validator("keys")
    @classmethod
    def _once(cls, value: list[ApiKey]) -> list[ApiKey]:
        _unique("id", [key.id for key in value])
        _unique("sha256", [key.sha256 for key in value])
        return value


def _unique(what: str, values: list[str]) -> list[str]:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if twice:
        raise ValueError(f"{what} {', '.join(map(repr, twice))} is given more than once")
    return values


def _dangling(name: str, what: str, known: Iterable[str]) -> str:
    return f"no {what} is named {name!r} (there are: {', '.join(known) or 'none'})"
