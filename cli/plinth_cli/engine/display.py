"""Shows a result to a person: a tree of changes by component, then what is wrong, then one line that sums up.

Readable without color and at 80 columns: a symbol starts each line, and long values are cut to where they
differ.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.text import Text

from plinth_cli.console import Console, duration
from plinth_cli.engine.result import OPERATIONS, Change, Property, Result, Violation
from plinth_cli.report.values import ABSENT, differences, shortened

SYMBOLS = {
    "create": "+",
    "update": "~",
    "replace": "±",
    "delete": "-",
    "import": "=",
    "refresh": "~",
    "discard": "<",
    "same": " ",
}
STYLES = {"create": "green", "update": "yellow", "replace": "magenta", "delete": "red", "refresh": "yellow"}
PAST = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "import": "imported",
    "refresh": "refreshed",
    "discard": "discarded",
    "same": "unchanged",
}
FUTURE = {**{name: f"to {name}" for name in OPERATIONS}, "same": "unchanged"}

WIDTH = 80
VALUE_WIDTH = 34
DIFFERENCES_SHOWN = 8
"""Differences inside one property that are listed; more are counted."""
LISTED_ALIKE = 3
"""Creations or deletions of one type under one component that are still listed by name; more are counted."""
LISTED_NEW = 40
"""Creations and deletions in all up to which they are listed; beyond, one line tells of a component that is all new."""

_STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass
class Node:
    """A resource and what is under it."""

    change: Change
    children: list["Node"] = field(default_factory=list["Node"])

    @property
    def changed(self) -> bool:
        """Whether anything happens here or below."""
        return self.change.operation != "same" or any(child.changed for child in self.children)

    @property
    def uniform(self) -> bool:
        """Whether this and everything below is created, or everything is deleted."""
        alike = all(child.uniform and child.change.operation == self.change.operation for child in self.children)
        return alike and self.change.operation in ("create", "delete")


def show(result: Result, console: Console) -> None:
    """Print a result: changes, outputs, warnings, violations, the error if there is one, the summary."""
    if console.quiet:
        return
    for line in tree_lines(result):
        console.out.print(line, overflow="ignore", crop=False)
    _show_outputs(result, console)
    for problem in result.problems:
        if not problem.error:
            console.warn(_problem_line(problem.urn, problem.message))
    for violation in sorted(result.violations, key=lambda found: (found.mandatory, found.policy, found.urn)):
        _show_violation(violation, console)
    if result.error:
        console.error(result.error)
    if result.log:
        console.note(f"  traceback: {result.log}")
    console.out.print(summary(result))


def tree_lines(result: Result) -> list[Text]:
    """Return the changes, grouped by component; nothing for what stays as it is."""
    lines: list[Text] = []
    brief = sum(change.operation in ("create", "delete") for change in result.changes) > LISTED_NEW
    for root in _trees(result.changes):
        if root.changed:
            _write(root, 0, lines, brief=brief)
    return lines


def summary(result: Result) -> Text:
    """Return the last line: counts, policy result, duration."""
    words = FUTURE if result.operation == "preview" else PAST
    counts = [f"{result.counts[name]} {words[name]}" for name in OPERATIONS if result.counts.get(name)]
    if not counts:
        told = "nothing to do"
    elif {name for name, count in result.counts.items() if count} == {"same"}:
        told = f"everything unchanged ({result.counts['same']} resources)"
    else:
        told = ", ".join(counts)
    if not result.ok and not result.interrupted:
        told = "failed" if result.operation == "preview" or not counts else f"failed; so far: {told}"
    if result.interrupted:
        told = f"stopped; {told}; run the same command again to go on"
    name = f"{result.project}/{result.environment}" + (" (rehearsal)" if result.rehearsed else "")
    mark, style = ("✓", "green") if result.ok else ("✗", "red")
    parts = [f"{name}: {told}", *_policy_words(result), duration(result.seconds)]
    return Text.assemble((f"{mark} ", style), (" · ".join(parts), "bold"))


def _policy_words(result: Result) -> list[str]:
    mandatory = len(result.mandatory)
    if result.policies is None or not (result.ok or mandatory):
        return []  # what failed earlier was not judged to the end
    advisory = len(result.violations) - mandatory
    words = "policies passed" if not mandatory else f"{mandatory} policy violation" + ("s" if mandatory > 1 else "")
    return [words + (f", {advisory} advice" if advisory else "")]


def _trees(changes: Iterable[Change]) -> list[Node]:
    """Nodes without a parent; the stack itself is left out, its children stand at the top."""
    nodes = {change.urn: Node(change) for change in changes}
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.change.parent)
        if node.change.type == _STACK_TYPE:
            continue
        if parent is None or parent.change.type == _STACK_TYPE:
            roots.append(node)
        else:
            parent.children.append(node)
    for node in nodes.values():
        node.children.sort(key=_order)
    return sorted(roots, key=_order)


def _order(node: Node) -> tuple[bool, str, str]:
    """Components first, then by name: the engine's own order differs from run to run."""
    return (not node.children, node.change.name, node.change.type)


