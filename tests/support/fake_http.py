"""A small HTTP server for stand-ins of engines: one function answers, and what fails in it is told to the test."""

import contextlib
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A running server."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Tracebacks of the answering function: requests that the real API would not understand."""


Answer = tuple[int, Any]
"""Status, and what becomes JSON."""


@contextlib.contextmanager
def serve(answer: Callable[[Asked], Answer]) -> Iterator[Site]:
    """Serve on a free port of this machine; at the end, requests that were not understood fail the test."""
    site, lock = Site(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            asked = Asked(self.command, unquote(parts.path), query, headers, body, parts.query)
            with lock:
                site.asked.append(asked)
                try:
                    status, found = answer(asked)
                except Exception:  # noqa: BLE001 - whatever it is, the test is told
                    site.broken.append(f"{asked.method} {asked.path} {body[:2000]!r}\n{traceback.format_exc()}")
                    status, found = 500, {"message": "the stand-in does not understand this"}
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert not site.broken, "\n".join(site.broken[:3])
