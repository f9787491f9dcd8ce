"""From a run's result to its report. Pure: the same result gives the same report, to the byte."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from plinth.options import state_class
from plinth_cli.engine.display import short_type
from plinth_cli.engine.events import UNKNOWN
from plinth_cli.engine.result import OPERATIONS, Change, Result, Violation
from plinth_cli.report.model import Advice, Common, Component, Decision, Group, Item, Report
from plinth_cli.report.places import Place, Places
from plinth_cli.report.values import Difference, differences

SHARED_BY = 5
"""Resources from which on a difference that they share is told once."""

GRAVITY = ("delete", "replace", "update", "import", "refresh", "create", "discard", "same")
"""Operations, what can lose something first."""

_STACK = "pulumi:pulumi:Stack"
_COMPONENT = re.compile(r"^plinth:index:(\w+)$")
_NOISE = (
    # What the Kubernetes API server and Helm keep for themselves.
    re.compile(r"^metadata\.(resourceVersion|generation|managedFields|uid|creationTimestamp)\b"),
    re.compile(r"^(status|checksum|resourceNames|manifest)\b"),
    re.compile(r'annotations\["pulumi\.com/'),
    # Versions and hashes of content whose own difference is shown.
    re.compile(r"^(etag|versionId|lastModified|sourceHash)$"),
)
"""Paths whose differences follow from others or mean nothing to a reader."""


def report(result: Result, places: Places) -> Report:
    """Return what a reader needs to know of a run.

    Args:
        result: What the engine said, secrets already taken out.
        places: Where to find the lines of YAML.
    """
    tree = _Tree(result.changes, places)
    items = [tree.item(change) for change in result.changes if change.operation != "same" and change.type != _STACK]
    common = _common(items)
    shared = {_key(each.difference) for each in common}
    groups = _groups(tree, [_fold(item, shared) for item in items])
    return Report(
        project=result.project,
        environment=result.environment,
        rehearsed=result.rehearsed,
        operation=result.operation,
        ok=result.ok,
        counts={name: result.counts[name] for name in OPERATIONS if result.counts.get(name)},
        decisions=tuple(_decisions(result, tree)),
        groups=tuple(groups),
        common=tuple(common),
        advice=tuple(
            Advice(found.policy, _named(found.urn), found.message)
            for found in sorted(result.violations, key=_violation_order)
            if not found.mandatory
        ),
        policies=result.policies,
        unknown=sum(each.new == UNKNOWN for item in items for each in item.differences),
        noise=sum(item.noise for item in items),
        notes=tuple(
            dict.fromkeys(
                f"{_named(p.urn)}: {p.message}" if p.urn else p.message for p in result.problems if not p.error
            )
        ),
        seconds=round(result.seconds, 1),
        components=tuple(_components(result.changes, tree)),
        edges=tuple(sorted(_edges(result, tree))),
        changed=sum(count for name, count in result.counts.items() if name != "same"),
    )


class _Tree:
    """Who belongs to whom, and where that is in the YAML."""

    def __init__(self, changes: Sequence[Change], places: Places) -> None:
        self._by_urn = {change.urn: change for change in changes}
        self._places = places

    def chain(self, urn: str) -> Iterator[Change]:
        """The resource and what it is part of, from the inside out, the stack left out."""
        change = self._by_urn.get(urn)
        seen: set[str] = set()
        while change and change.type != _STACK and change.urn not in seen:
            yield change
            seen.add(change.urn)
            change = self._by_urn.get(change.parent)

    def top(self, urn: str) -> Change | None:
        """The component at the top that a resource is part of."""
        return next(reversed([*self.chain(urn)]), None)

    def place(self, urn: str, path: str = "") -> Place | None:
        """The line of the innermost component that the YAML has one for."""
        for change in self.chain(urn):
            component = _COMPONENT.match(change.type)
            found = self._places.find(component[1], change.name, path) if component else None
            if found:
                return found
        return None

    def item(self, change: Change) -> Item:
        """The change with what differs, as far down as it can be told."""
        told: list[Difference] = []
        noise = 0
        tags = {each.path.removeprefix("tags") for each in change.properties if each.path.startswith("tags")}
        for each in change.properties:
            found = differences(each.path, each.old, each.new)
            # `tagsAll` is what AWS sees: the provider's own tags and `tags`, which tell it already.
            again = each.path.startswith("tagsAll") and each.path.removeprefix("tagsAll") in tags
            if not found or again or any(pattern.search(each.path) for pattern in _NOISE):
                noise += 1
            else:
                told += found
        return Item(
            urn=change.urn,
            name=change.name,
            type=short_type(change.type),
            operation=change.operation,
            custom=change.custom,
            holds=state_class(change.type),
            depth=len([*self.chain(change.urn)]) - 1,
            differences=tuple(told),
            forcing=tuple(each.path for each in change.properties if each.replaces),
            noise=noise,
            place=self.place(change.urn, change.properties[0].path if change.properties else ""),
        )


def _components(changes: Sequence[Change], tree: _Tree) -> Iterator[Component]:
    members: dict[str, list[Change]] = {}
    tops: dict[str, Change] = {}
    for change in changes:
        top = tree.top(change.urn)
        if top and not top.type.startswith("pulumi:providers:"):
            tops[top.urn] = top
            members.setdefault(top.urn, []).append(change)
    for urn, top in sorted(tops.items(), key=lambda pair: pair[1].name):
        real = [change for change in members[urn] if change.custom]
        worst = min((change.operation for change in members[urn]), key=GRAVITY.index)
        changed = sum(change.operation != "same" for change in real)
        yield Component(top.name, short_type(top.type), len(real), changed, worst)


def _edges(result: Result, tree: _Tree) -> set[tuple[str, str]]:
    """Which component at the top needs which, because something in it needs something in the other."""
    found: set[tuple[str, str]] = set()
    for urn, needed in result.needs.items():
        who = tree.top(urn)
        for other in needed:
            whom = tree.top(other)
            if who and whom and who is not whom:
                found.add((who.name, whom.name))
    return found


def _common(items: Sequence[Item]) -> list[Common]:
    """Differences that many real resources share."""
    found: dict[str, list[Item]] = {}
    example: dict[str, Difference] = {}
    for item in items:
        if item.custom:
            for each in item.differences:
                found.setdefault(_key(each), []).append(item)
                example.setdefault(_key(each), each)
    return [
        Common(example[key], len(having), operations.pop() if len(operations) == 1 else "")
        for key, having in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        if len(having) >= SHARED_BY and (operations := {item.operation for item in having})
    ]


def _key(difference: Difference) -> str:
    return json.dumps([difference.path, repr(difference.old), repr(difference.new)])


def _fold(item: Item, shared: set[str]) -> Item:
    if not item.custom or item.operation == "replace":
        return item
    own = tuple(each for each in item.differences if _key(each) not in shared)
    return replace(item, differences=own, folded=len(item.differences) - len(own))


def _groups(tree: _Tree, items: Sequence[Item]) -> list[Group]:
    members: dict[str, list[Item]] = {}
    tops: dict[str, Change] = {}
    for item in items:
        top = tree.top(item.urn)
        if top:
            tops[top.urn] = top
            members.setdefault(top.urn, []).append(item)
    groups = [_group(tops[urn], belonging, tree) for urn, belonging in members.items()]
    return sorted(groups, key=lambda group: (_worst(group), group.name, group.type))


def _group(top: Change, members: list[Item], tree: _Tree) -> Group:
    only_common = [
        item
        for item in members
        if (item.folded or item.noise) and not item.differences and item.operation == "update" and item.urn != top.urn
    ]
    told = [item for item in members if item not in only_common]
    counts = Counter(item.operation for item in members if item.urn != top.urn or item.custom)
    ordered = sorted(told, key=lambda item: [change.urn for change in tree.chain(item.urn)][::-1])
    return Group(
        name=top.name,
        type=short_type(top.type),
        counts={name: counts[name] for name in OPERATIONS if counts.get(name)},
        items=tuple(ordered),
        folded=len(only_common),
    )


def _worst(group: Group) -> int:
    operations = {item.operation for item in group.items} | set(group.counts)
    return min((GRAVITY.index(name) for name in operations), default=len(GRAVITY))


def _decisions(result: Result, tree: _Tree) -> Iterator[Decision]:
    if result.error:
        yield Decision("failed", result.error.what, result.error.where or "", result.error.fix or "")
    if result.interrupted:
        yield Decision("failed", "It was interrupted.", "What is listed is what was seen until then.")
    for found in sorted(result.mandatory, key=_violation_order):
        what, _, fix = found.message.partition("\n")
        title = f"{found.policy} objects to {_named(found.urn)}"
        yield Decision("policy", title, what, " ".join(fix.split()), tree.place(found.urn))
    holding = [change for change in result.changes if change.custom and state_class(change.type) != "stateless"]
    for change in sorted(holding, key=lambda change: change.urn):
        if change.operation == "delete":
            yield Decision("delete", f"{_named(change.urn)} is deleted", _loss(change), place=tree.place(change.urn))
    for change in sorted(holding, key=lambda change: change.urn):
        if change.operation == "replace":
            forcing = [each.path for each in change.properties if each.replaces]
            because = f" because {', '.join(forcing)} changes" if forcing else ""
            place = tree.place(change.urn, forcing[0] if forcing else "")
            yield Decision("replace", f"{_named(change.urn)} is replaced{because}", _loss(change), place=place)


def _loss(change: Change) -> str:
    holds = "It holds data that exists nowhere else" if state_class(change.type) == "precious" else "It holds state"
    kept = "; it is protected, so the update will refuse" if change.protected else ", which is lost with it"
    return f"{holds}{kept}."


def _named(urn: str) -> str:
    parts = urn.split("::", 3)
    return f"{short_type(parts[2].rsplit('$', 1)[-1])} {parts[3]}" if len(parts) == 4 else urn or "the whole stack"


def _violation_order(found: Violation) -> tuple[str, str, str]:
    return found.policy, found.urn, found.message


def summarize(counts: Mapping[str, int]) -> str:
    """Return counts as `+4 ~2 ±1 -3`."""
    from plinth_cli.engine.display import SYMBOLS

    return " ".join(f"{SYMBOLS[name]}{counts[name]}" for name in OPERATIONS if name != "same" and counts.get(name))
