"""Channels that take rows with offsets: what they must do, whatever is behind them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Values = Mapping[str, object]
"""Column, in upper case -> value."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row with its place in the source. Offsets grow; there may be gaps."""

    offset: int
    values: Values


Source = Callable[[int | None], AsyncIterator[SourceRow]]
"""Gives the rows after an offset (None: from the start), in the order of their offsets, the same every time."""


class ChannelPort(Protocol):
    """A channel into one table. One process writes to it at a time: opening it again shuts the earlier one out."""

    async def open(self) -> int | None:
        """Open, and return the last offset that is durable, or None.

        Raises:
            WarehouseError: it cannot be opened.
        """
        ...

    async def append(self, rows: Sequence[Values], first: int, last: int) -> None:
        """Hand over rows, which become durable together with the offset `last`, or not at all.

        Raises:
            WarehouseError: nobody knows whether they were taken, or this channel was shut out.
        """
        ...

    async def committed(self) -> int | None:
        """Return the last offset that is durable.

        Raises:
            WarehouseError: rows were refused after they had been taken, or the channel is gone.
        """
        ...

    async def close(self) -> None:
        """Let go of the channel; what is durable stays so."""
        ...
