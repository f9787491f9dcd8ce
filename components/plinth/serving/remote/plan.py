"""How the gateway reaches GPUs outside AWS. Pure."""

import math

from plinth import naming
from plinth.gateway import hosted
from plinth.spec.remote import AnyRemoteGpu, LambdaGpu
from plinth_runtime.config import Backend, BearerKey

PORT = 443
TOKEN_FILE, CERTIFICATE_FILE = "api-key", "ca.pem"


def service(gpu: LambdaGpu) -> str:
    """Name of the Service that leads to an instance."""
    return f"remote-gpu-{gpu.name}"


def host(gpu: LambdaGpu) -> str:
    """Name of an instance inside the cluster, which its certificate is for."""
    return f"{service(gpu)}.{naming.SYSTEM_NAMESPACE}.svc.cluster.local"


def backend(gpu: AnyRemoteGpu) -> Backend:
    """The backend of the gateway: authenticated, over TLS, and asked for its models to see whether it is up."""
    at = hosted.folder(gpu.name)
    auth = BearerKey(key_file=f"{at}/{TOKEN_FILE}")
    if isinstance(gpu, LambdaGpu):
        return Backend(name=gpu.name, base_url=f"https://{host(gpu)}/v1", auth=auth, ca_file=f"{at}/{CERTIFICATE_FILE}")
    ca_file = f"{at}/{CERTIFICATE_FILE}" if gpu.ca_secret else None
    return Backend(name=gpu.name, base_url=gpu.base_url, auth=auth, ca_file=ca_file)


def model(gpu: AnyRemoteGpu) -> str:
    """What the server calls its model."""
    return gpu.name if isinstance(gpu, LambdaGpu) else gpu.model


def secrets(gpu: AnyRemoteGpu) -> dict[str, str]:
    """File in the gateway's folder -> name of a secret that people put into Secrets Manager."""
    if isinstance(gpu, LambdaGpu):
        return {}
    return {TOKEN_FILE: gpu.api_key_secret, **({CERTIFICATE_FILE: gpu.ca_secret} if gpu.ca_secret else {})}


def fuse_in_cents(gpu: LambdaGpu) -> int:
    """The most that an hour may cost, in US cents."""
    return math.floor(gpu.max_hourly_usd * 100 + 1e-6)
