"""Collects the engine's events into changes, violations and problems."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from pulumi.automation import (
    DiagnosticEvent,
    EngineEvent,
    OpType,
    PolicyEvent,
    StepEventMetadata,
    StepEventStateMetadata,
)

from plinth_cli.engine import redact
from plinth_cli.engine.result import Change, Problem, Property, Violation

SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's public marker of secrets, not one itself
UNKNOWN_MARKS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How Pulumi writes a value of each type that will be known only after the update (pulumi/sdk resource.plugin)."""
UNKNOWN = "(known after the update)"

_STACK_TYPE = "pulumi:pulumi:Stack"
_CHECK_FAILURE = re.compile(
    r"^\S+ resource '[^']*'(?:: property (?P<path>\S+) value .*)? has a problem: (?P<reason>.*)$", re.DOTALL
)
"""Errors 2002 and 2003 of pulumi/sdk go/common/diag/errors.go; the value is dropped, as it may be a secret."""
_NAMED_PROPERTY = re.compile(r"property ([\w.\[\]\"]+) ")
"""How the stand-in providers name it: with a property, the engine would print the value, which may be a secret."""
_GRPC = "Exception calling application: "
"""What gRPC puts before the words of a program that failed inside an `apply`."""
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:[^:]+::default(_|$)")
_OPERATIONS = {
    OpType.CREATE_REPLACEMENT: "replace",
    OpType.DELETE_REPLACED: "replace",
    OpType.READ: "same",  # looking at something that is not ours changes nothing
    OpType.READ_REPLACEMENT: "same",
    OpType.IMPORT_REPLACEMENT: "import",
    OpType.DISCARD_REPLACED: "discard",
    OpType.REMOVE_PENDING_REPLACE: "discard",
}
_NOISE = re.compile(
    r"^(using pulumi-\S+ from \$PATH|(preview|update|destroy|refresh) failed$|the program failed$"
    r"|an unhandled error occurred: the program failed$|resource monitor shut down"
    r"|failed to run policy: context canceled)"
)


class Collector:
    """Receives events, in the engine's order, from a thread of the Automation API.

    Attributes:
        on_step: Told after each event how many resources are done and what is being worked on.
    """

    def __init__(self) -> None:
        self.on_step: Callable[[int, str], None] = lambda done, doing: None
        self.changes: dict[str, Change] = {}
        self.violations: list[Violation] = []
        self.problems: list[Problem] = []
        self.outputs: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.policies: int | None = None
        self.finished = False
        self._done: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        with self._lock:
            if event.resource_pre_event:
                self._step(event.resource_pre_event.metadata, done=False)
            elif event.res_outputs_event:
                self._step(event.res_outputs_event.metadata, done=True)
            elif event.policy_event:
                self._policy(event.policy_event)
            elif event.diagnostic_event:
                self._diagnostic(event.diagnostic_event)
            elif event.summary_event:
                self.finished = True
                self.policies = len(event.summary_event.policy_packs or {})

    def tally(self) -> dict[str, int]:
        """Count resources per operation, the stack itself left out."""
        counts: dict[str, int] = {}
        for change in self.changes.values():
            if change.type != _STACK_TYPE:
                counts[change.operation] = counts.get(change.operation, 0) + 1
        return counts

    def _step(self, step: StepEventMetadata, *, done: bool) -> None:
        urn = step.urn
        if _DEFAULT_PROVIDER.search(urn):
            return  # made by the engine, not by the program; Pulumi does not show them either
        operation = _OPERATIONS.get(step.op, step.op.value)
        known = self.changes.get(urn)
        if known is None or known.operation != "replace":
            state = step.new or step.old
            self.changes[urn] = Change(
                urn,
                parent=(state.parent or "") if state else "",
                operation=operation,
                custom=bool(state and state.custom),
                properties=tuple(_properties(step)) if operation in ("update", "replace", "refresh") else (),
                protected=bool(step.old and step.old.protect),
            )
        if done:
            self._done.add(urn)
            if step.type == _STACK_TYPE and step.new is not None:
                self.outputs = {key: visible(value, key) for key, value in (step.new.outputs or {}).items()}
        self.on_step(len(self._done), "" if done else self.changes[urn].name)

    def _policy(self, event: PolicyEvent) -> None:
        violation = Violation(
            policy=event.policy_name,
            pack=event.policy_pack_name,
            mandatory=event.enforcement_level == "mandatory",
            urn=event.resource_urn or "",
            message=redact.text(event.message.strip()),
        )
        if violation not in self.violations:
            self.violations.append(violation)

    def _diagnostic(self, event: DiagnosticEvent) -> None:
        message = event.message.strip()
        if event.severity not in ("error", "warning") or not message or _NOISE.match(message):
            return
        urn = event.urn or ""
        found = _CHECK_FAILURE.match(message)
        path = ""
        if found:
            message, path = found["reason"].strip(), found["path"] or ""
            named = _NAMED_PROPERTY.match(message)
            path = path or (named[1] if named else "")
        problem = Problem(event.severity == "error", redact.text(message.removeprefix(_GRPC)), urn, path)
        if problem not in self.problems:
            self.problems.append(problem)


