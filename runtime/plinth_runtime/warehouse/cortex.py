"""Cortex: completions, embeddings, search and questions about data, over Snowflake's REST API.

Source: Snowflake documentation, "Cortex REST API", "Query a Cortex Search Service", "Cortex Analyst REST API".
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp

from plinth_runtime.warehouse.config import SnowflakeConnection
from plinth_runtime.warehouse.connecting import SCHEME, place
from plinth_runtime.warehouse.errors import (
    CortexError,
    DeadlineError,
    RefusedStatementError,
    UnreachableError,
    WrongCredentialError,
)
from plinth_runtime.warehouse.keys import KeyRing, token
from plinth_runtime.warehouse.sse import events

COMPLETE_PATH = "/api/v2/cortex/inference:complete"
EMBED_PATH = "/api/v2/cortex/inference:embed"
ANALYST_PATH = "/api/v2/cortex/analyst/message"


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a completion; the last one has the usage."""

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What Analyst says: words, SQL to look at and run with `read_only`, and suggestions when it did not understand."""

    text: str
    sql: str | None = None
    suggestions: list[str] = field(default_factory=list)
    request_id: str | None = None


class Cortex:
    """Calls Cortex as the connection's user; use it as an asynchronous context manager."""

    def __init__(self, endpoint: SnowflakeConnection) -> None:
        self._endpoint = endpoint
        self._settings = endpoint.cortex
        self._ring = KeyRing(endpoint.keys)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        silence = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._endpoint.timeouts.connect_seconds,
            sock_read=self._settings.first_byte_seconds,
        )
        self._session = aiohttp.ClientSession(
            timeout=silence,
            read_bufsize=1 << 16,
            connector=aiohttp.TCPConnector(limit=self._endpoint.pool.max_connections),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(
        self,
        turns: Sequence[Turn],
        *,
        model: str | None = None,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        seconds: float | None = None,
    ) -> AsyncIterator[Piece]:
        """Give a completion piece by piece, as it comes.

        Raises:
            CortexError: it was refused, or broken off.
            WarehouseError: see `plinth_runtime.warehouse.errors`.
        """
        body = {
            "model": self._chosen(model, self._settings.complete_model, "complete_model"),
            "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        async with self._call(COMPLETE_PATH, body, seconds, accept="text/event-stream") as parts:
            async for event in events(parts, self._settings.max_answer_bytes):
                yield _piece(event)

    async def embed(
        self, texts: Sequence[str], *, model: str | None = None, seconds: float | None = None
    ) -> list[list[float]]:
        """Return a vector for each text, in their order."""
        body = {"text": list(texts), "model": self._chosen(model, self._settings.embed_model, "embed_model")}
        content = await self._ask(EMBED_PATH, body, seconds)
        vectors: dict[int, list[float]] = {
            int(item["index"]): [float(value) for value in _flat(item["embedding"])] for item in content["data"]
        }
        if sorted(vectors) != list(range(len(texts))):
            raise CortexError(f"Cortex gave vectors for {sorted(vectors)} of {len(texts)} texts")
        return [vectors[index] for index in range(len(texts))]

    async def search(
        self,
        service: str,
        query: str,
        columns: Sequence[str],
        *,
        limit: int = 10,
        filter: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> list[dict[str, Any]]:
        """Ask a search service, by the name that it has in the configuration."""
        database, schema, name = _named(service, self._settings.search_services, "search service").split(".")
        path = f"/api/v2/databases/{database}/schemas/{schema}/cortex-search-services/{name}:query"
        body = {"query": query, "columns": list(columns), "limit": limit}
        return list((await self._ask(path, body | ({"filter": dict(filter)} if filter else {}), seconds))["results"])

    async def ask(self, view: str, question: str, *, seconds: float | None = None) -> Answer:
        """Ask Analyst about a semantic view, by the name that it has in the configuration."""
        qualified = _named(view, self._settings.semantic_views, "semantic view")
        body = {
            "messages": [{"role": "user", "content": [{"type": "text", "text": question}]}],
            "semantic_view": qualified,
            "stream": False,
        }
        content = await self._ask(ANALYST_PATH, body, seconds)
        parts: list[dict[str, Any]] = content["message"]["content"]
        return Answer(
            text="\n".join(part["text"] for part in parts if part["type"] == "text"),
            sql=next((part["statement"] for part in parts if part["type"] == "sql"), None),
            suggestions=[text for part in parts if part["type"] == "suggestions" for text in part["suggestions"]],
            request_id=content.get("request_id"),
        )

    async def _ask(self, path: str, body: Mapping[str, Any], seconds: float | None) -> Any:
        async with self._call(path, body, seconds, accept="application/json") as parts:
            data = bytearray()
            async for part in parts:
                data += part
                if len(data) > self._settings.max_answer_bytes:
                    raise CortexError(f"the answer is larger than {self._settings.max_answer_bytes} bytes")
            return json.loads(data)

    @asynccontextmanager
    async def _call(
        self, path: str, body: Mapping[str, Any], seconds: float | None, *, accept: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a request and give the parts of its answer; every failure becomes one of ours."""
        if self._session is None:
            raise RuntimeError("Cortex is closed: use it inside `async with Cortex(endpoint)`")
        deadline = asyncio.get_running_loop().time() + (seconds or self._endpoint.timeouts.query_seconds)
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._send(self._session, path, body, accept)
            try:
                yield _parts(answer, deadline)
            finally:
                answer.close()
        except (aiohttp.ServerTimeoutError, TimeoutError):
            raise DeadlineError(f"Cortex of {place(self._endpoint)} did not answer in time") from None
        except aiohttp.ClientError as error:
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise UnreachableError(f"Cortex of {place(self._endpoint)} cannot be reached: {error}", sent=sent) from None
        except (KeyError, TypeError, ValueError) as error:
            raise CortexError(f"Cortex gave an answer that is not Snowflake's ({type(error).__name__})") from None

    async def _send(
        self, session: aiohttp.ClientSession, path: str, body: Mapping[str, Any], accept: str
    ) -> aiohttp.ClientResponse:
        url = f"{SCHEME}://{self._endpoint.server}:{self._endpoint.port}{path}"
        for key in self._ring.each():
            headers = {
                "authorization": f"Bearer {token(key, self._endpoint.account, self._endpoint.user)}",
                "x-snowflake-authorization-token-type": "KEYPAIR_JWT",
                "x-snowflake-role": self._endpoint.role,
                "accept": accept,
            }
            answer = await session.post(url, json=body, headers=headers, allow_redirects=False)
            if answer.status == 401:
                answer.close()
                continue
            self._ring.worked(key)
            if answer.status == 200:
                return answer
            raise await _refused(answer)
        raise WrongCredentialError(
            f"Cortex of {place(self._endpoint)} takes none of {self._ring.describe()}: check that a public half is "
            f"registered for {self._endpoint.user}"
        )

    def _chosen(self, given: str | None, default: str | None, name: str) -> str:
        if (chosen := given or default) is None:
            raise RefusedStatementError(f"no model is named, and `cortex.{name}` has none")
        return chosen


async def _parts(answer: aiohttp.ClientResponse, deadline: float) -> AsyncIterator[bytes]:
    while True:
        # Only around reading: time that the caller takes between two parts must not cancel the caller's own work.
        async with asyncio.timeout_at(deadline):
            part = await answer.content.readany()
        if not part:
            return
        yield part


async def _refused(answer: aiohttp.ClientResponse) -> CortexError:
    data = (await answer.content.read(10_000)) or b""
    answer.close()
    try:
        said = json.loads(data)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    message = " ".join(str(said.get("message") or "no reason given").split())[:500]
    request_id = said.get("request_id") or answer.headers.get("x-snowflake-request-id")
    code = said.get("code") or said.get("error_code")
    return CortexError(
        f"Cortex refused the request ({answer.status}): {message}",
        status=answer.status,
        code=str(code) if code else None,
        request_id=request_id,
    )


def _piece(event: Mapping[str, Any]) -> Piece:
    if "error" in event or event.get("code"):
        error = event.get("error") if isinstance(event.get("error"), dict) else event
        raise CortexError(f"Cortex broke off: {str(error.get('message'))[:500]}", code=str(error.get("code")))
    usage = event.get("usage") or {}
    choices = event.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    return Piece(
        str(delta.get("content") or delta.get("text") or ""), usage.get("prompt_tokens"), usage.get("completion_tokens")
    )


def _flat(vector: Sequence[Any]) -> Sequence[Any]:
    """Snowflake wraps a vector in one more list."""
    return vector[0] if vector and isinstance(vector[0], list) else vector


def _named(name: str, known: Mapping[str, str], what: str) -> str:
    if name not in known:
        raise RefusedStatementError(f"no {what} is named {name!r} (there are: {', '.join(known) or 'none'})")
    return known[name]
