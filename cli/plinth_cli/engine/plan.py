"""What the engine plans: its update plan, read for who needs whom.

The events of a preview say what happens to each resource, but not what it depends on; the plan does.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

Needs = Mapping[str, tuple[str, ...]]
"""URN of a resource -> URNs of those that it needs."""


@contextmanager
def plan_file() -> Generator[Path]:
    """A place for a plan that nobody else reads, and that is gone afterwards: a plan holds every input."""
    with TemporaryDirectory(prefix="plinth-plan-") as folder:
        yield Path(folder, "plan.json")


def needs(file: Path) -> Needs:
    """Return who needs whom in a plan; nothing when the engine wrote none, as when it failed."""
    try:
        plans = cast("dict[str, dict[str, Any]]", json.loads(file.read_text()).get("resourcePlans") or {})
    except (OSError, ValueError):
        return {}
    return {urn: tuple(_goal(plan).get("dependencies") or ()) for urn, plan in plans.items()}


def _goal(plan: dict[str, Any]) -> dict[str, Any]:
    return plan.get("goal") or {}
