"""Asks the knowledge graph.

Source: Amazon Neptune user guide, "Neptune openCypher HTTPS endpoint", "Connecting with IAM authentication".
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from plinth_runtime.files import resolve
from plinth_runtime.graph.config import GraphEndpoint

SERVICE = "neptune-db"


class GraphError(Exception):
    """A query could not be answered; the message says why and what to do."""


class GraphClient:
    """Asks one graph; an asynchronous context manager. A query is sent once: its author knows if twice is safe."""

    def __init__(self, endpoint: GraphEndpoint) -> None:
        """Prepare; nothing is called yet."""
        self.endpoint = endpoint
        self._credentials = botocore.session.get_session()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "GraphClient":
        context = ssl.create_default_context(
            cafile=str(resolve(self.endpoint.ca_file)) if self.endpoint.ca_file else None
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            timeout=aiohttp.ClientTimeout(total=self.endpoint.timeout_seconds, sock_connect=5),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def query(
        self, cypher: str, parameters: Mapping[str, Any] | None = None, *, read_only: bool = False
    ) -> list[dict[str, Any]]:
        """Run one openCypher query and give its rows.

        Args:
            cypher: the query; values belong into `parameters`, never into its text.
            parameters: values of `$name` in the query, as JSON has them.
            read_only: ask the readers, where there are any.

        Raises:
            GraphError: the graph refuses the query or the role, cannot be reached, or does not answer in time.
        """
        if self._session is None:
            raise RuntimeError("use the client as `async with GraphClient(endpoint) as graph`")
        endpoint = self.endpoint
        host = (endpoint.reader_host or endpoint.host) if read_only else endpoint.host
        url = f"https://{host}:{endpoint.port}/openCypher"
        body = json.dumps({"query": cypher, "parameters": dict(parameters or {})})
        headers = await asyncio.to_thread(self._signed, url, body)
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                text = await response.text()
                status = response.status
        except TimeoutError:
            raise GraphError(
                f"the graph at {host} did not answer within {endpoint.timeout_seconds:g} seconds: narrow the query, or"
                " raise timeout_seconds"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise GraphError(
                f"cannot reach the graph at {host}:{endpoint.port}: {reason}. Check that it runs, its security group"
                " and the certificate"
            ) from None
        return _rows(host, status, text)

    def _signed(self, url: str, body: str) -> dict[str, str]:
        try:
            found = self._credentials.get_credentials()
        except BotoCoreError as error:
            raise GraphError(f"AWS gives no credentials to ask the graph with: {error}") from None
        if found is None:
            raise GraphError(
                "no AWS credentials to ask the graph with: run the pod under a service account that has an EKS Pod"
                " Identity association"
            )
        request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(found.get_frozen_credentials(), SERVICE, self.endpoint.region).add_auth(request)
        return {str(name): str(value) for name, value in request.headers.items()}


def _rows(host: str, status: int, text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if status == 200 and isinstance(document, dict) and isinstance(document.get("results"), list):
        return document["results"]
    known = document if isinstance(document, dict) else {}
    reason = known.get("detailedMessage") or known.get("message") or f"{text[:200]!r}"
    if status == 403:
        raise GraphError(f"the graph at {host} refuses this role: {reason}. The spec names its editors and viewers")
    raise GraphError(f"the graph at {host} answers {status}: {known.get('code', '')} {reason}".rstrip())
