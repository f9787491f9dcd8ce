"""What a run did: plain values, ready to be shown or written as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from plinth_cli.errors import PlinthError

Operation = Literal["up", "preview", "destroy", "refresh"]

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_POLICY, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

NEEDS = "PLINTH_WITH_NEEDS"
"""Environment variable with which a preview also says who needs whom."""

OPERATIONS = ("create", "update", "replace", "delete", "import", "refresh", "discard", "same")
"""Kinds of change in the order in which they are shown."""


@dataclass(frozen=True)
class Property:
    """One changed property.

    Attributes:
        path: For example `tags.team` or `spec.containers[0].image`.
        old: The value before, blinded when secret; None when there was none.
        new: The value after.
        replaces: Whether it forces the resource to be replaced.
    """

    path: str
    old: Any
    new: Any
    replaces: bool = False


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        urn: Its Pulumi name.
        parent: The URN of its parent, or "".
        operation: One of `OPERATIONS`.
        custom: Whether it is a real resource; a component groups others.
        properties: What changes, for updates and replacements.
        protected: Whether the engine refuses to delete it.
    """

    urn: str
    parent: str
    operation: str
    custom: bool
    properties: tuple[Property, ...] = ()
    protected: bool = False

    @property
    def type(self) -> str:
        """The type token, e.g. `aws:ec2/vpc:Vpc`."""
        return self.urn.split("::", 3)[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True)
class Violation:
    """A policy that a resource breaks.

    Attributes:
        policy: The rule's name.
        pack: The policy pack's name.
        mandatory: Whether it stops the update.
        urn: The resource, or "" when the whole stack is meant.
        message: What is wrong, and what to do.
    """

    policy: str
    pack: str
    mandatory: bool
    urn: str
    message: str


@dataclass(frozen=True)
class Problem:
    """A diagnostic of the engine or a provider.

    Attributes:
        error: Whether it is an error rather than a warning.
        message: What it says.
        urn: The resource, or "".
        property: The property at fault, or "".
    """

    error: bool
    message: str
    urn: str = ""
    property: str = ""


@dataclass
class Result:
    """The outcome of one operation."""

    operation: Operation
    environment: str
    project: str
    rehearsed: bool
    changes: list[Change] = field(default_factory=list[Change])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    violations: list[Violation] = field(default_factory=list[Violation])
    problems: list[Problem] = field(default_factory=list[Problem])
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    policies: int | None = None
    """How many policy packs ran; None when the operation runs none."""
    recovered: list[str] = field(default_factory=list[str])
    error: PlinthError | None = None
    log: str | None = None
    """File with the full traceback of the program's failure."""
    interrupted: bool = False
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """URN -> URNs that it needs, when the run was asked to find out."""
    processes: list[dict[str, Any]] | None = None
    """What runs on this machine afterwards; None unless the operation starts something."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything was done."""
        return self.error is None and not self.interrupted and not self.mandatory

    @property
    def mandatory(self) -> list[Violation]:
        """The violations that stop an update."""
        return [violation for violation in self.violations if violation.mandatory]

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        if self.interrupted:
            return EXIT_INTERRUPTED
        if self.mandatory:
            return EXIT_POLICY
        return EXIT_OK if self.ok else EXIT_ERROR

    def document(self) -> dict[str, Any]:
        """Return the result as JSON-ready data: the output of `--json`."""
        return {
            "version": "v1",
            "operation": self.operation,
            "environment": self.environment,
            "project": self.project,
            "rehearsed": self.rehearsed,
            "ok": self.ok,
            "exitCode": self.exit_code,
            "interrupted": self.interrupted,
            "counts": {name: self.counts.get(name, 0) for name in OPERATIONS if self.counts.get(name)},
            "changes": [_change(each) for each in self.changes if each.operation != "same" or self.needs],
            "policy": {
                "packs": self.policies,
                "violations": [
                    {
                        "policy": found.policy,
                        "pack": found.pack,
                        "level": "mandatory" if found.mandatory else "advisory",
                        "urn": found.urn,
                        "message": found.message,
                    }
                    for found in self.violations
                ],
            },
            "diagnostics": [
                {
                    "severity": "error" if found.error else "warning",
                    "message": found.message,
                    "urn": found.urn,
                    "property": found.property,
                }
                for found in self.problems
            ],
            "outputs": dict(self.outputs),
            "recovered": self.recovered,
            "error": error_document(self.error) if self.error else None,
            "log": self.log,
            **({} if self.processes is None else {"processes": self.processes}),
            **({"needs": {urn: list(others) for urn, others in self.needs.items()}} if self.needs else {}),
            "seconds": round(self.seconds, 2),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Result":
        """Return the result that a document tells of.

        Unchanged resources are in it when it also says who needs whom; else they are only counted.
        """
        error = document.get("error")
        policy = document["policy"]
        return cls(
            operation=document["operation"],
            environment=document["environment"],
            project=document["project"],
            rehearsed=document["rehearsed"],
            changes=[_read_change(item) for item in document["changes"]],
            counts=dict(document["counts"]),
            violations=[
                Violation(each["policy"], each["pack"], each["level"] == "mandatory", each["urn"], each["message"])
                for each in policy["violations"]
            ],
            problems=[
                Problem(each["severity"] == "error", each["message"], each["urn"], each["property"])
                for each in document["diagnostics"]
            ],
            policies=policy["packs"],
            error=PlinthError(error["what"], error["where"], error["fix"]) if error else None,
            interrupted=document["interrupted"],
            needs={urn: tuple(others) for urn, others in document.get("needs", {}).items()},
            seconds=document["seconds"],
        )


def error_document(error: PlinthError) -> dict[str, Any]:
    """Return an error as JSON-ready data."""
    return {"what": error.what, "where": error.where, "fix": error.fix}


def _change(change: Change) -> dict[str, Any]:
    return {
        "urn": change.urn,
        "type": change.type,
        "name": change.name,
        "parent": change.parent,
        "custom": change.custom,
        "protected": change.protected,
        "operation": change.operation,
        "properties": [
            {"path": item.path, "old": item.old, "new": item.new, "forcesReplacement": item.replaces}
            for item in change.properties
        ],
    }


def _read_change(item: Mapping[str, Any]) -> Change:
    return Change(
        urn=item["urn"],
        parent=item["parent"],
        operation=item["operation"],
        custom=item["custom"],
        properties=tuple(
            Property(each["path"], each["old"], each["new"], each["forcesReplacement"]) for each in item["properties"]
        ),
        protected=item["protected"],
    )
