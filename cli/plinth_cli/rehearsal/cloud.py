"""The AWS cloud of a rehearsal: a moto server whose state survives restarts.

`python -m plinth_cli.rehearsal.cloud --port P --journal FILE` (passphrase in PLINTH_JOURNAL_KEY) prints
`{"port": P}` when it serves. moto keeps its state in memory, so every request that changes something is written to an
encrypted journal before it is answered, and played again at the next start. Ids, ARNs and key material come from
random numbers; they are seeded per record, and so come out the same.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wsgi import get_input_stream

from plinth_cli.errors import PlinthError
from plinth_cli.rehearsal.journal import Journal
from plinth_cli.rehearsal.lifeline import announce, end_with_parent

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

KEY_VARIABLE = "PLINTH_JOURNAL_KEY"

_READS = (
    "Get", "List", "Describe", "Head", "Query", "Scan", "BatchGet", "Search", "Lookup", "Simulate", "Validate", "Check",
    "Decrypt", "Encrypt", "ReEncrypt", "GenerateDataKey", "GenerateRandom", "GenerateMac", "Sign", "Verify", "Select",
    "TransactGet", "ExecuteStatement",
)  # fmt: skip
_NOT_READS = ("GetSessionToken", "GetFederationToken")
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0
_ENVIRON_KEYS = (
    "REQUEST_METHOD",
    "PATH_INFO",
    "QUERY_STRING",
    "CONTENT_TYPE",
    "RAW_URI",
    "REQUEST_URI",
    "SERVER_NAME",
    "SERVER_PORT",
)


class DurableCloud:
    """WSGI application: moto behind one lock and a journal.

    The lock makes the order of the journal the order of the changes, and the random numbers of a change its own.
    """

    def __init__(self, journal: Journal) -> None:
        self._app = cast(
            "Callable[[Environ, StartResponse], Iterable[bytes]]", DomainDispatcherApplication(create_backend_app)
        )
        self._journal = journal
        self._lock = threading.Lock()
        self._entropy = _Entropy()
        for record in journal.replay():
            self._replay(record)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = get_input_stream(environ).read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        if _is_receive(environ):
            status, headers, answer = self._receive(environ, body)
        else:
            with self._lock:
                status, headers, answer = self._run(environ, body, changes=not _is_read(environ, body))
        start_response(status, headers)
        return [answer]

    def end(self) -> None:
        """Ends the process between two requests. There is nothing to save: every change is on the disk already."""
        self._lock.acquire(timeout=_GRACE_SECONDS)
        os._exit(0)

    def _run(self, environ: Environ, body: bytes, changes: bool) -> tuple[str, list[Any], bytes]:
        if not changes:
            return self._ask(environ, body)
        seed = secrets.token_hex(16)
        with self._entropy.seeded(seed):
            response = self._ask(environ, body)
        if int(response[0][:3]) < 400:
            self._journal.append(_record(environ, body, seed))
        return response

    def _ask(self, environ: Environ, body: bytes) -> tuple[str, list[Any], bytes]:
        answered: list[Any] = []

        def start(status: str, headers: list[Any], *_: object) -> None:
            answered.extend((status, headers))

        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        chunks = self._app(environ, start)
        try:
            answer = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        return answered[0], answered[1], answer

    def _receive(self, environ: Environ, body: bytes) -> tuple[str, list[Any], bytes]:
        """Long polling of SQS, done here so that a waiting consumer does not hold the lock.

        Only a receive that got messages is a change: it decides which receipt handles exist.
        """
        asked = json.loads(body)
        until = time.monotonic() + float(asked.get("WaitTimeSeconds") or 0)
        body = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
        while True:
            with self._lock:
                seed = secrets.token_hex(16)
                with self._entropy.seeded(seed):
                    response = self._ask(environ, body)
                if response[0].startswith("200") and b'"ReceiptHandle"' in response[2]:
                    self._journal.append(_record(environ, body, seed))
                    return response
            if time.monotonic() >= until or not response[0].startswith("200"):
                return response
            time.sleep(_POLL_SECONDS)

    def _replay(self, record: bytes) -> None:
        entry = json.loads(record)
        environ: Environ = {
            **entry["environ"],
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
        }
        with self._entropy.seeded(entry["seed"]):
            self._ask(environ, base64.b64decode(entry["body"]))


class _Entropy:
    """Where moto gets its random numbers: its own generator and, for key material, the operating system's."""

    def __init__(self) -> None:
        self._generator: random.Random | None = None
        self._owner: int | None = None
        self._urandom = os.urandom
        os.urandom = self._bytes

    def _bytes(self, size: int) -> bytes:
        if self._generator is not None and threading.get_ident() == self._owner:
            return self._generator.randbytes(size)
        return self._urandom(size)

    def seeded(self, seed: str) -> _Entropy:
        """Until the `with` block ends, this thread's random numbers follow from the seed."""
        mock_random.seed(seed)
        self._generator, self._owner = random.Random(f"urandom {seed}"), threading.get_ident()  # noqa: S311  replayable on purpose; the seed is secret
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._generator = None


def _record(environ: Environ, body: bytes, seed: str) -> bytes:
    kept = {key: value for key, value in environ.items() if key in _ENVIRON_KEYS or key.startswith("HTTP_")}
    plain = {key: value for key, value in environ.items() if key == PRESERVED_HEADER_NAMES_ENVIRON_KEY}
    return json.dumps({"seed": seed, "environ": {**kept, **plain}, "body": base64.b64encode(body).decode()}).encode()


def _is_receive(environ: Environ) -> bool:
    return environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage"


def _is_read(environ: Environ, body: bytes) -> bool:
    """Whether the request leaves everything as it is. When in doubt it does not, and is journaled."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS"):
        return True
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if not action and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return action.startswith(_READS) and not action.startswith(_NOT_READS)


def _heed_conditions() -> None:
    """Lets bucket policies deny no more than their conditions say.

    moto denies whatever a statement with conditions denies, so a policy against plain HTTP would close the bucket.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
        document: dict[str, Any] = json.loads(self.policy) if self.policy else {"Statement": []}
        given = document["Statement"]
        listed = cast("list[dict[str, Any]]", given if isinstance(given, list) else [given])
        statements = [statement for statement in listed if "Condition" not in statement]
        if not statements:
            return PermissionResult.NEUTRAL
        policy = IAMPolicy(json.dumps({**document, "Statement": statements}))
        return policy.is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission


def main() -> None:
    """Restores the cloud from its journal and serves it."""
    parser = argparse.ArgumentParser(prog="plinth-cloud")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # arn:aws:iam::aws:policy/... exist, as in every account
    passphrase = os.environ.pop(KEY_VARIABLE, "")
    _heed_conditions()
    try:
        if not passphrase:
            raise PlinthError("The rehearsal's cloud needs a passphrase.", where=KEY_VARIABLE, fix="Set the variable.")
        application = DurableCloud(Journal(arguments.journal, passphrase))
        server = make_server(
            "127.0.0.1", arguments.port, application, threaded=True, request_handler=MotoRequestHandler
        )
    except (PlinthError, OSError) as error:
        announce({"error": str(error)})
        sys.exit(1)

    def stop(*_: object) -> None:
        threading.Thread(target=application.end).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if arguments.parent is not None:
        end_with_parent(arguments.parent)
    announce({"port": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
