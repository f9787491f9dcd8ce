"""Reading configuration at start, with one message for everything that is wrong with a file."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve

_M = TypeVar("_M", bound=BaseModel)


def load_config(path: str) -> RuntimeConfig:
    """Read the runtime's configuration.

    Raises:
        StartupError: It cannot be read or is not valid; the message lists every mistake.
    """
    file = resolve(path)
    return parse(RuntimeConfig, read(file, "the configuration"), file)


def parse(model: type[_M], data: bytes, file: Path) -> _M:
    """Check a file's contents. Messages carry no values, because a value may be a secret in the wrong place.

    Raises:
        StartupError: The contents are not valid; the message lists every mistake.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        mistakes = [f"  - {_place(item['loc'])}{_words(item['msg'])}" for item in error.errors(include_input=False)]
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise StartupError(f"{file}: {count}\n" + "\n".join(mistakes)) from None


def _place(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{path.lstrip('.')}: " if path else ""


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")
