"""What arrived and was not yet taken in: every order report and fill in order, and of each quote the newest."""

from __future__ import annotations

import asyncio
from collections import deque

from trading.strategy.events import Event, QuoteSeen, SpotSeen


class Inbox:
    """Events between the streams and the engine's ``poll``. A slow engine sees fewer quotes, never fewer fills."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._newest: dict[str, Event] = {}
        self._arrived = asyncio.Event()

    def put(self, event: Event) -> None:
        """Queue an event and wake whoever waits."""
        if isinstance(event, QuoteSeen):
            self._newest[event.quote.symbol] = event
        elif isinstance(event, SpotSeen):
            self._newest[""] = event
        else:
            self._events.append(event)
        self._arrived.set()

    def drain(self) -> list[Event]:
        """Everything queued: reports and fills first, then quotes and the index."""
        events = [*self._events, *self._newest.values()]
        self._events.clear()
        self._newest.clear()
        return events

    async def wait(self, seconds: float) -> None:
        """Until something arrived since the last wait, at most ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return
        self._arrived.clear()
