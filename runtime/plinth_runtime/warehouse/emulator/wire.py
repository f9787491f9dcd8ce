"""Snowflake's protocol, as far as its Python connector speaks it: sign in, query, fetch chunks, abort, sign out."""

import asyncio
import base64
import gzip
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from plinth_runtime.asgi import Message, Receive, Scope, Send, read_body, respond
from plinth_runtime.errors import ApiError, ClientGoneError
from plinth_runtime.warehouse.emulator.bindings import values_of
from plinth_runtime.warehouse.emulator.engine import Engine, Outcome, RefusedError, Seen
from plinth_runtime.warehouse.emulator.results import encode

MAX_BODY = 64 * 1024 * 1024
CHUNKS_KEPT = 4_096
"""Chunks that wait to be fetched, of all queries."""

SignIn = Callable[[Mapping[str, Any]], None]
"""Checks what a client signs in with; raises `RefusedError`."""


def anybody(_data: Mapping[str, Any]) -> None:
    """Let everybody in: the emulator listens on this machine only."""


class Wire:
    """The ASGI application."""

    def __init__(self, engine: Engine, *, chunk_rows: int = 10_000, sign_in: SignIn = anybody) -> None:
        self.engine = engine
        self._chunk_rows = chunk_rows
        self._sign_in = sign_in
        self._chunks: OrderedDict[str, bytes] = OrderedDict()
        self.unknown: deque[str] = deque(maxlen=1_000)
        self._routes: dict[tuple[str, str], Callable[[_Call], Awaitable[dict[str, Any]]]] = {
            ("POST", "/session/v1/login-request"): self._login,
            ("POST", "/session"): self._session,
            ("POST", "/session/heartbeat"): self._heartbeat,
            ("POST", "/queries/v1/query-request"): self._query,
            ("POST", "/queries/v1/abort-request"): self._abort,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return await _lifespan(receive, send)
        path = scope["path"]
        if scope["method"] == "GET" and path.startswith("/chunks/"):
            chunk = await self.chunk(path.removeprefix("/chunks/"))
            return await respond(send, 200 if chunk else 404, chunk or b"", content_type=b"application/octet-stream")
        handler = self._routes.get((scope["method"], path))
        if handler is None:
            self.unknown.append(path)
            return await respond(send, 404, b"{}")
        try:
            call = await _call(scope, receive)
            answer = {"success": True, "code": None, "message": None, **await handler(call)}
        except RefusedError as error:
            data = {"errorCode": f"{error.code:06d}", "sqlState": error.sql_state}
            answer = {"success": False, "code": f"{error.code:06d}", "message": error.message, "data": data}
        except ClientGoneError:
            return None
        except (ApiError, ValueError, KeyError) as error:
            return await respond(send, 400, json.dumps({"success": False, "message": str(error)}).encode())
        return await respond(send, 200, json.dumps(answer).encode())

    async def chunk(self, name: str) -> bytes | None:
        """Return a chunk that waits to be fetched."""
        return self._chunks.get(name)

    async def _login(self, call: "_Call") -> dict[str, Any]:
        self._sign_in(call.body["data"])
        asked = call.query.get
        token = await asyncio.to_thread(
            self.engine.open, asked("databaseName"), asked("schemaName"), asked("warehouse"), asked("roleName")
        )
        # The same numbers of seconds as Snowflake's.
        data = {"token": token, "masterToken": token, "validityInSeconds": 3600, "masterValidityInSeconds": 14400}
        session = {
            "databaseName": asked("databaseName"),
            "schemaName": asked("schemaName"),
            "warehouseName": asked("warehouse"),
            "roleName": asked("roleName"),
        }
        parameters = [
            {"name": "AUTOCOMMIT", "value": True},
            {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
            {"name": "CLIENT_TELEMETRY_ENABLED", "value": True},
        ]
        return {"data": data | {"serverVersion": "9.0.0", "parameters": parameters, "sessionInfo": session}}

    async def _session(self, call: "_Call") -> dict[str, Any]:
        self.engine.session(call.token)
        if call.query.get("delete"):
            await asyncio.to_thread(self.engine.close, call.token)
        return {"data": None}

    async def _heartbeat(self, call: "_Call") -> dict[str, Any]:
        self.engine.session(call.token)
        return {"data": None}

    async def _abort(self, call: "_Call") -> dict[str, Any]:
        self.engine.session(call.token)
        self.engine.abort(str(call.body["requestId"]))
        return {"data": None}

    async def _query(self, call: "_Call") -> dict[str, Any]:
        session = self.engine.session(call.token)
        sql, request_id = str(call.body["sqlText"]), call.query["requestId"]
        parameters: dict[str, Any] = call.body.get("parameters") or {}
        tag = parameters.get("QUERY_TAG")
        self.engine.history.append(Seen(sql, tag, session.warehouse, session.role, request_id, parameters))
        rows = values_of(call.body.get("bindings") or {})
        outcome = await asyncio.to_thread(self.engine.run, session, request_id, sql, rows)
        return {"data": await asyncio.to_thread(self._result, call, outcome, rows)}

    def _result(self, call: "_Call", outcome: Outcome, rows: list[Any] | None) -> dict[str, Any]:
        data: dict[str, Any] = {
            "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
            "rowtype": outcome.rowtype,
            "queryId": outcome.query_id,
            "statementTypeId": outcome.type_id,
        }
        table = outcome.table
        if outcome.is_dml and table is not None:
            values = zip(*(column.to_pylist() for column in table.columns), strict=True)
            counted = [[None if value is None else str(value) for value in row] for row in values]
            if rows and len(rows) > 1:
                counted = [[str(outcome.rows_affected)]]
            return data | {"queryResultFormat": "json", "rowset": counted, "total": len(counted), "returned": 1}
        total = table.num_rows if table is not None else 0
        first, *later = encode(table, outcome.rowtype, self._chunk_rows) if table is not None else [(b"", 0)]
        return data | {
            "queryResultFormat": "arrow",
            "rowsetBase64": base64.b64encode(first[0]).decode(),
            "total": total,
            "returned": total,
            **(
                {"chunks": [self._keep(call, part, count) for part, count in later], "chunkHeaders": {}}
                if later
                else {}
            ),
        }

    def _keep(self, call: "_Call", part: bytes, rows: int) -> dict[str, Any]:
        name = secrets.token_urlsafe(24)
        self._chunks[name] = part
        while len(self._chunks) > CHUNKS_KEPT:
            self._chunks.popitem(last=False)
        return {
            "url": f"{call.base}/chunks/{name}",
            "rowCount": rows,
            "uncompressedSize": len(part),
            "compressedSize": len(part),
        }


class _Call:
    """A request with its body decoded."""

    def __init__(self, query: dict[str, str], body: Any, token: str, base: str) -> None:
        self.query = query
        self.body = body
        self.token = token
        self.base = base


async def _call(scope: Scope, receive: Receive) -> _Call:
    headers = dict(scope["headers"])
    body = await read_body(headers, receive, MAX_BODY)
    if headers.get(b"content-encoding") == b"gzip":
        body = gzip.decompress(body)
    token = headers.get(b"authorization", b"").decode().removeprefix('Snowflake Token="').rstrip('"')
    base = f"{scope['scheme']}://{headers[b'host'].decode()}"
    return _Call(dict(parse_qsl(scope["query_string"].decode())), json.loads(body) if body else {}, token, base)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            return await send({"type": "lifespan.shutdown.complete"})
