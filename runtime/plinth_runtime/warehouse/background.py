"""An event loop in a thread of its own, where the connector lives.

Snowflake's asynchronous connector replaces the process's handler of SIGINT around every query, which is wrong as soon
as two queries overlap; away from the main thread it cannot. Decoding results also happens there, so the loop of a
server is never held up by it. There is one thread, however many queries run, and it ends with `close`.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class BackgroundLoop:
    """Runs coroutines in the other loop; cancelling the one who waits cancels them there."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work over there and return what it returns.

        Raises:
            RuntimeError: the loop is closed.
        """
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("the warehouse is closed")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def finish(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work over there to its end, even if whoever waits for it is cancelled."""
        return await asyncio.shield(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop)))

    async def close(self, seconds: float) -> None:
        """Give what still runs some time, cancel the rest, and end the thread."""
        if self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                await self.run(self._settle(seconds))
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join, seconds)

    async def _settle(self, seconds: float) -> None:
        this = asyncio.current_task()
        running = [task for task in asyncio.all_tasks() if task is not this]
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
