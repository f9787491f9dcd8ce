"""A channel of Snowpipe Streaming, over Snowflake's SDK, which is synchronous and logs to stdout if it is let.

The SDK sends metrics of its own to Snowflake unless it is told not to; it is.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from plinth_runtime.warehouse.channels import Values
from plinth_runtime.warehouse.config import IngestPipe, SnowflakeConnection
from plinth_runtime.warehouse.errors import IngestError, UnreachableError, WarehouseError, WrongCredentialError
from plinth_runtime.warehouse.keys import KeyRing

_T = TypeVar("_T")

CREDENTIAL_CODES: Final = frozenset({"AuthTokenError", "SfApiAuthError"})
UNREACHABLE_CODES: Final = frozenset({"HttpRetriesExhaustedError", "HttpRetryableClientError"})
SATURATED_CODES: Final = frozenset(
    {"ReceiverSaturated", "MemoryThresholdExceeded", "MemoryThresholdExceededInContainer"}
)
"""The SDK's names. Source: snowpipe-streaming 1.9, `StreamingIngestErrorCode`."""

SATURATED_SECONDS = 0.5


def load_sdk() -> Any:
    """Import the SDK with its log on stderr and errors only: stdout is for our own lines."""
    os.environ.setdefault("SS_LOG_LEVEL", "error")
    os.environ.setdefault("SS_LOG_TARGET", "stderr")
    import snowflake.ingest.streaming as sdk

    return sdk


def properties(endpoint: SnowflakeConnection, key: RSAPrivateKey) -> dict[str, str]:
    """Return what the SDK is told."""
    patience = str(max(1, round(endpoint.timeouts.connect_seconds)))
    return {
        "account": endpoint.account,
        "user": endpoint.user,
        "role": endpoint.role,
        "url": f"https://{endpoint.server}:{endpoint.port}",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "enable_telemetry_reporting": "false",
        # Without these it goes on trying for many minutes.
        "mgmt_retry_total_backoff_seconds": patience,
    }


class SnowpipeChannel:
    """A `ChannelPort` into a pipe of Snowflake."""

    def __init__(
        self, endpoint: SnowflakeConnection, pipe: IngestPipe, name: str, *, sdk: Callable[[], Any] = load_sdk
    ) -> None:
        self._endpoint = endpoint
        self._pipe = pipe
        self._name = name
        self._ring = KeyRing(endpoint.keys)
        self._load = sdk
        self._client: Any = None
        self._channel: Any = None
        self._errors = 0

    async def open(self) -> int | None:
        refused: WarehouseError | None = None
        for key in self._ring.each():
            try:
                status = await self._call(lambda key=key: self._open(key), self._endpoint.timeouts.connect_seconds * 2)
            except WrongCredentialError as error:
                refused = error
                continue
            self._ring.worked(key)
            self._errors = int(status.rows_error_count or 0)
            return _offset(status.latest_committed_offset_token)
        assert refused is not None
        raise refused

    async def append(self, rows: Sequence[Values], first: int, last: int) -> None:
        end = asyncio.get_running_loop().time() + self._pipe.commit_seconds
        while True:
            try:
                return await self._call(
                    lambda: self._channel.append_rows([dict(row) for row in rows], str(first), str(last)),
                    self._pipe.commit_seconds,
                )
            except _SaturatedError:
                if asyncio.get_running_loop().time() > end:
                    raise IngestError(
                        f"{self._where} takes no more rows: it is {self._pipe.commit_seconds} s behind"
                    ) from None
                await asyncio.sleep(SATURATED_SECONDS)

    async def committed(self) -> int | None:
        status = await self._call(lambda: self._channel.get_channel_status(), self._endpoint.timeouts.socket_seconds)
        errors = int(status.rows_error_count or 0)
        if errors > self._errors:
            raise IngestError(
                f"{self._where} refused {errors - self._errors} rows up to offset "
                f"{status.last_error_offset_token_upper_bound}: {status.last_error_message}. Check them before they "
                "are sent, so that they are put aside, and repair the table from the source"
            )
        if status.status_code != "SUCCESS":
            raise IngestError(f"{self._where} is {status.status_code}: another process may have opened it")
        return _offset(status.latest_committed_offset_token)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await self._call(lambda: client.close(wait_for_flush=False), self._endpoint.timeouts.cancel_seconds)

    @property
    def _where(self) -> str:
        return f"the channel {self._name} into {self._pipe.database}.{self._pipe.schema_name}.{self._pipe.table}"

    def _open(self, key: RSAPrivateKey) -> Any:
        make, pipe, told = self._load().StreamingIngestClient, self._pipe, properties(self._endpoint, key)
        place = (f"plinth-{self._name}", pipe.database, pipe.schema_name)
        if pipe.pipe:
            self._client = make(*place, pipe.pipe, properties=told)
        else:
            self._client = make.from_table(*place, pipe.table, properties=told)
        self._channel, status = self._client.open_channel(self._name)
        return status

    async def _call(self, work: Callable[[], _T], seconds: float) -> _T:
        """Call the SDK in a thread of its own, which nobody has to wait for when it hangs."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if not done.done():
                done.set_exception(error) if error else done.set_result(result)

        def run() -> None:
            result, failure = None, None
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
                failure = error
            loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=run, name="snowpipe", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError:
            raise UnreachableError(f"{self._where} did not answer within {seconds} s", sent=True) from None
        except WarehouseError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK raises errors of many kinds
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> WarehouseError:
        code = getattr(getattr(error, "error_code", None), "value", "")
        said = f"{code}: {' '.join(str(getattr(error, 'message', error)).split())[:300]}"
        if code in SATURATED_CODES:
            return _SaturatedError(said)
        if code in CREDENTIAL_CODES:
            return WrongCredentialError(f"{self._where} does not take {self._ring.describe()}: {said}")
        if code in UNREACHABLE_CODES:
            return UnreachableError(f"{self._where} cannot be reached: {said}", sent=True)
        return IngestError(f"{self._where} failed: {said}")


class _SaturatedError(WarehouseError):
    """The SDK has as much as it can hold."""


def _offset(token: str | None) -> int | None:
    return int(token) if token else None
