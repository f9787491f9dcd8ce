"""Protection against deletion, looked at before anything is deleted."""

from collections.abc import Mapping
from typing import Any

from plinth_cli.errors import PlinthError

_SHOWN = 5


def protected(deployment: Mapping[str, Any] | None) -> list[str]:
    """Names of the protected resources of a stack's state, in its order."""
    resources: list[dict[str, Any]] = (deployment or {}).get("resources") or []
    return [str(item["urn"]).rpartition("::")[2] for item in resources if item.get("protect")]


def in_rehearsal(names: list[str], env: str) -> str:
    """What to know when a rehearsal deletes what is protected."""
    return f"{_count(names)} protected ({_some(names)}): the rehearsal deletes them, the real {env} would refuse."


def refusal(names: list[str], env: str) -> PlinthError:
    """Why a real environment is not destroyed."""
    return PlinthError(
        f"{_count(names)} protected against deletion: {_some(names)}. Nothing was deleted.",
        env,
        f"If you mean it: pulumi state unprotect --all --stack {env}, after a backup of what they hold.",
    )


def _count(names: list[str]) -> str:
    return "1 resource is" if len(names) == 1 else f"{len(names)} resources are"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
