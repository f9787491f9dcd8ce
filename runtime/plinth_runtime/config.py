"""What the runtime is told: the type that the platform program renders and the runtime reads.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
Paths inside a configuration are those of the container; `plinth_runtime.files` maps them on a laptop.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from plinth_runtime.config_types import ConfigModel, ModelName, Name, Seconds
from plinth_runtime.gateway.config import Breaker, DataClass, Priority, RetryBudget, Route, Target

__all__ = ["ModelName", "Name", "Route", "Target"]


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$", max_length=128)]
"""Name of an HTTP header."""

AwsRegion = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
"""An AWS region, for example `us-east-1`."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""

AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00]*$", max_length=4096)]
"""An absolute path inside the container."""


class GatewayConfig(ConfigModel):
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

    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Most requests at a time in one process; low priority is turned away at 70% of it, normal at 90% (503)."""

    breaker: Breaker = Breaker()
    """When a target that fails is left alone."""

    retry_budget: RetryBudget = RetryBudget()
    """How many retries and hedges there may be."""

    drain_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """Time that running requests get to finish after SIGTERM, in seconds."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.metrics_port == self.port:
            raise ValueError(f"metrics_port {self.metrics_port} is the API's port: leave it out or choose another")
        return self


class TenantAccess(ConfigModel):
    """What a tenant may call."""

    name: Name
    """Name of the tenant."""

    routes: list[ModelName]
    """Names of the routes that it may call."""

    trace_project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=63)] | None = None
    """Name under which its traces belong together; on every request's log line, so that the two can be joined."""

    data_class: DataClass = "public"
    """Least class of its requests; a route's or a request's own may be higher, and then counts."""

    residency: list[Name] = []
    """Where its requests may be answered: `residency` of backends; empty means anywhere."""

    priority: Priority = "normal"
    """Who is served first when there is too much to do."""

    sees_decisions: bool = False
    """Whether its answers carry `x-plinth-decision`: who was asked, who was not, and why."""

    @field_validator("routes")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        return _unique("route", value)


class BearerKey(ConfigModel):
    """A key that is sent as `Authorization: Bearer`."""

    kind: Literal["bearer"] = "bearer"
    """How requests are authenticated."""

    key_file: AbsolutePath
    """File with the key; read again when it changes."""


class HeaderKey(ConfigModel):
    """A key that is sent in a header of its own, as Azure OpenAI wants it."""

    kind: Literal["header"]
    """How requests are authenticated."""

    header: HeaderName
    """Name of the header, for example `api-key`."""

    key_file: AbsolutePath
    """File with the key; read again when it changes."""


class AwsSignature(ConfigModel):
    """Signature Version 4 with the pod's own AWS credentials, as botocore finds them."""

    kind: Literal["aws_signature"]
    """How requests are authenticated."""

    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    """AWS's signing name of the service, for example `bedrock`."""

    region: AwsRegion
    """Region of the endpoint."""


class SageMakerToken(ConfigModel):
    """A short-lived bearer token for SageMaker's OpenAI-compatible path, made from the pod's own AWS credentials.

    Source: Amazon SageMaker AI developer guide, "Invoke endpoints with OpenAI-compatible APIs".
    """

    kind: Literal["sagemaker_token"]
    """How requests are authenticated."""

    region: AwsRegion
    """Region of the endpoint."""


class GoogleServiceAccount(ConfigModel):
    """An OAuth access token of a Google service account, fetched with its key and renewed before it expires."""

    kind: Literal["google_service_account"]
    """How requests are authenticated."""

    key_file: AbsolutePath
    """File with the service account's key, in Google's JSON format; read again when it changes."""


class SnowflakeToken(ConfigModel):
    """A token of a Snowflake user, as `Authorization: Bearer` with a header that says which type of token it is."""

    kind: Literal["snowflake_token"]
    """How requests are authenticated."""

    token_file: AbsolutePath
    """File with the token; read again when it changes."""

    token_type: Literal["PROGRAMMATIC_ACCESS_TOKEN", "OAUTH"] = "PROGRAMMATIC_ACCESS_TOKEN"  # noqa: S105 - a type, no token
    """What Snowflake calls this type of token."""


Authentication = Annotated[
    BearerKey | HeaderKey | AwsSignature | SageMakerToken | GoogleServiceAccount | SnowflakeToken,
    Field(discriminator="kind"),
]
"""How the gateway proves to a backend who it is, told apart by `kind`."""


class Hold(ConfigModel):
    """Requests wait for a backend that may have no replica, instead of failing at once."""

    max_requests: Annotated[int, Field(ge=1, le=100_000)]
    """Most requests that wait at a time in one gateway process; above it the answer is 503 with Retry-After."""

    seconds: Seconds
    """Longest time that a request waits, in seconds, on top of `request_timeout_seconds`."""


class Backend(ConfigModel):
    """A server that answers requests."""

    name: Name
    """Name of the backend, as errors and metrics show it."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2048)]
    """Address up to and with the version, for example `http://chat-large.plinth-serving.svc.cluster.local:8000/v1`.

    Credentials are never part of it: they go into files that `auth` names.
    """

    auth: Authentication | None = None
    """How requests are authenticated; without it they are not."""

    headers: dict[HeaderName, Annotated[str, Field(pattern=r"^[ -~]*$", max_length=2048)]] = {}
    """Headers that every request carries, for example those that name a guardrail. Never a secret."""

    ca_file: AbsolutePath | None = None
    """File with the certificates (PEM) that the backend's must lead to, and no other; without it, the usual ones.

    Read again when it changes.
    """

    tenant_models: dict[Name, ModelName] = {}
    """Tenant -> what the model is called in its requests instead: an inference profile that its cost is booked to."""

    probe: Literal["models", "connect"] = "models"
    """What says that the backend is up: its list of models, asked for with its key, or any answer at all."""

    dialect: Literal["openai"] = "openai"
    """API that the backend speaks."""

    connect_timeout_seconds: Seconds = 2.0
    """Longest time to open a connection, in seconds, before the next target is tried."""

    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 4096
    """Most connections to it from one gateway process; who needs one more waits, then the next target is tried."""

    hosting: Literal["self_hosted", "hosted"] = "hosted"
    """Whether the company runs it itself; confidential requests go nowhere else. Hosted unless said otherwise."""

    residency: Name | None = None
    """Where it answers, for example `us` or `eu`; absent: not known, so requests with a residency do not reach it."""

    capacity: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests from one gateway process that it works on at a time; above it they queue, and the rule `capacity`
    sends them elsewhere. Absent: no bound is known."""

    hold: Hold | None = None
    """Given for a backend that is scaled to zero when nobody asks for it."""

    @property
    def url(self) -> str:
        """`base_url` without a slash at its end."""
        return self.base_url.rstrip("/")


class RuntimeConfig(ConfigModel):
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


class ApiKey(ConfigModel):
    """One API key, by its hash. Keys look like `plinth_<tenant>_<random>`; only the hash is stored here."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
    """Name of the key, as logs show it."""

    tenant: Name
    """Tenant that the key belongs to."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the whole key, in lower-case hexadecimal."""


class KeysFile(ConfigModel):
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
