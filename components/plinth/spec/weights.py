"""Where weights come from, and what is loaded beside a model's own."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.base import ImageDigest, Model, Name, matches

Precision = Literal["bf16", "fp16", "fp8", "int8", "int4"]
"""Number format of the weights."""

WeightsPath = Annotated[
    str, matches(r"^[a-z0-9][a-z0-9._/-]*$", "a path of lower-case letters, digits and . _ / -", max_length=200)
]


class S3Source(Model):
    """Weights in the bucket `models`, as safetensors; they are streamed from there straight to the GPUs."""

    kind: Literal["s3"]
    """Where the weights are."""

    path: WeightsPath
    """Prefix in the bucket, for example `acme/chat-large/2026-10-01`."""

    @property
    def bucket_path(self) -> str:
        """Prefix in the bucket `models`."""
        return self.path


class OciSource(Model):
    """Weights in a container image, mounted read-only into the pods; the nodes keep it like any image."""

    kind: Literal["oci"]
    """Where the weights are."""

    image: ImageDigest
    """The image, by digest: its root holds `config.json` and the safetensors."""

    @property
    def bucket_path(self) -> None:
        """Nothing is in the bucket `models`."""
        return None


Source = Annotated[S3Source | OciSource, Field(discriminator="kind")]
"""Where weights come from, told apart by `kind`."""


class Architecture(Model):
    """Facts from the model's `config.json` that decide how much GPU memory it needs."""

    parameters_billion: Annotated[float, Field(gt=0, le=5000)]
    """All weights, in billions (a mixture of experts counts every expert)."""

    layers: Annotated[int, Field(ge=1, le=500)]
    """Number of layers: `num_hidden_layers` of `config.json`."""

    kv_heads: Annotated[int, Field(ge=1, le=256)]
    """Number of key and value heads: `num_key_value_heads` of `config.json`."""

    head_dim: Annotated[int, Field(ge=16, le=1024)]
    """Size of a head: `head_dim` of `config.json`, or else `hidden_size` divided by `num_attention_heads`."""


class Draft(Model):
    """A small model that proposes tokens, which the large one then checks several at a time."""

    path: WeightsPath
    """Prefix of its weights in the bucket `models`; it must have the large model's tokens."""

    architecture: Architecture
    """What decides the GPU memory it needs."""

    precision: Precision = "bf16"
    """Number format of its weights."""

    tokens: Annotated[int, Field(ge=1, le=16)] = 4
    """Tokens that it proposes at a time."""


class Adapter(Model):
    """A LoRA adapter on top of the model, which the gateway's routes can name like a model."""

    name: Name
    """Name of the adapter inside the platform."""

    path: WeightsPath
    """Prefix of its files in the bucket `models`."""

    rank: Literal[8, 16, 32, 64, 128, 256] = 16
    """Its rank: `r` of `adapter_config.json`, or the next larger one."""
