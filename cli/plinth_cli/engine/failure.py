"""What went wrong, for a person: exceptions of the user's program and errors of the engine, without a traceback."""

import difflib
import inspect
import re
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, cast

from plinth_cli.engine import redact
from plinth_cli.errors import PlinthError
from plinth_cli.paths import cache_dir

LAST_ERROR = "last-error.log"
_KEYWORD = re.compile(r"(?:(?P<call>[\w.]+)\(\) )?got an unexpected keyword argument '(?P<name>\w+)'")
_MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) argument")
_REQUIRED = re.compile(r"Missing required property '(?P<name>\w+)'")
"""What generated Pulumi SDKs say."""


@dataclass
class Captured:
    """Exceptions that left the program, in order."""

    exceptions: list[BaseException] = field(default_factory=list[BaseException])

    @property
    def first(self) -> BaseException | None:
        """The one that tells most: what the program raised, rather than what followed from it."""
        return self.exceptions[0] if self.exceptions else None


@contextmanager
def captured() -> Generator[Captured]:
    """Keep what the inline program raises, and give the engine one clean sentence instead of a traceback.

    The Automation API would print the traceback as a diagnostic. Wrapping the program is not enough: what fails in an
    `apply` surfaces only after the program has returned, inside the same coroutine.
    """
    import grpc
    from pulumi.automation import _server as private
    from pulumi.errors import RunError

    _server: Any = private  # pinned to one version of the SDK; no public hook sees what an apply raises
    kept = Captured()
    original = _server.run_in_stack

    async def run_in_stack(program: Any) -> None:
        try:
            await original(program)
        except grpc.RpcError:
            raise  # the engine went away or refused; it has said why
        except BaseException as error:  # noqa: BLE001 - kept, and told to the person by `explain`
            kept.exceptions.append(error)
            raise RunError("the program failed") from None

    _server.run_in_stack = run_in_stack
    try:
        yield kept
    finally:
        _server.run_in_stack = original


def explain(error: BaseException, roots: Sequence[Path], source: Path | None = None) -> PlinthError:
    """Turn what a program raised into what, where and what to do.

    Args:
        error: The exception.
        roots: Folders of the user's own code; the innermost frame inside them is the place to look at.
        source: The stack's configuration file, named when the spec is at fault.
    """
    if isinstance(error, PlinthError):
        return error
    where = location(error, roots)
    if _is_spec_error(error) or _is_spec_error(error.__cause__):
        return PlinthError(str(error), str(source) if source else where, "Correct the file and run the command again.")
    if _is_run_error(error):
        return PlinthError(str(error), where)
    if isinstance(error, TypeError):
        return _wrong_call(error, where)
    if isinstance(error, ModuleNotFoundError):
        return PlinthError(str(error), where, "Install what is missing into the environment that runs plinth.")
    text = str(error) or "no message"
    return PlinthError(f"{type(error).__name__}: {text}", where)


def unexpected(error: Exception) -> PlinthError:
    """What the CLI itself did not foresee: a sentence, and where the traceback is."""
    if hasattr(error, "problems"):
        return explain(error, [])
    log = write_log(error, cache_dir() / "logs", ())
    message = redact.text(str(error)) or "no message"
    return PlinthError(
        f"Something in plinth itself went wrong: {type(error).__name__}: {message}",
        str(log),
        "Run `plinth doctor`; if it finds nothing, report this with the file above.",
    )


def location(error: BaseException, roots: Sequence[Path]) -> str | None:
    """Return `path:line in function` of the innermost frame in the user's own code, or None."""
    best: str | None = None
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(Path(error.filename), roots) or error.filename}:{error.lineno}"
    for frame, line in traceback.walk_tb(error.__traceback__):
        shown = _short(Path(frame.f_code.co_filename), roots)
        if shown is not None:
            name = frame.f_code.co_name
            best = f"{shown}:{line}" + ("" if name == "<module>" else f" in {name}")
    return best


def write_log(error: BaseException, folder: Path, known: Sequence[str]) -> Path:
    """Write the full traceback, redacted, for the person who wants to dig; returns the file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / LAST_ERROR
    body = redact.text("".join(traceback.format_exception(error)), known)
    path.touch(mode=0o600)
    path.write_text(body, encoding="utf-8")
    return path


def _short(path: Path, roots: Sequence[Path]) -> str | None:
    if not path.is_absolute() or "site-packages" in path.parts:
        return None
    for root in roots:
        if path.is_relative_to(root) and ".venv" not in path.relative_to(root).parts:
            return str(path.relative_to(root))
    return None


def _is_spec_error(error: BaseException | None) -> bool:
    """Whether this is a `plinth.spec.SpecError`, which is not imported for the question."""
    return isinstance(error, ValueError) and hasattr(error, "problems")


def _is_run_error(error: BaseException) -> bool:
    from pulumi.errors import RunError

    return isinstance(error, RunError)


def _wrong_call(error: TypeError, where: str | None) -> PlinthError:
    text = str(error)
    found = _KEYWORD.search(text)
    if found:
        call = _public_name(found["call"] or "the call", error.__traceback__)
        allowed = _parameters(error.__traceback__, found["call"])
        close = difflib.get_close_matches(found["name"], allowed, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        fix = f"Use one of: {', '.join(allowed)}." if allowed and not close else None
        return PlinthError(f"{call} has no argument '{found['name']}'.{hint}", where, fix)
    required = _REQUIRED.fullmatch(text)
    if required:
        frame = _innermost(error.__traceback__)
        known = frame.f_locals if frame else {}
        resource = f"{type(known.get('__self__')).__name__} {known.get('resource_name')}"
        return PlinthError(f"{resource} lacks the argument '{required['name']}', which is required.", where)
    if _MISSING.search(text):
        return PlinthError(text[:1].upper() + text[1:] + ".", where)
    return PlinthError(f"TypeError: {text}", where)


def _public_name(call: str, trace: TracebackType | None) -> str:
    """`Bucket` instead of `Bucket._internal_init`."""
    owner = call.rpartition(".")[0]
    return owner if owner and call.endswith(("__init__", "_internal_init")) else call


def _parameters(trace: TracebackType | None, call: str | None) -> list[str]:
    """Names that the failed call accepts, as far as the innermost frame lets us find the callee."""
    frame = _innermost(trace)
    if frame is None:
        return []
    owner: Any = frame.f_locals.get("__self__")  # how generated Pulumi SDKs name the instance
    generated: Any = getattr(cast(Any, type(owner)), "_internal_init", None)
    if generated is not None:
        return _names(generated)
    simple = (call or "").removesuffix(".__init__").rpartition(".")[2]
    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
        candidate = value if getattr(value, "__name__", None) == simple else getattr(value, simple, None)
        if callable(candidate) and not isinstance(candidate, property):
            return _names(candidate)
    return []


def _innermost(trace: TracebackType | None) -> FrameType | None:
    frame: FrameType | None = None
    for found, _ in traceback.walk_tb(trace):
        frame = found
    return frame


def _names(target: Any) -> list[str]:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in parameters if name not in ("self", "__self__", "cls", "args", "kwargs", "__props__")]
