"""Which container images may run in the cluster."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from plinth.spec.base import Model, Name, matches
from plinth.spec.environment import Environment

Registry = Annotated[
    str,
    matches(
        r"^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$",
        "a registry, or a path in it, without a slash at the end, for example quay.io/acme",
        max_length=200,
    ),
]

ImageGlob = Annotated[
    str,
    matches(
        r"^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?/[a-z0-9._/*-]+$",
        "images by name, with * for anything, for example quay.io/acme/*",
        max_length=250,
    ),
]


class _Signature(Model):
    name: Name
    """Name of the signer."""

    images: Annotated[list[ImageGlob], Field(min_length=1)]
    """Images that must be signed by it, with `*` for anything, for example `quay.io/acme/*`."""


class KeySignature(_Signature):
    """Images that cosign signed with a key."""

    kind: Literal["key"]
    """A key of your own."""

    public_key: str
    """The public key, PEM."""

    transparency_log: bool = True
    """Whether the signature must also be in the public transparency log of Sigstore. Off for private signing."""

    @field_validator("public_key")
    @classmethod
    def _public(cls, value: str) -> str:
        if not value.strip().startswith("-----BEGIN PUBLIC KEY-----"):
            raise ValueError("must be a public key in PEM, from -----BEGIN PUBLIC KEY----- (`cosign public-key`)")
        return value


class IdentitySignature(_Signature):
    """Images that a CI job signed with its own identity, without a key (Sigstore's keyless signing)."""

    kind: Literal["identity"]
    """An identity of a CI job or a person."""

    issuer: Annotated[str, matches(r"^https://\S+$", "an address that begins with https://", max_length=300)]
    """Who vouches for the identity, for example https://token.actions.githubusercontent.com."""

    subject: Annotated[str, Field(min_length=3, max_length=500)]
    """The identity, for example the address of a workflow and its branch."""


Signature = Annotated[KeySignature | IdentitySignature, Field(discriminator="kind")]


class ImageRules(Model):
    """Rules on the images of model servers and of tenants; Kyverno holds each pod against them.

    The platform's own namespaces are not held against them, so that a Kyverno that is down cannot keep it down.
    """

    registries: list[Registry] = []
    """Registries that images may come from, besides the account's own ECR in its region."""

    signatures: list[Signature] = []
    """Whose signature which images must have."""

    enforce: bool = True
    """Whether a pod that breaks a rule is refused, or only reported."""

    @field_validator("signatures")
    @classmethod
    def _names(cls, value: list[Signature]) -> list[Signature]:
        names = [signature.name for signature in value]
        if len(set(names)) < len(names):
            raise ValueError("two signatures have the same name")
        return value


def registries(rules: ImageRules, environment: Environment) -> list[str]:
    """Registries that images may come from: the account's own ECR, and those of the rules."""
    suffix = ".cn" if environment.region.startswith("cn-") else ""
    own = f"{environment.account_id}.dkr.ecr.{environment.region}.amazonaws.com{suffix}"
    return list(dict.fromkeys([own, *rules.registries]))
