"""Real processes on free ports, and a backend whose every byte a test decides."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SEARCH_KEY = "plinth_search_canary-4f1c9a"
SUPPORT_KEY = "plinth_support_canary-77d2e0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(condition: Callable[[], object], seconds: float = 60, what: str = "the condition") -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")


@dataclass
class Runtime:
    """A running `plinth-runtime` process."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def logs(self) -> str:
        return self.output.read_text()

    def events(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.logs().splitlines()]
        return [line for line in lines if line["event"] == event]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)

    def metric(self, name: str, **labels: str) -> float:
        total = 0.0
        for line in get(f"{self.url}/metrics")[1].splitlines():
            if line.startswith((f"{name} ", f"{name}{{")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total


@dataclass
class Starter:
    """Starts runtime processes, and ends them with the test."""

    folder: Path
    running: list[Runtime] = field(default_factory=list)

    def run(self, *arguments: str, port: int, ready: str = "/healthz") -> Runtime:
        output = self.folder / f"{arguments[0]}-{port}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "plinth_runtime", *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PLINTH_BIND_HOST": "127.0.0.1"},
            )
        runtime = Runtime(process, port, output)
        self.running.append(runtime)

        def up() -> bool:
            assert process.poll() is None, runtime.logs()
            return get(runtime.url + ready)[0] == 200

        until(up, what=f"{arguments[0]} {ready}")
        return runtime

    def model(self, name: str = "dev-small", tokens_per_second: float = 0) -> Runtime:
        port = free_port()
        rate = str(tokens_per_second)
        options = ["--port", str(port), "--model", name, "--tokens-per-second", rate]
        return self.run("development-model", *options, port=port, ready="/health")

    def gateway(self, config: dict[str, object], ready: str = "/readyz") -> Runtime:
        file = self.folder / f"runtime-{config['gateway']['port']}.json"
        file.write_text(json.dumps(config))
        return self.run("gateway", "--config", str(file), port=config["gateway"]["port"], ready=ready)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for runtime in starter.running:
        if runtime.process.poll() is None:
            runtime.process.kill()
            runtime.process.wait(10)


def write_keys(path: Path, **keys: str) -> None:
    listed = [
        {"id": tenant, "tenant": tenant, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for tenant, key in keys.items()
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": listed}))
    fresh.replace(path)


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Makes a gateway configuration: `config({"chat": [("backend", "model")]}, {"backend": url})`."""
    keys = tmp_path / "keys.json"
    write_keys(keys, search=SEARCH_KEY, support=SUPPORT_KEY)

    def make(
        routes: dict[str, list[tuple[str, str]]], backends: dict[str, str | dict[str, object]], **gateway: object
    ) -> dict[str, object]:
        named = {name: {"base_url": it} if isinstance(it, str) else it for name, it in backends.items()}
        return {
            "environment": "test",
            "gateway": {"port": free_port(), "keys_file": str(keys), "drain_seconds": 5, **gateway},
            "tenants": [
                {"name": "search", "routes": list(routes)},
                {"name": "support", "routes": list(routes)[:1]},
            ],
            "backends": [{"name": name, **it} for name, it in named.items()],
            "routes": [
                {"name": name, "targets": [{"backend": b, "model": m} for b, m in targets]}
                for name, targets in routes.items()
            ],
        }

    return make


@dataclass
class Received:
    """A request that reached the fake backend."""

    line: str
    headers: dict[str, str]
    body: bytes


class FakeBackend:
    """A server of raw bytes: `answer(request, send)` decides what goes out; returning closes the connection."""

    def __init__(self, answer: Callable[[Received, Callable[[bytes], None]], None]) -> None:
        self.requests: list[Received] = []
        self.disconnected = threading.Event()
        backend = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline().decode().strip()
                headers = {}
                while (header := self.rfile.readline().decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                received = Received(line, headers, self.rfile.read(int(headers.get("content-length", "0"))))
                if line.startswith("GET"):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
                    return
                backend.requests.append(received)
                try:
                    answer(received, self.wfile.write)
                except OSError:
                    backend.disconnected.set()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeBackend]]:
    with contextlib.ExitStack() as stack:

        def make(answer: Callable[[Received, Callable[[bytes], None]], None]) -> FakeBackend:
            backend = FakeBackend(answer)
            stack.callback(backend.close)
            return backend

        yield make


def plain(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture
def helpers() -> object:
    """This module: tests are imported one by one, so they cannot import it themselves."""
    return sys.modules[__name__]
