"""The laptop's supervisor: a detached process that owns all others, and answers the command line on a Unix socket.

Until it is told `keep`, it ends when the process that started it does: its standard input is a pipe that only that
process holds. Afterwards it stays until it is told to stop. However it ends, its children do too.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from plinth_cli.engine import processes
from plinth_cli.errors import PlinthError
from plinth_cli.laptop import protocol
from plinth_cli.laptop.fleet import Fleet
from plinth_cli.laptop.protocol import StateFile
from plinth_cli.paths import EnvDirs

REFRESH_SECONDS = 5.0
"""Time between looks at secrets, in seconds."""
HURRY_SECONDS = 3.0
"""Longest time for a process to end when the command line is gone before it said `keep`."""

Message = dict[str, Any]
Report = Callable[[str], None]


class Supervisor:
    """Answers requests until told to stop."""

    def __init__(self, dirs: EnvDirs) -> None:
        self._dirs = dirs
        self._fleet = Fleet(dirs, say)
        self._kept = False
        self._one_at_a_time = asyncio.Lock()
        self._working: set[asyncio.Task[Any]] = set()
        self._ending: asyncio.Event = asyncio.Event()
        self._hurry = False

    async def run(self) -> None:
        """Serve until the end, then end everything in order."""
        path = protocol.socket_path(self._dirs)
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_reader(sys.stdin.fileno(), self._starter_spoke)
        mask = os.umask(0o177)
        server = await asyncio.start_unix_server(self._serve, str(path))
        os.umask(mask)
        refreshing = asyncio.create_task(self._refresh())
        pid = os.getpid()
        protocol.write_state(self._dirs, StateFile(pid, processes.started(pid) or 0.0, str(path)))
        say("ready")
        announce({"ready": True})
        await self._ending.wait()
        say("stopping")
        refreshing.cancel()
        for task in self._working:
            task.cancel()
        await asyncio.gather(refreshing, *self._working, return_exceptions=True)
        await self._fleet.stop(HURRY_SECONDS if self._hurry else None)
        server.close()
        protocol.state_file(self._dirs).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        say("stopped")

    def _starter_spoke(self) -> None:
        """Notice the end of standard input: whoever started us is gone."""
        if os.read(sys.stdin.fileno(), 4096):
            return
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if not self._kept:
            say("the command line is gone before it said keep")
            self._hurry = True
            self._ending.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                await self._answer(json.loads(line), writer)
        writer.close()

    async def _answer(self, request: Message, writer: asyncio.StreamWriter) -> None:
        def report(text: str) -> None:
            writer.write(protocol.encode({"progress": text}))

        task = asyncio.create_task(self._perform(request, report))
        self._working.add(task)
        try:
            answer: Message = {"result": await task}
        except PlinthError as error:
            answer = protocol.error_message(error)
        except asyncio.CancelledError:
            if not self._ending.is_set():
                raise
            answer = protocol.error_message(PlinthError("The laptop is being stopped."))
        except Exception as error:  # noqa: BLE001 - a bug in one request must not take the running laptop down
            traceback.print_exc()
            log = str(protocol.log_file(self._dirs, protocol.SUPERVISOR))
            what = f"The laptop's supervisor failed on this request ({type(error).__name__})."
            answer = protocol.error_message(PlinthError(what, log, "Its log says where; please report it."))
        finally:
            self._working.discard(task)
        writer.write(protocol.encode(answer))
        await writer.drain()

    async def _perform(self, request: Message, report: Report) -> Any:
        operations: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "start_cloud": lambda: self._start_cloud(int(request["port"]), str(request["passphrase"])),
            "start_workloads": lambda: self._start_workloads(report),
            "keep": self._keep,
            "status": self._status,
            "stop": self._stop,
        }
        operation = operations.get(str(request.get("op")))
        if operation is None:
            raise PlinthError(f"The supervisor does not know the request {request.get('op')}.")
        return await operation()

    async def _start_cloud(self, port: int, passphrase: str) -> str:
        async with self._one_at_a_time:
            return await self._fleet.start_cloud(port, passphrase)

    async def _start_workloads(self, report: Report) -> list[Message]:
        async with self._one_at_a_time:
            await self._fleet.start_workloads(report)
        return await self._status()

    async def _keep(self) -> None:
        self._kept = True

    async def _status(self) -> list[Message]:
        return [asdict(status) for status in self._fleet.status()]

    async def _stop(self) -> None:
        asyncio.get_running_loop().call_soon(self._ending.set)

    async def _refresh(self) -> None:
        told = ""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                async with self._one_at_a_time:
                    await self._fleet.refresh_secrets()
                told = ""
            except PlinthError as error:
                if error.what != told:
                    told = error.what
                    say(f"secrets are not refreshed: {error.what}")


def say(text: str) -> None:
    """Write a line of the supervisor's log."""
    print(f"{datetime.now().isoformat(timespec='seconds')} {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log, read by a person


def announce(message: Message) -> None:
    """Tell whoever started us, once, how that went; afterwards nobody listens there."""
    with contextlib.suppress(OSError):
        os.write(1, protocol.encode(message))
    os.dup2(2, 1)


def only_one(dirs: EnvDirs) -> BinaryIO:
    """Hold the lock that every supervisor of these folders holds for life.

    Raises:
        PlinthError: Another one has it.
    """
    file = (dirs.run / "supervisor.lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise PlinthError("Another supervisor of this environment is running.", where=str(dirs.run)) from None
    return file


def main() -> int:
    """Run the supervisor; return the exit status."""
    parser = argparse.ArgumentParser(prog="plinth-supervisor")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--env", required=True)
    chosen = parser.parse_args()
    dirs = EnvDirs(chosen.root, chosen.env).create()
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with only_one(dirs):
            asyncio.run(_run(dirs))
    except PlinthError as error:
        announce(protocol.error_message(error))
        return 1
    return 0


async def _run(dirs: EnvDirs) -> None:
    await Supervisor(dirs).run()


if __name__ == "__main__":
    sys.exit(main())
