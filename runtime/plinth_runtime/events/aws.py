"""Calls to AWS from asynchronous code: boto3 in a thread, with deadlines, and errors for a person."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from plinth_runtime.events.config import PublishEndpoint, QueueSource
from plinth_runtime.events.event import EventError

LONG_POLL_SECONDS = 20
"""How long SQS keeps a question for messages open."""

_Answer = TypeVar("_Answer")


def client(service: str, endpoint: PublishEndpoint | QueueSource, *, patience: float = 0) -> Any:
    """A boto3 client whose calls end within the deadline, plus `patience` seconds of waiting by the server."""
    # A third of a second that only who uses events pays.
    import boto3
    from botocore.config import Config

    attempts = 3
    each = max(0.5, endpoint.deadline_seconds / attempts)
    config = Config(
        connect_timeout=min(5, each),
        read_timeout=each + patience,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        user_agent_extra="plinth-runtime",
    )
    session = boto3.session.Session()
    return session.client(service, region_name=endpoint.region, endpoint_url=endpoint.endpoint_url, config=config)


async def call(what: str, act: Callable[[], _Answer], deadline_seconds: float) -> _Answer:
    """Run a call in a thread.

    Args:
        what: for the message, for example `publish to the bus orders`.
        act: the call.
        deadline_seconds: when it is given up. The thread ends by its own timeouts.

    Raises:
        EventError: AWS refuses, cannot be reached, or does not answer in time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return await asyncio.wait_for(asyncio.to_thread(act), deadline_seconds)
    except TimeoutError:
        raise EventError(f"cannot {what}: no answer within {deadline_seconds:g} seconds") from None
    except ClientError as error:
        reason = error.response.get("Error", {})
        raise EventError(
            f"cannot {what}: AWS refuses: {reason.get('Code', 'unknown')}: {reason.get('Message', '')}. Check the name"
            " and what the pod's role may do"
        ) from None
    except BotoCoreError as error:
        raise EventError(f"cannot {what}: {error}. Check the address, the network policy and the credentials") from None
