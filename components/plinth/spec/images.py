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


class KmsSignature(_Signature):
    """Images that cosign signed with a key of AWS KMS, which nobody can take away."""

    kind: Literal["kms"]
    """An asymmetric key of AWS KMS, for signing."""

    key_arn: Annotated[
        str,
        matches(
            r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
            "the ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID",
        ),
    ]
    """The key: one of the environment's region, or a multi-Region key (`mrk-...`) that has a replica there. A key of
    another account must let this one use it (`kms:GetPublicKey`, `kms:DescribeKey`)."""

    transparency_log: bool = True
    """Whether the signature must also be in the public transparency log of Sigstore. Off for private signing."""

    @property
    def region(self) -> str | None:
        """The only region that has the key; None where several may."""
        return None if "key/mrk-" in self.key_arn else self.key_arn.split(":")[3]

    def key_in(self, region: str) -> str:
        """ARN of the key as a region has it."""
        parts = self.key_arn.split(":")
        return ":".join([*parts[:3], region if self.region is None else parts[3], *parts[4:]])


class NotationSignature(_Signature):
    """Images that Notation signed with a certificate (Notary Project)."""

    kind: Literal["notation"]
    """A certificate of your own certificate authority."""

    certificates: str
    """Certificates of the authorities that issue signers' certificates, PEM."""

    timestamp_certificates: str | None = None
    """Certificates of the authorities that vouch for the time of signing, PEM. Absent: signatures count until the
    signer's certificate expires."""

    @field_validator("certificates", "timestamp_certificates")
    @classmethod
    def _certificates(cls, value: str | None) -> str | None:
        if value is not None and not value.strip().startswith("-----BEGIN CERTIFICATE-----"):
            raise ValueError("must be certificates in PEM, from -----BEGIN CERTIFICATE-----")
        return value


Signature = Annotated[KeySignature | KmsSignature | IdentitySignature | NotationSignature, Field(discriminator="kind")]


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
