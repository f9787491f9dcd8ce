"""What the gateway serves: paths, methods, and what they are at a backend."""

from typing import NamedTuple

from plinth_runtime import names


class Endpoint(NamedTuple):
    """A path."""

    method: str
    upstream: str | None
    """Path at the backend, behind its base URL; None where the gateway answers itself."""


CHAT = Endpoint("POST", "/chat/completions")
MODELS = Endpoint("GET", None)

ENDPOINTS: dict[str, Endpoint] = {
    names.CHAT_COMPLETIONS_PATH: CHAT,
    names.MODELS_PATH: MODELS,
}
"""Paths that are served as they are."""

MODEL_PREFIX = f"{names.MODELS_PATH}/"


def find(path: str) -> Endpoint | None:
    """Return what a path is."""
    found = ENDPOINTS.get(path)
    if found is None and path.startswith(MODEL_PREFIX):
        return MODELS
    return found
