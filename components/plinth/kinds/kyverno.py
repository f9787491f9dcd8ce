"""Kyverno's policies.

Source: Kyverno documentation, "ValidatingPolicy" and "ImageValidatingPolicy", for v1.19.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from plinth import versions
from plinth.kinds.base import CustomKind, Part


class Rule(Part):
    """Requests to the API server that a policy looks at."""

    api_groups: Sequence[str]
    api_versions: Sequence[str]
    operations: Sequence[Literal["CREATE", "UPDATE"]]
    resources: Sequence[str]


class LabelRequirement(Part):
    """What a label must be."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Sequence[str]


class LabelSelector(Part):
    """Namespaces by their labels."""

    match_expressions: Sequence[LabelRequirement]


class MatchConstraints(Part):
    """Which requests, in which namespaces."""

    resource_rules: Sequence[Rule]
    namespace_selector: LabelSelector


class Variable(Part):
    """A CEL expression with a name."""

    name: str
    expression: str


class Validation(Part):
    """A CEL expression that must hold, and what is said when it does not."""

    expression: str
    message: str


class PodControllers(Part):
    """Kinds that a rule on pods is extended to."""

    controllers: Sequence[str]


class Autogen(Part):
    """What a rule on pods is extended to."""

    pod_controllers: PodControllers


class Switch(Part):
    """Whether something is done."""

    enabled: bool


class Evaluation(Part):
    """When a policy is looked at besides admission."""

    background: Switch


class WebhookConfiguration(Part):
    """How long the API server waits for the answer."""

    timeout_seconds: int


class ValidatingPolicy(CustomKind):
    """What an object must be like to be admitted."""

    API_VERSION: ClassVar[str] = versions.API["ValidatingPolicy"]
    KIND: ClassVar[str] = "ValidatingPolicy"
    NAMESPACED: ClassVar[bool] = False

    failure_policy: Literal["Fail", "Ignore"]
    validation_actions: Sequence[Literal["Deny", "Audit", "Warn"]]
    match_constraints: MatchConstraints
    variables: Sequence[Variable] | None = None
    validations: Sequence[Validation]
    autogen: Autogen
    webhook_configuration: WebhookConfiguration | None = None


class ImageReference(Part):
    """Images by their name, with `*` for anything."""

    glob: str


class Key(Part):
    """A public key: PEM, or the address of a key in a cloud's key service."""

    data: str | None = None
    kms: str | None = None
    hash_algorithm: Literal["sha256"] = "sha256"


class Identity(Part):
    """Who signed: what the certificate of Fulcio says."""

    issuer: str
    subject: str | None = None
    subject_reg_exp: str | None = None


class Keyless(Part):
    """Signatures with short-lived certificates."""

    identities: Sequence[Identity]


class TransparencyLog(Part):
    """The log that signatures are in."""

    url: str | None = None
    insecure_ignore_tlog: bool | None = None
    insecure_ignore_sct: bool | None = Field(default=None, alias="insecureIgnoreSCT")


class Cosign(Part):
    """Who signs with cosign: a key or an identity."""

    key: Key | None = None
    keyless: Keyless | None = None
    ctlog: TransparencyLog | None = None


class Value(Part):
    """A text."""

    value: str


class Notary(Part):
    """Who signs with Notation: certificates, PEM."""

    certs: Value
    tsa_certs: Value | None = None


class Attestor(Part):
    """Whose signature counts: one of the two."""

    name: str
    cosign: Cosign | None = None
    notary: Notary | None = None


class Credentials(Part):
    """How registries are signed in to."""

    providers: Sequence[Literal["amazon", "default"]]


class ValidationConfigurations(Part):
    """What becomes of the image's reference."""

    mutate_digest: bool
    verify_digest: bool
    required: bool


class ImageValidatingPolicy(CustomKind):
    """Whose signature images must have to be admitted."""

    API_VERSION: ClassVar[str] = versions.API["ImageValidatingPolicy"]
    KIND: ClassVar[str] = "ImageValidatingPolicy"
    NAMESPACED: ClassVar[bool] = False

    failure_policy: Literal["Fail", "Ignore"]
    validation_actions: Sequence[Literal["Deny", "Audit", "Warn"]]
    match_constraints: MatchConstraints
    match_image_references: Sequence[ImageReference]
    attestors: Sequence[Attestor]
    credentials: Credentials
    validation_configurations: ValidationConfigurations
    validations: Sequence[Validation]
    autogen: Autogen
    evaluation: Evaluation
    webhook_configuration: WebhookConfiguration
