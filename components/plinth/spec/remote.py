"""GPUs outside AWS: instances of Lambda Cloud, and endpoints that are there already."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import Cidr, ImageDigest, Model, Name, matches
from plinth.spec.hosted import HttpsUrl, ProviderModelName, SecretName

LambdaRegion = Literal[
    "asia-northeast-1",
    "asia-northeast-2",
    "asia-south-1",
    "australia-east-1",
    "europe-central-1",
    "me-west-1",
    "us-east-1",
    "us-east-2",
    "us-east-3",
    "us-midwest-1",
    "us-midwest-2",
    "us-south-1",
    "us-south-2",
    "us-south-3",
    "us-west-1",
    "us-west-2",
    "us-west-3",
]
"""Regions of Lambda Cloud (API 1.8)."""


class EndpointGpu(Model):
    """An endpoint on somebody's GPUs that speaks OpenAI's API: another cloud's, or the company's own."""

    kind: Literal["endpoint"]
    """Where the GPUs are."""

    name: Name
    """Name of the backend; routes of the gateway use it like a model's."""

    base_url: HttpsUrl
    """Address of the endpoint, up to `/v1`."""

    model: ProviderModelName
    """The endpoint's name for the model."""

    api_key_secret: SecretName
    """Name of the secret in AWS Secrets Manager that holds the endpoint's key."""

    ca_secret: SecretName | None = None
    """Name of the secret with the certificate (PEM) that the endpoint's must lead to. Absent: a public authority's."""


class LambdaGpu(Model):
    """An instance of Lambda Cloud that serves one public model with vLLM, over TLS and with a token of its own."""

    kind: Literal["lambda"]
    """Where the GPUs are."""

    name: Name
    """Name of the backend; routes of the gateway use it like a model's."""

    instance_type: Annotated[str, matches(r"^gpu_\d+x_[a-z0-9_]+$", "an instance type, for example gpu_1x_h100_sxm5")]
    """Lambda's instance type, for example `gpu_1x_h100_sxm5`."""

    region: LambdaRegion
    """Lambda's region."""

    max_hourly_usd: Annotated[float, Field(gt=0, le=1000)]
    """Cost fuse: what an hour of the instance may cost, in US dollars. Above it nothing is launched: it is held against
    a table of prices here, and against Lambda's price of the day before each launch."""

    ssh_key: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of an SSH key that is registered with Lambda, which wants one; its firewall lets nobody use it."""

    image: ImageDigest
    """Image of vLLM, by digest, from a registry that needs no login."""

    repository: Annotated[
        str, matches(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$", "owner and name, for example Qwen/Qwen3-32B")
    ]
    """Public repository of the model at Hugging Face."""

    revision: Annotated[str, matches(r"^[0-9a-f]{40}$", "a commit: 40 hexadecimal digits")]
    """Commit of the repository."""

    tensor_parallel: Annotated[int, Field(ge=1, le=8)] = 1
    """GPUs that share the model."""

    max_context_tokens: Annotated[int, Field(ge=512, le=1_048_576)] = 8192
    """Longest prompt and answer together, in tokens."""

    image_family: Literal["lambda-stack-24-04", "lambda-stack-22-04"] = "lambda-stack-24-04"
    """Lambda's machine image: drivers and Docker are in it."""

    sources: list[Cidr] = []
    """Address ranges that may call it, on top of the platform's own NAT gateways; no others can."""

    start_minutes: Annotated[int, Field(ge=2, le=60)] = 20
    """Longest time from launch to a running machine; one that takes longer is ended again."""

    @property
    def gpus(self) -> int:
        """GPUs of the instance type."""
        return int(self.instance_type.split("_")[1].removesuffix("x"))


AnyRemoteGpu = Annotated[EndpointGpu | LambdaGpu, Field(discriminator="kind")]
"""GPUs outside AWS, told apart by `kind`."""
