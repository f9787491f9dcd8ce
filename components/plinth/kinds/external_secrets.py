"""External Secrets' stores and secrets.

Source: External Secrets Operator's API reference, `external-secrets.io/v1`, v2.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from plinth import versions
from plinth.kinds.base import CustomKind, Part, Text


class StoreRef(Part):
    """Which store a secret comes from."""

    kind: Literal["ClusterSecretStore", "SecretStore"] = "ClusterSecretStore"
    name: Text


class Target(Part):
    """The Kubernetes Secret that is kept up to date."""

    name: str
    creation_policy: Literal["Owner"] = "Owner"
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    """What becomes of it when nothing is found any more."""


class RemoteRef(Part):
    """A secret in the store, or one property of its JSON."""

    key: Text
    property: str | None = None


class Entry(Part):
    """One key of the Kubernetes Secret."""

    secret_key: str
    remote_ref: RemoteRef


class FindName(Part):
    """Secrets by a regular expression of their names."""

    regexp: str


class Find(Part):
    """Which secrets of the store to take."""

    path: str | None = None
    name: FindName


class RegexpRewrite(Part):
    """What a key is called in the Kubernetes Secret."""

    source: str
    target: str


class Rewrite(Part):
    """One step of renaming keys."""

    regexp: RegexpRewrite


class EntrySource(Part):
    """Many keys at once."""

    find: Find
    rewrite: Sequence[Rewrite] | None = None


class ExternalSecret(CustomKind):
    """Keeps a Kubernetes Secret equal to secrets of a store."""

    API_VERSION: ClassVar[str] = versions.API["ExternalSecret"]
    KIND: ClassVar[str] = "ExternalSecret"

    refresh_interval: str
    secret_store_ref: StoreRef
    target: Target
    data: Sequence[Entry] | None = None
    data_from: Sequence[EntrySource] | None = None


class StoreCondition(Part):
    """Namespaces that may use a store."""

    namespaces: Sequence[str]


class AwsProvider(Part):
    """Secrets Manager; without a role, with the operator's own."""

    service: Literal["SecretsManager"] = "SecretsManager"
    region: str
    role: Text | None = None


class StoreProvider(Part):
    """What a store reads."""

    aws: AwsProvider


class ClusterSecretStore(CustomKind):
    """A store that secrets of several namespaces come from."""

    API_VERSION: ClassVar[str] = versions.API["ClusterSecretStore"]
    KIND: ClassVar[str] = "ClusterSecretStore"
    NAMESPACED: ClassVar[bool] = False

    conditions: Sequence[StoreCondition]
    provider: StoreProvider
