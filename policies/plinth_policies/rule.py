"""What a rule is: data with pure functions, so that it can be tested and listed without the policy SDK."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from plinth_policies.values import Value, at

Stage = Literal["local", "development", "staging", "production"]
"""How much an environment matters: `environment.stage` of the spec."""

STAGES: tuple[Stage, ...] = ("local", "development", "staging", "production")

Level = Literal["mandatory", "advisory", "disabled"]
"""What a violation does: stop the update, warn, or nothing."""

Severity = Literal["low", "medium", "high", "critical"]
"""How bad a violation is; reports are sorted by it."""

EVERYWHERE: Mapping[Stage, Level] = dict.fromkeys(STAGES, "mandatory")
"""Mandatory in every environment."""

WHERE_DATA_COUNTS: Mapping[Stage, Level] = {
    "local": "disabled",
    "development": "disabled",
    "staging": "mandatory",
    "production": "mandatory",
}
"""Mandatory where the spec protects data, off where environments come and go."""


@dataclass(frozen=True)
class Resource:
    """A resource as a rule sees it."""

    type: str
    """Type token, for example `aws:s3/bucket:Bucket`."""

    name: str
    """Logical name."""

    urn: str
    """Pulumi's unique name of it."""

    stage: Stage
    """Stage of its environment."""

    props: Value
    """For a rule on one resource its checked inputs, for a rule on the stack its outputs."""

    protect: bool = False
    """Whether Pulumi refuses to delete it."""

    ancestors: tuple[str, ...] = ()
    """URNs of its parent, the parent's parent and so on."""

    depends_on: frozenset[str] = frozenset()
    """URNs of the resources that it depends on in any way."""

    sources: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """For a property, the URNs of the resources that its value comes from; known even while the value is not."""

    def get(self, *path: str | int) -> Value:
        """The value at a path of its properties: MISSING where there is none, UNKNOWN under an unknown."""
        return at(self.props, *path)


@dataclass(frozen=True)
class Stack:
    """All resources of a stack that a rule asked for, at the end of a preview or an update."""

    resources: tuple[Resource, ...]

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def inside(self, component: Resource, token: str) -> list[Resource]:
        """The resources of a type that are children of a component, at any depth."""
        return [resource for resource in self.of(token) if component.urn in resource.ancestors]


@dataclass(frozen=True)
class Finding:
    """One violation."""

    what: str
    """What is wrong, with the value."""

    why: str
    """Why it matters, in one clause."""

    fix: str
    """What to change, naming the field of the spec."""

    urn: str | None = None
    """The resource, where the rule looked at the whole stack."""

    def __str__(self) -> str:
        return f"{self.what}: {self.why}.\nFix: {self.fix}."


Check = Callable[[Resource], Iterable[Finding]]
"""Looks at one resource's inputs."""


@dataclass(frozen=True)
class Join:
    """Looks at several resources together: something that must stand beside something else."""

    types: frozenset[str]
    """Types that it reads; it is given no other."""

    check: Callable[[Stack], Iterable[Finding]]
    """Each finding names a URN."""


@dataclass(frozen=True)
class Rule:
    """A rule of the pack.

    A rule that meets an unknown value says nothing, because the update looks again with the real value; a
    rule about the presence of something takes an unknown value as present.
    """

    id: str
    """Name in reports and configuration; never changes."""

    title: str
    """The rule as one sentence."""

    severity: Severity

    fix: str
    """Which fields of the spec it follows from."""

    checks: Mapping[str, Check]
    """What to do with a resource, by its type token."""

    join: Join | None = None
    """What to do with the stack."""

    levels: Mapping[Stage, Level] = field(default_factory=lambda: EVERYWHERE)
    """What a violation does, by stage."""

    @property
    def join_id(self) -> str:
        """Name of the part that looks at the stack: the engine wants one policy for each way of looking."""
        return f"{self.id}-complete"

    @property
    def policy_names(self) -> tuple[str, ...]:
        """The names under which the engine knows it."""
        return (self.id, self.join_id) if self.join else (self.id,)
