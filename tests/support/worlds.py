"""Environments and specs for tests."""

from pathlib import Path
from typing import Any

import yaml

from plinth.spec import PlatformSpec, load_spec
from plinth.spec.environment import Environment, Stage

ROOT = Path(__file__).resolve().parents[2]


def environment(stage: Stage = "development", **fields: Any) -> Environment:
    """An environment of a stage."""
    names = {"local": "local", "development": "dev", "staging": "staging", "production": "prod"}
    values = {
        "name": names[stage],
        "stage": stage,
        "owner": "ai-platform",
        "cost_center": "CC-1",
        "account_id": "123456789012",
    }
    return Environment(**{**values, **fields})


def document(name: str) -> dict[str, Any]:
    """What a user wrote for one of the checkout's own environments: local, dev, staging or prod."""
    return yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]["plinth:platform"]


def spec(name: str) -> PlatformSpec:
    """The spec of one of the checkout's own environments."""
    return load_spec(document(name))
