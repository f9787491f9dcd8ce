"""Where things listen and how they are called: by service name in a cluster, on 127.0.0.1 on a laptop.

Pure. The gateway's configuration, network policies, scrape configuration and the contract all take their
addresses from here.
"""

from plinth import naming
from plinth.serving.engines import engine_of
from plinth.spec import PlatformSpec
from plinth.spec.models import DevelopmentModel, SelfHostedModel

GATEWAY = naming.GATEWAY
"""Name of the gateway's Deployment, Service and pods."""

API_PORT = 8080
"""Port of the gateway's API in a cluster."""

METRICS_PORT = 9090
"""Port of the gateway's metrics and probes in a cluster; tenants cannot reach it."""

DEVELOPMENT_PORT = 8000
"""Port of the development model server in a cluster."""

POSTGRES_PORT = 5432
"""Port of PostgreSQL."""

MONITORING = "monitoring"
"""Name that the objects of kube-prometheus-stack start with."""

LOOPBACK = "127.0.0.1"


def service_host(name: str, namespace: str) -> str:
    """DNS name of a Kubernetes Service."""
    return f"{name}.{namespace}.svc.cluster.local"


PROMETHEUS_URL = f"http://{service_host(f'{MONITORING}-prometheus', naming.MONITORING_NAMESPACE)}:9090"
"""Where KEDA and Grafana ask for metrics."""


def gateway_port(spec: PlatformSpec) -> int:
    """Port that the gateway's API listens on."""
    return spec.laptop.ports.gateway if spec.laptop else API_PORT


def gateway_metrics_port(spec: PlatformSpec) -> int | None:
    """Port of the gateway's metrics and probes; None where the API's port serves them too."""
    return None if spec.laptop else METRICS_PORT


def gateway_url(spec: PlatformSpec) -> str:
    """What clients use as base URL."""
    host = LOOPBACK if spec.laptop else service_host(GATEWAY, naming.SYSTEM_NAMESPACE)
    return f"http://{host}:{gateway_port(spec)}/v1"


def model_port(spec: PlatformSpec, model: SelfHostedModel | DevelopmentModel) -> int:
    """Port that a model server listens on."""
    if isinstance(model, SelfHostedModel):
        return engine_of(model).port
    return spec.laptop.ports.models[model.name] if spec.laptop else DEVELOPMENT_PORT


def model_url(spec: PlatformSpec, model: SelfHostedModel | DevelopmentModel) -> str:
    """Base URL of a model that the platform serves itself, up to and with `/v1`."""
    service = engine_of(model).service_name(model) if isinstance(model, SelfHostedModel) else model.name
    host = LOOPBACK if spec.laptop else service_host(service, naming.SERVING_NAMESPACE)
    return f"http://{host}:{model_port(spec, model)}/v1"


def aws_endpoint(spec: PlatformSpec) -> str | None:
    """Address of the laptop's stand-in for AWS; None for AWS itself."""
    return f"http://{LOOPBACK}:{spec.laptop.ports.aws}" if spec.laptop else None
