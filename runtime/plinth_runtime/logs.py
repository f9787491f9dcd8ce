"""Structured logs: one JSON object a line on stdout, never with prompts, completions or keys."""

import logging
import sys
import traceback
from datetime import UTC, datetime

import msgspec

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Log:
    """Writes events. `environment` is on every line."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def info(self, event: str, **fields: object) -> None:
        """Write what happened."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        self._write("warning", event, fields)

    def crash(self, event: str, error: BaseException, **fields: object) -> None:
        """Write an error that is a bug: its type and where it came from, not its words (they may quote content)."""
        frames = traceback.extract_tb(error.__traceback__)
        stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        self._write("error", event, fields | {"error": type(error).__name__, "stack": stack})

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "level": level, "event": event, "environment": self._environment}
        out = sys.stdout.buffer
        out.write(_encode(line | {name: value for name, value in fields.items() if value is not None}) + b"\n")
        out.flush()


class _Handler(logging.Handler):
    """Brings the lines of libraries into the same shape."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self._log.crash("library", record.exc_info[1], logger=record.name)
        else:
            self._log.warning("library", logger=record.name, message=record.getMessage())


def setup(environment: str) -> Log:
    """Make the process's log, and send the warnings of libraries there too."""
    log = Log(environment)
    logging.basicConfig(handlers=[_Handler(log)], level=logging.WARNING, force=True)
    return log
