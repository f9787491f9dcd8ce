"""A report as the Markdown of a pull-request comment.

One comment tells of several environments; what needs a decision comes first; it never passes the length that GitHub
allows, and says what was left out. Source of the limit: GitHub REST API, issue comments, 65,536 characters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plinth_cli.engine.display import SYMBOLS
from plinth_cli.report.build import summarize
from plinth_cli.report.model import Decision, Group, Item, Report
from plinth_cli.report.places import Place
from plinth_cli.report.values import Difference, shortened

LIMIT = 60_000
"""Most characters of a comment; the rest is for what CI puts around it."""

MARKER = "<!-- plinth-report -->"
"""By which CI finds the comment that it updates."""

VALUE_WIDTH = 60
DIFFERENCES_SHOWN = 12
"""Differences of one resource that are listed; more are counted."""
FIRST_DECISIONS = 15
"""Decisions that are listed before the fold; more are counted."""

_COLUMNS = ("create", "update", "replace", "delete")


@dataclass(frozen=True)
class Links:
    """Where a comment leads.

    Attributes:
        commit: The commit that was previewed, "" when unknown.
        full: Address of the whole report, "" when there is none.
        source: Address of a file at that commit, with `{file}` and `{line}` in it, "" for plain text.
    """

    commit: str = ""
    full: str = ""
    source: str = ""


def comment(reports: Sequence[Report], links: Links | None = None, limit: int = LIMIT) -> str:
    """Return one comment about runs on one or several environments, of at most `limit` characters.

    Detail is dropped from the least grave changes first, and what was dropped is said.
    """
    links = links or Links()
    head = "\n".join(_head(reports, links))
    foot = "\n".join(_foot(reports, links))
    room = limit - len(head) - len(foot) - 200
    parts: list[str] = []
    dropped = 0
    for report in reports:
        text, left_out = _detail(report, max(0, room))
        room -= len(text)
        dropped += left_out
        parts.append(text)
    if dropped:
        parts.append(f"\n{dropped} changed resources are left out here for length.")
    return "\n".join([head, *filter(None, parts), foot])[:limit] + "\n"


def _head(reports: Sequence[Report], links: Links) -> Iterator[str]:
    yield MARKER
    kinds = {"rehearsed preview" if report.rehearsed else report.operation for report in reports}
    of = f" of `{links.commit[:12]}`" if links.commit else ""
    yield f"### Plinth: {' and '.join(sorted(kinds)) or 'preview'}{of}\n"
    if not reports:
        yield "No environment is touched."
        return
    if all(report.ok and not report.changed for report in reports):
        names = ", ".join(f"`{report.environment}`" for report in reports)
        yield f"Nothing changes in {names}."
        return
    yield "| Environment | Create | Update | Replace | Delete | Unchanged | Policies |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for report in reports:
        cells = [_count(report.counts.get(name, 0), grave=name in ("replace", "delete")) for name in _COLUMNS]
        unchanged = _count(report.counts.get("same", 0))
        yield f"| `{report.project}/{report.environment}` | {' | '.join(cells)} | {unchanged} | {_policies(report)} |"
    decisions = [(report, decision) for report in reports for decision in report.decisions]
    if decisions:
        yield "\n#### Needs a decision\n"
        several = len(reports) > 1
        for report, decision in decisions[:FIRST_DECISIONS]:
            yield _decision(decision, links, f" in `{report.environment}`" if several else "")
        if len(decisions) > FIRST_DECISIONS:
            yield f"- and {len(decisions) - FIRST_DECISIONS} more, in the detail below"


def _decision(decision: Decision, links: Links, where: str) -> str:
    text = f"- **{_escaped(decision.title)}**{where}"
    if decision.reason:
        text += f". {_escaped(decision.reason)}"
    if decision.fix:
        text += f" Fix: {_escaped(decision.fix)}"
    return text + (f" ({_place(decision.place, links)})" if decision.place else "")


def _place(place: Place, links: Links) -> str:
    words = f"`{place.path}`, {place.file}:{place.line}"
    if not links.source:
        return words
    return f"[{words}]({links.source.format(file=place.file, line=place.line)})"


def _policies(report: Report) -> str:
    if report.policies is None:
        return "not judged"
    objections = sum(decision.kind == "policy" for decision in report.decisions)
    words = f"**{objections} mandatory**" if objections else "passed" if report.ok else "not judged to the end"
    return f"{words}, {len(report.advice)} advice" if report.advice else words


def _count(number: int, *, grave: bool = False) -> str:
    return "–" if not number else f"**{number}**" if grave else str(number)


def _detail(report: Report, room: int) -> tuple[str, int]:
    """The folded part about one environment, and how many items did not fit."""
    if not report.changed:
        return "", 0
    lines = [f"\n<details><summary><code>{report.environment}</code>: {report.changed} changes</summary>\n"]
    lines += [_common_line(each.difference, each.resources) for each in report.common]
    lines.append("```diff")
    tail = ["```", *_afterwards(report), "\n</details>"]
    used = sum(len(line) + 1 for line in [*lines, *tail])
    dropped = 0
    for group in report.groups:
        told, left_out = _group(group, room - used)
        lines += told
        used += sum(len(line) + 1 for line in told)
        dropped += left_out
    return "\n".join([*lines, *tail]), dropped


def _common_line(difference: Difference, resources: int) -> str:
    old, new = shortened(difference.old, difference.new, VALUE_WIDTH)
    return f"- on {resources} resources: `{difference.path}`: {_code(old)} → {_code(new)}\n"


def _group(group: Group, room: int) -> tuple[list[str], int]:
    """Lines of a component that fit; one that is all new or all gone is one line."""
    head = f"# {group.name} ({group.type})  {summarize(group.counts)}".rstrip()
    operations = {item.operation for item in group.items}
    members = [item for item in group.items if item.custom]
    if len(members) > 1 and operations <= {"create"}:
        return ([f"+ {group.name} ({group.type}): {len(members)} resources, all new"], 0)
    lines = [head]
    used = len(head) + 1
    dropped = 0
    for item in sorted(group.items, key=_by_gravity):
        told = list(_item(item))
        size = sum(len(line) + 1 for line in told)
        if used + size > room:
            dropped += 1
            continue
        used += size
        lines += told
    if group.folded:
        lines.append(f"~ {group.folded} more with only what is told above")
    return (lines if used <= room else [], dropped)


def _by_gravity(item: Item) -> tuple[int, int]:
    from plinth_cli.report.build import GRAVITY

    # The component first: its differences are the lines of YAML that the rest follows from.
    return (-1 if not item.custom else GRAVITY.index(item.operation), item.depth)


def _item(item: Item) -> Iterator[str]:
    # `diff` colors by the first character, and knows only these.
    mark = {"create": "+", "delete": "-", "replace": "!"}.get(item.operation, " ")
    holds = f"  [{item.holds}]" if item.holds != "stateless" and item.operation in ("delete", "replace") else ""
    symbol = SYMBOLS[item.operation]
    yield f"{mark}{'' if mark == symbol else f' {symbol}'} {item.type}  {item.name}{holds}"
    for each in item.differences[:DIFFERENCES_SHOWN]:
        old, new = shortened(each.old, each.new, VALUE_WIDTH)
        forces = "  (forces replacement)" if any(each.path.startswith(path) for path in item.forcing) else ""
        yield _fenced(f"{mark}     {each.path}: {old} → {new}{forces}")
    if len(item.differences) > DIFFERENCES_SHOWN:
        yield f"{mark}     and {len(item.differences) - DIFFERENCES_SHOWN} more differences"


def _afterwards(report: Report) -> Iterator[str]:
    if report.advice:
        yield "\nAdvice of policy:\n"
        yield from (f"- `{each.policy}` on {each.resource}: {_escaped(each.message)}" for each in report.advice)
    words: list[str] = []
    if report.unknown:
        words.append(f"{report.unknown} values are known only after the update.")
    if report.noise:
        words.append(f"{report.noise} differences without meaning are left out.")
    if words:
        yield "\n" + " ".join(words)
    yield from (f"\n> {_escaped(note)}" for note in report.notes)


def _foot(reports: Sequence[Report], links: Links) -> Iterator[str]:
    words = [f"[The whole report]({links.full})"] if links.full else []
    if any(report.rehearsed for report in reports):
        words.append("Rehearsed on stand-in providers: no cloud was asked, and drift is not seen.")
    if words:
        yield "\n" + " · ".join(words)


def _escaped(text: str) -> str:
    """Text in Markdown: no tags, no mentions, on one line."""
    text = _fenced(text).replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("@", "@\u200b").replace("|", "\\|")


def _fenced(text: str) -> str:
    """Text in a fenced block: nothing in it ends the block."""
    return " ".join(text.split("\n")).replace("```", "`\u200b``")


def _code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"
