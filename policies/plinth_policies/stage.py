"""Which stage an environment has, seen from inside the policy pack."""

from threading import Lock

from plinth_policies.rule import STAGES, Stage
from plinth_policies.values import at, plain

_WORDS: tuple[tuple[Stage, frozenset[str]], ...] = (
    ("production", frozenset({"prod", "production", "live"})),
    ("staging", frozenset({"staging", "stage", "preprod"})),
    ("development", frozenset({"dev", "development"})),
    ("local", frozenset({"local"})),
)


def stage_of_name(stack: str) -> Stage:
    """The stage that a stack's name suggests; production when it suggests none, as the strictest."""
    words = set(stack.lower().replace("_", "-").replace(".", "-").split("-"))
    for stage, names in _WORDS:
        if words & names:
            return stage
    return "production"


class Stages:
    """Remembers the stage of each environment.

    Every Plinth component carries it in its inputs, and the engine shows a component before its children.
    Resources outside of any component go by the stack's name.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Stage] = {}
        self._lock = Lock()

    def note(self, token: str, urn: str, props: object) -> None:
        """Remember the stage if this is a Plinth component that states it."""
        if not token.startswith("plinth:index:") or _environment(urn) in self._seen:
            return
        said = at(plain(props), "environment", "stage")
        for stage in STAGES:
            if said == stage:
                with self._lock:  # the SDK answers the engine from several threads
                    self._seen[_environment(urn)] = stage

    def of(self, urn: str) -> Stage:
        """The stage of the environment that a resource belongs to."""
        environment = _environment(urn)
        return self._seen.get(environment) or stage_of_name(environment.split("::")[0].rsplit(":", 1)[-1])


def _environment(urn: str) -> str:
    """`urn:pulumi:STACK::PROJECT` of a URN."""
    return "::".join(urn.split("::", 2)[:2])