def _write(node: Node, depth: int, lines: list[Text], *, brief: bool = False) -> None:
    change = node.change
    indent = "  " * depth
    symbol = SYMBOLS[change.operation]
    style = STYLES.get(change.operation, "")
    label = f"{change.name}  {short_type(change.type)}"
    total = _below(node)
    counted = f"  {total}" if node.children and total else ""
    lines.append(Text.assemble(f"{indent}", (f"{symbol} {label}", style), (_fit(counted, depth, label), "dim")))
    for item in change.properties:
        lines += _property(item, depth + 1)
    if brief and node.uniform:
        return
    changed = [child for child in node.children if child.changed]
    for child in (child for child in changed if child.children or child.change.operation not in ("create", "delete")):
        _write(child, depth + 1, lines, brief=brief)
    _write_alike([child for child in changed if not child.children], depth + 1, lines)


def _write_alike(leaves: list[Node], depth: int, lines: list[Text]) -> None:
    """Creations and deletions without children, counted by type where there are many."""
    groups: dict[tuple[str, str], list[Node]] = {}
    for leaf in leaves:
        if leaf.change.operation in ("create", "delete"):
            groups.setdefault((leaf.change.operation, leaf.change.type), []).append(leaf)
    for (operation, kind), members in groups.items():
        if len(members) <= LISTED_ALIKE:
            for leaf in members:
                _write(leaf, depth, lines)
        else:
            words = f"{SYMBOLS[operation]} {len(members)} × {short_type(kind)}"
            lines.append(Text.assemble("  " * depth, (words, STYLES.get(operation, ""))))


def _below(node: Node) -> str:
    """Counts of what happens below a component, e.g. `+12 ~1`."""
    counts: dict[str, int] = {}
    stack = list(node.children)
    while stack:
        item = stack.pop()
        stack.extend(item.children)
        if item.change.operation != "same":
            counts[item.change.operation] = counts.get(item.change.operation, 0) + 1
    return " ".join(f"{SYMBOLS[name]}{counts[name]}" for name in OPERATIONS if name in counts)


def _fit(text: str, depth: int, label: str) -> str:
    return text if 2 * depth + len(label) + len(text) + 2 <= WIDTH else ""


def _property(item: Property, depth: int) -> Iterator[Text]:
    """One line for each value that differs, inside documents too."""
    note = ("  forces replacement", "magenta") if item.replaces else ("", "")
    found = differences(item.path, item.old, item.new)
    indent = "  " * (depth + 1)
    if not found:
        yield Text.assemble(indent, (item.path, "bold"), ": spelled differently, with the same meaning", note)
    for each in found[:DIFFERENCES_SHOWN]:
        old, new = shortened(each.old, each.new, VALUE_WIDTH)
        if each.old is ABSENT:
            values = f"= {new}"
        elif each.new is ABSENT:
            values = f"{old} → (removed)"
        else:
            values = f"{old} → {new}"
        yield Text.assemble(indent, (each.path, "bold"), ": ", values, note)
    if len(found) > DIFFERENCES_SHOWN:
        yield Text.assemble(indent, (f"and {len(found) - DIFFERENCES_SHOWN} more differences in {item.path}", "dim"))


def short_type(token: str) -> str:
    """Return a type as people say it: `aws:ec2/vpc:Vpc` is `aws ec2 Vpc`, `plinth:index:Network` is `Network`."""
    parts = token.split(":")
    if len(parts) != 3:
        return token
    package, module, name = parts
    if package == "pulumi" and module == "providers":
        return f"provider {name}"
    if package == "pulumi" or (package == "plinth" and module == "index"):
        return name
    if module == "index":
        return f"{package} {name}"
    first = module.split("/")[0] if module.split("/")[-1].lower() == name.lower() else module
    return f"{package} {first} {name}" if first != "index" else f"{package} {name}"


def _show_outputs(result: Result, console: Console) -> None:
    if result.operation != "up" or not result.ok:
        return
    plain = {key: value for key, value in result.outputs.items() if not isinstance(value, (dict, list))}
    for key, value in sorted(plain.items()):
        console.out.print(Text.assemble("  ", (key, "bold"), f" = {value}"))


def _show_violation(violation: Violation, console: Console) -> None:
    level = ("✗ policy ", "red") if violation.mandatory else ("! advice ", "yellow")
    line = Text.assemble(level, (violation.policy, "bold"), f"  {_resource(violation.urn)}")
    console.err.print(line)
    for text in violation.message.splitlines():
        console.err.print(Text(f"    {text}"))


def _problem_line(urn: str, message: str) -> str:
    return f"{_resource(urn)}: {message}" if urn else message


def _resource(urn: str) -> str:
    """`<type> <name>` of a URN."""
    parts = urn.split("::", 3)
    if len(parts) != 4:
        return urn or "the whole stack"
    return f"{short_type(parts[2].rsplit('$', 1)[-1])} {parts[3]}"
