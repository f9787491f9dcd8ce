"""The base of every Plinth component."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import pulumi
from pydantic import BaseModel

from plinth.options import state_options
from plinth.spec.environment import Environment

Resource = TypeVar("Resource", bound=pulumi.Resource)


def camel_case(name: str) -> str:
    """`max_gpus` becomes `maxGpus`, the way Pulumi writes property names."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def to_props(value: object) -> Any:
    """Plain data of a spec section with camelCased field names; absent fields are left out.

    Keys of maps that users choose (tags, for example) stay as they are.
    """
    if isinstance(value, BaseModel):
        fields = {camel_case(name): to_props(getattr(value, name)) for name in type(value).model_fields}
        return {name: item for name, item in fields.items() if item is not None}
    if isinstance(value, Mapping):
        return {key: to_props(item) for key, item in cast(Mapping[str, object], value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_props(item) for item in cast(Sequence[object], value)]
    return value


class Component(pulumi.ComponentResource):
    """A component of type `plinth:index:<kind>`.

    Its section of the spec goes to the engine as inputs, so that policies can read what was asked
    for, not only what it was turned into.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        section: BaseModel | Mapping[str, Any],
        *,
        environment: Environment,
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        props = to_props(section)
        props["environment"] = {"name": environment.name, "stage": environment.stage}
        super().__init__(f"plinth:index:{kind}", name, props, opts)
        self._environment = environment

    def options(self, of: type[Resource], **more: Any) -> pulumi.ResourceOptions:
        """Options of a child of type `of`: its parent, and protection where it holds data.

        `more` are further `ResourceOptions`, such as `depends_on`.
        """
        return pulumi.ResourceOptions(parent=self, **{**state_options(of, self._environment), **more})
