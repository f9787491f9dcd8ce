"""The base of typed custom resources.

A model has only the fields that the platform sets; a test checks each of them against the CRD's own schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import pulumi
import pulumi_kubernetes as k8s
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Text = str | pulumi.Output[str]
"""A string that is known, or that another resource gives."""


class Part(BaseModel):
    """A piece of a custom resource: snake_case here, camelCase in the object; a field that is None is left out.

    A name that camelCase would get wrong (`kmsKeyID`) gets `Field(alias=...)`; one that is a word of Python's gets an
    underscore (`for_`).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=lambda name: to_camel(name.rstrip("_")),
        populate_by_name=True,
        arbitrary_types_allowed=True,
    )

    def to_object(self) -> dict[str, Any]:
        """The object as Kubernetes reads it. Outputs stay outputs."""
        fields = type(self).model_fields
        given = {fields[name].alias or name: getattr(self, name) for name in fields}
        return {name: _plain(value) for name, value in given.items() if value is not None}


class CustomKind(Part):
    """The `spec` of a custom resource of one kind."""

    API_VERSION: ClassVar[str]
    """Group and version, for example `karpenter.sh/v1`; from `plinth.versions`."""

    KIND: ClassVar[str]
    """For example `NodePool`."""

    NAMESPACED: ClassVar[bool] = True
    """Whether objects of the kind live in a namespace."""

    def register(
        self,
        logical_name: str,
        *,
        name: str,
        namespace: pulumi.Input[str] | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions,
    ) -> k8s.apiextensions.CustomResource:
        """Make the object `name` with this spec; `logical_name` is its name in Pulumi.

        Raises:
            ValueError: the kind lives in a namespace and none was given, or the other way around.
        """
        if (namespace is not None) != self.NAMESPACED:
            where = "needs a namespace" if self.NAMESPACED else "has no namespace"
            raise ValueError(f"{self.KIND} {name} {where}")
        return k8s.apiextensions.CustomResource(
            logical_name,
            api_version=self.API_VERSION,
            kind=self.KIND,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=namespace,
                labels=dict(labels) if labels else None,
                annotations=dict(annotations) if annotations else None,
            ),
            spec=self.to_object(),
            opts=opts,
        )


def _plain(value: object) -> Any:
    if isinstance(value, Part):
        return value.to_object()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast(Mapping[str, object], value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in cast(Sequence[object], value)]
    return value