def visible(value: Any, name: str = "") -> Any:
    """Return a value as it may be shown: secrets blinded, unknown values named as such."""
    if isinstance(value, dict):
        mapping = cast(Mapping[str, Any], value)
        if SECRET_MARK in mapping:
            return redact.HIDDEN
        return {key: visible(item, key) for key, item in mapping.items()}
    if isinstance(value, list):
        return [visible(item, name) for item in cast(list[Any], value)]
    if isinstance(value, str):
        if value in UNKNOWN_MARKS:
            return UNKNOWN
        return redact.HIDDEN if redact.names_a_secret(name) else redact.text(value)
    return value


def _properties(step: StepEventMetadata) -> Iterator[Property]:
    """What changes in a step, from the provider's detailed diff or else from comparing top-level inputs."""
    forcing = {str(key) for key in step.keys or []}
    if step.detailed_diff:
        for path, diff in sorted(step.detailed_diff.items()):
            replaces = str(diff.diff_kind.value).endswith("-replace") or path in forcing
            yield Property(path, _at(step.old, path), _at(step.new, path), replaces)
        return
    before, after = _inputs(step.old), _inputs(step.new)
    named = [str(key) for key in step.diffs or []]
    changed = named or sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    for key in sorted({*changed, *forcing}):
        yield Property(key, visible(before.get(key), key), visible(after.get(key), key), key in forcing)


def _inputs(state: StepEventStateMetadata | None) -> Mapping[str, Any]:
    return (state.inputs if state else None) or {}


def _at(state: StepEventStateMetadata | None, path: str) -> Any:
    """The value at a property path, among the inputs or else the outputs."""
    if state is None:
        return None
    for source in (state.inputs, state.outputs):
        found, value = _look_up(source or {}, path)
        if found:
            return visible(value, path)
    return None


def _look_up(value: Any, path: str) -> tuple[bool, Any]:
    for key in parse_path(path):
        if isinstance(value, dict):
            mapping = cast(Mapping[str, Any], value)
            if SECRET_MARK in mapping:
                return True, mapping
            if key not in mapping:
                return False, None
            value = mapping[str(key)]
        elif isinstance(value, list):
            items = cast(list[Any], value)
            if not isinstance(key, int) or key >= len(items):
                return False, None
            value = items[key]
        else:
            return False, None
    return True, value


def parse_path(path: str) -> list[str | int]:
    """Split a Pulumi property path: `a.b[0]["c.d"]` gives `["a", "b", 0, "c.d"]`."""
    keys: list[str | int] = []
    for quoted, index, plain in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)', path):
        if plain:
            keys.append(plain)
        elif index:
            keys.append(int(index))
        else:
            keys.append(quoted.replace('\\"', '"'))
    return keys
