"""Where weights come from, and what is loaded beside a model's own."""

from typing import Annotated, Literal

from pydantic import Field

from plinth.spec.architecture import Architecture
from plinth.spec.base import ImageDigest, Model, Name, matches
from plinth.spec.hosted import SecretName

Precision = Literal["bf16", "fp16", "fp8", "int8", "int4", "mxfp4"]
"""Number format of the weights; `mxfp4` is that of gpt-oss."""

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


Repository = Annotated[
    str,
    matches(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$",
        "a repository of the hub: OWNER/NAME, for example openai/gpt-oss-20b",
    ),
]

Commit = Annotated[
    str, matches(r"^[0-9a-f]{40}$", "a commit: 40 hexadecimal digits; a branch could become something else")
]


class HuggingFaceSource(Model):
    """Weights of a public model: a Job copies them into the bucket `models`, from which they are served as with `s3`.

    Safetensors, configuration and tokenizer alone: nothing that could run code when it is loaded.
    """

    kind: Literal["hugging_face"]
    """Where the weights are."""

    repository: Repository
    """OWNER/NAME on huggingface.co."""

    revision: Commit
    """Commit of the repository."""

    token_secret: SecretName | None = None
    """Secret in AWS Secrets Manager with a token of Hugging Face, for a repository that asks for one."""

    @property
    def bucket_path(self) -> str:
        """Prefix in the bucket `models`."""
        return f"hugging-face/{self.repository}/{self.revision}"


Source = Annotated[S3Source | HuggingFaceSource | OciSource, Field(discriminator="kind")]
"""Where weights come from, told apart by `kind`."""


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
