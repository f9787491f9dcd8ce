"""What a report says: plain values in the order in which they are read."""

from dataclasses import dataclass
from typing import Literal

from plinth_cli.report.places import Place
from plinth_cli.report.values import Difference

DecisionKind = Literal["failed", "policy", "delete", "replace"]


@dataclass(frozen=True)
class Decision:
    """Something that a person must agree to, or mend, before anything is touched.

    Attributes:
        kind: What it is about.
        title: One line.
        reason: Why it needs a decision.
        fix: What to do; "" when that is for the reader to say.
        place: The line of YAML behind it.
    """

    kind: DecisionKind
    title: str
    reason: str
    fix: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Item:
    """One resource that changes.

    Attributes:
        urn: Its Pulumi name.
        name: Its logical name.
        type: Its type, as people say it.
        operation: create, update, replace, delete, import, refresh or discard.
        custom: Whether it is a real resource, no component.
        holds: Its state class: stateless, stateful or precious.
        depth: How deep it is under the component at the top.
        differences: What differs, for updates and replacements.
        forcing: Paths that force the replacement.
        folded: How many of its differences are told once for many (`Report.common`).
        noise: How many are left out, because they say nothing to a reader.
        place: The line of YAML behind it.
    """

    urn: str
    name: str
    type: str
    operation: str
    custom: bool
    holds: str
    depth: int
    differences: tuple[Difference, ...] = ()
    forcing: tuple[str, ...] = ()
    folded: int = 0
    noise: int = 0
    place: Place | None = None


@dataclass(frozen=True)
class Group:
    """A component at the top and what changes in it.

    Attributes:
        name: Its logical name; a resource without a component is a group of its own.
        type: Its type, as people say it.
        counts: Changes by operation, the component itself left out.
        items: What changes, the component first.
        folded: How many more items have only what `Report.common` tells.
    """

    name: str
    type: str
    counts: dict[str, int]
    items: tuple[Item, ...]
    folded: int = 0


@dataclass(frozen=True)
class Common:
    """One difference that many resources share, told once.

    Attributes:
        difference: What differs.
        resources: How many resources have it.
        operation: What happens to them; "" when that differs.
    """

    difference: Difference
    resources: int
    operation: str


@dataclass(frozen=True)
class Component:
    """A part at the top of an environment, changed or not.

    Attributes:
        name: Its logical name.
        type: Its type, as people say it.
        resources: How many real resources are in it.
        changed: How many of them change.
        worst: The gravest thing that happens in it; "same" when nothing does.
    """

    name: str
    type: str
    resources: int
    changed: int
    worst: str


@dataclass(frozen=True)
class Advice:
    """A rule that objects, but stops nothing.

    Attributes:
        policy: The rule.
        resource: Whom it means.
        message: What it says.
    """

    policy: str
    resource: str
    message: str


@dataclass(frozen=True)
class Report:
    """One run on one environment.

    Attributes:
        project: Name of the Pulumi project.
        environment: Name of the stack.
        rehearsed: Whether stand-in providers answered.
        operation: What was run; a preview has changed nothing.
        ok: Whether it went well.
        counts: Resources by operation, unchanged ones included.
        decisions: What needs one, the gravest first.
        groups: The changes by component, destructive ones first.
        common: Differences that are told once for many resources.
        advice: What policy advises.
        policies: How many policy packs judged; None when none could.
        unknown: How many shown values are known only after the update.
        noise: How many differences are left out.
        notes: Warnings of engine and providers.
        seconds: How long it took.
        components: Everything at the top of the environment, unchanged parts included.
        edges: Which of them needs which, by name: (who, whom).
        changed: How many resources change.
    """

    project: str
    environment: str
    rehearsed: bool
    operation: str
    ok: bool
    counts: dict[str, int]
    decisions: tuple[Decision, ...] = ()
    groups: tuple[Group, ...] = ()
    common: tuple[Common, ...] = ()
    advice: tuple[Advice, ...] = ()
    policies: int | None = None
    unknown: int = 0
    noise: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    components: tuple[Component, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    changed: int = 0
