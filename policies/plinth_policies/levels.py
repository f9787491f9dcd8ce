"""The files of `policies/config/`: for each stage, what a violation of each rule does.

The engine reads one with `--policy-pack-config`. Without any, every rule is mandatory where it applies.
`python -m plinth_policies.levels` writes them anew; a test keeps them fresh.
"""

import json
from pathlib import Path

from plinth_policies.registry import RULES
from plinth_policies.rule import STAGES, Level, Stage

FOLDER = Path(__file__).parent.parent / "config"


def levels(stage: Stage) -> dict[str, Level]:
    """Level of each policy in a stage, by policy name."""
    return {name: rule.levels[stage] for rule in RULES for name in rule.policy_names}


def render(stage: Stage) -> str:
    """The text of a stage's file."""
    return json.dumps(levels(stage), indent=2) + "\n"


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for stage in STAGES:
        (FOLDER / f"{stage}.json").write_text(render(stage))


if __name__ == "__main__":
    main()
