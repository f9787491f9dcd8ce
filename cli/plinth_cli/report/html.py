"""A report as one self-contained HTML page: no script, style or font comes from elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files

from plinth_cli.report.model import Report
from plinth_cli.report.values import ABSENT


def page(reports: Sequence[Report], title: str) -> str:
    """Return the page for runs on one or several environments."""
    data = json.dumps([_plain(report) for report in reports], ensure_ascii=False, default=_value)
    # The only way out of a script element is its end tag.
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    template = files("plinth_cli.report").joinpath("page.html").read_text(encoding="utf-8")
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    return template.replace("{{title}}", escaped).replace("{{data}}", data)


def _plain(report: Report) -> dict[str, object]:
    return asdict(report)


def _value(value: object) -> object:
    return {"absent": True} if value is ABSENT else str(value)
