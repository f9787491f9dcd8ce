"""Reads events from a queue: at least once from the carrier, once for the handler, and aside what cannot be handled."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plinth_runtime.events import aws
from plinth_runtime.events.config import QueueSource
from plinth_runtime.events.event import BadEvent, Event, EventError, parse
from plinth_runtime.events.seen import MemorySeen, Seen

Handler = Callable[[Event], Awaitable[None]]
"""Handles one event. When it raises, the event comes again, and is put aside after the queue's number of attempts."""

MOST = 10
"""Messages that SQS hands out at a time."""

BACK_OFF_SECONDS = (1.0, 30.0)
"""First and longest pause after AWS could not be reached."""

_log = logging.getLogger("plinth.events")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside."""

    event: Event | None
    """The event; None where the message is none."""

    body: str
    """The message as it came."""

    receipt: str
    """What takes it off the queue."""


class Consumer:
    """Reads one queue and calls a handler for each event.

    An event counts as handled once the handler has returned and its id is remembered; only then it is taken off.
    A crash at any moment therefore loses nothing, and repeats at most the one handler call that was not remembered yet:
    a handler that writes to a database should write the event's id in the same transaction.
    """

    def __init__(
        self, source: QueueSource, handler: Handler, *, seen: Seen | None = None, parallel: int = 4, client: Any = None
    ) -> None:
        """Prepare; nothing is called yet.

        Args:
            source: the queue.
            handler: what handles an event.
            seen: what remembers handled events. None: this process's memory.
            parallel: events handled at a time; those of one subject in order, if the queue keeps any.
            client: a boto3 client of SQS, instead of one made from the source.
        """
        self.source = source
        self._handler, self._seen = handler, seen or MemorySeen()
        # Of a FIFO queue one message at a time for each lane: of several, those after a failure would wait while their
        # own attempts are counted, and go aside without ever having been tried.
        fifo = source.queue_url.endswith(".fifo")
        self._lanes, self._most, self._parallel = (parallel, 1, 1) if fifo else (1, MOST, parallel)
        self._client = client or aws.client("sqs", source, patience=aws.LONG_POLL_SECONDS)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take no more events; `run` returns when those at hand are done."""
        self._stopping.set()

    async def run(self) -> None:
        """Handle events until `stop`. AWS being out of reach is waited out, with a line in the log."""
        await asyncio.gather(*(self._lane() for _ in range(self._lanes)))

    async def _lane(self) -> None:
        pause = BACK_OFF_SECONDS[0]
        while not self._stopping.is_set():
            try:
                await self._turn(aws.LONG_POLL_SECONDS)
                pause = BACK_OFF_SECONDS[0]
            except EventError as error:
                _log.warning("%s; again in %g seconds", error, pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, BACK_OFF_SECONDS[1])

    async def once(self) -> int:
        """Ask for messages once and handle them; give how many there were.

        Raises:
            EventError: AWS refuses or cannot be reached.
        """
        return sum(await asyncio.gather(*(self._turn(0) for _ in range(self._lanes))))

    async def _turn(self, wait_seconds: int) -> int:
        messages = await self._receive(wait_seconds)
        limit = asyncio.Semaphore(self._parallel)

        async def one(message: dict[str, Any]) -> None:
            async with limit:
                await self._one(message)

        outcomes = await asyncio.gather(*(one(message) for message in messages), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(messages)

    async def _receive(self, wait_seconds: int) -> Sequence[dict[str, Any]]:
        source = self.source

        def ask() -> Sequence[dict[str, Any]]:
            return self._client.receive_message(
                QueueUrl=source.queue_url,
                MaxNumberOfMessages=self._most,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=source.visibility_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            ).get("Messages", [])

        return await aws.call(f"read from {source.queue_url}", ask, source.deadline_seconds + wait_seconds)

    async def _one(self, message: dict[str, Any]) -> None:
        """Handle a message: it is off the queue afterwards, or comes again."""
        try:
            event = parse(message["Body"])
        except BadEvent as error:
            # Nobody can ever handle it: no further attempts.
            _log.error("a message of %s is put aside: %s", self.source.queue_url, error)
            await self._put_aside(message)
            return
        if not await self._seen.known(event.id):
            beat = asyncio.create_task(self._keep(message))
            try:
                await self._handler(event)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises means: not handled
                count = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
                _log.warning(
                    "event %s (%s) failed, attempt %d of %d: %s: %s",
                    *(event.id, event.type, count, self.source.max_attempts, type(error).__name__, error),
                )
                await self._call("give back", self._client.change_message_visibility, message, VisibilityTimeout=0)
                return
            finally:
                beat.cancel()
            await self._seen.add(event.id)
        await self._call("take off", self._client.delete_message, message)

    async def _keep(self, message: dict[str, Any]) -> None:
        """Hold on to a message for as long as the handler takes."""
        seconds = self.source.visibility_seconds
        while True:
            await asyncio.sleep(seconds / 2)
            with contextlib.suppress(EventError):  # the next beat tries again; at worst the event comes twice
                await self._call("hold", self._client.change_message_visibility, message, VisibilityTimeout=seconds)

    async def _put_aside(self, message: dict[str, Any]) -> None:
        await send_aside(self._client, self.source, message["Body"], message["MessageId"])
        await self._call("take off", self._client.delete_message, message)

    async def _call(self, what: str, act: Callable[..., Any], message: dict[str, Any], **more: Any) -> None:
        def do() -> None:
            act(QueueUrl=self.source.queue_url, ReceiptHandle=message["ReceiptHandle"], **more)

        await aws.call(f"{what} a message of {self.source.queue_url}", do, self.source.deadline_seconds)


async def send_aside(client: Any, source: QueueSource, body: str, id: str) -> None:
    """Put a message into the queue of dead letters.

    Raises:
        EventError: AWS refuses or cannot be reached; the message is where it was.
    """
    fifo = source.dead_letter_url.endswith(".fifo")
    order = {"MessageGroupId": id, "MessageDeduplicationId": id} if fifo else {}

    def send() -> None:
        client.send_message(QueueUrl=source.dead_letter_url, MessageBody=body, **order)

    await aws.call(f"put a message aside into {source.dead_letter_url}", send, source.deadline_seconds)


class DeadLetters:
    """What was put aside: to look at, to send back after the mistake is mended, or to drop."""

    def __init__(self, source: QueueSource, *, client: Any = None) -> None:
        """Prepare; nothing is called yet."""
        self.source = source
        self._client = client or aws.client("sqs", source)

    async def read(self, most: int = MOST, *, hold_seconds: int = 30) -> list[DeadLetter]:
        """Up to `most` (at most 10) dead letters; nobody else gets them for `hold_seconds`.

        Raises:
            EventError: AWS refuses or cannot be reached.
        """

        def ask() -> Sequence[dict[str, Any]]:
            return self._client.receive_message(
                QueueUrl=self.source.dead_letter_url, MaxNumberOfMessages=most, VisibilityTimeout=hold_seconds
            ).get("Messages", [])

        url, deadline = self.source.dead_letter_url, self.source.deadline_seconds
        found = await aws.call(f"read from {url}", ask, deadline)
        return [DeadLetter(_event(item["Body"]), item["Body"], item["ReceiptHandle"]) for item in found]

    async def send_back(self, letter: DeadLetter) -> None:
        """Put a letter's event back into the queue, and then off the dead letters: no crash between loses it.

        Raises:
            EventError: the letter is no event, AWS refuses or cannot be reached.
        """
        event = letter.event
        if event is None:
            raise EventError("the letter is no event of ours: nothing could handle it; drop it instead")
        fifo = self.source.queue_url.endswith(".fifo")
        order = {"MessageGroupId": event.subject, "MessageDeduplicationId": f"{event.id}-again"} if fifo else {}

        def send() -> None:
            self._client.send_message(QueueUrl=self.source.queue_url, MessageBody=letter.body, **order)

        await aws.call(f"send a letter back to {self.source.queue_url}", send, self.source.deadline_seconds)
        await self.drop(letter)

    async def drop(self, letter: DeadLetter) -> None:
        """Take a letter off for good.

        Raises:
            EventError: AWS refuses or cannot be reached.
        """

        def delete() -> None:
            self._client.delete_message(QueueUrl=self.source.dead_letter_url, ReceiptHandle=letter.receipt)

        await aws.call(f"drop a letter of {self.source.dead_letter_url}", delete, self.source.deadline_seconds)


def _event(body: str) -> Event | None:
    try:
        return parse(body)
    except BadEvent:
        return None
