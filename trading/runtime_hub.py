"""Runtime pictures for the sockets of scripts: heard once per process, encoded once per picture."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.core.serializers.json import DjangoJSONEncoder

from trading.publish import GROUP
from trading.selectors.runtime import current_runtime, snapshot_row
from trading.selectors.runtime_shape import with_every_field

log = logging.getLogger(__name__)

SILENCE_SECONDS: Final = 5.0
"""After so long without an announcement the database is asked, which knows whether the worker is dead."""
FRESH_SECONDS: Final = 2.0
BEAT_SECONDS: Final = 15.0
MOST_WAITING: Final = 8
MOST_EVENTS: Final = 100
WATCHED: Final = ("status", "phase", "mode", "session_id", "strategy_id", "exit_reason", "trading_mode", "attention")
"""Fields whose change is told as an event, also to a socket that missed the picture in which it happened."""


def encode(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), cls=DjangoJSONEncoder)


@dataclass(slots=True)
class Update:
    """One picture and how it differs from the one before. ``turn`` counts the pictures of this process without gaps."""

    turn: int
    sequence: int
    previous: int | None
    picture: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    text: str
    _whole: str = field(default="")

    def snapshot(self, events: list[Mapping[str, Any]]) -> str:
        """The whole picture, with the events a socket has not heard of yet."""
        if not self._whole:
            self._whole = encode(self.picture)
        head = {"type": "snapshot", "sequence": self.sequence, "previous": None, "events": events}
        return f'{encode(head)[:-1]},"payload":{self._whole}}}'


class Listener:
    """What one socket has yet to send: a few updates, or when there are too many the newest picture alone.

    Events are kept apart, also bounded, so that a change of phase is told even when its picture never was sent.
    """

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.beats = 0
        self.sequence: int | None = None
        self._turn: int | None = None
        self._waiting: deque[Update] = deque()
        self._events: deque[Mapping[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._beat_due = False

    def offer(self, update: Update) -> None:
        """A new picture. When too many wait, those before it are never sent."""
        if len(self._waiting) >= MOST_WAITING:
            self._events.extend(event for missed in self._waiting for event in missed.events)
            self._waiting.clear()
        self._waiting.append(update)
        self.wake.set()

    def begin(self, update: Update) -> None:
        """The first picture: the whole of it, without events."""
        self._waiting.append(update)
        self.wake.set()

    def beat(self) -> None:
        """A sign of life is due."""
        self.beats += 1
        self._beat_due = True
        self.wake.set()

    def take(self) -> str | None:
        """The next text to send, or None."""
        if self._waiting:
            update = self._waiting.popleft()
            first, follows = self._turn is None, self._turn == update.turn - 1
            self._turn, self.sequence = update.turn, update.sequence
            if follows:
                return update.text
            events = [] if first else [*self._events, *update.events]
            self._events.clear()
            return update.snapshot(events)
        if self._beat_due:
            self._beat_due = False
            return encode({"type": "heartbeat", "sequence": self.sequence, "at": datetime.now(UTC)})
        return None


class RuntimeHub:
    """The one listener to announcements of a process, and its sockets."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._latest: Update | None = None
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._reading = asyncio.Lock()
        self._hearing = asyncio.Event()
        self.encoded = 0

    async def join(self) -> Listener:
        """A listener that begins with the picture as it is now."""
        self._start()
        # Heard first: a picture that comes while the database is read must not be lost. Without a layer, do without.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hearing.wait(), FRESH_SECONDS)
        listener = Listener()
        latest = await self._current()
        # No await from here: what comes next is the picture after this one.
        listener.begin(latest)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Offer nothing more; the last one out stops the hub."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._stop()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._tasks and self._tasks[0].get_loop() is loop and not any(task.done() for task in self._tasks):
            return
        if self._tasks and self._tasks[0].get_loop() is not loop:
            self._listeners.clear()
            self._tasks = []
        self._stop()
        self._latest, self._heard_at, self._reading = None, 0.0, asyncio.Lock()
        self._hearing = asyncio.Event()
        self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._watch_silence(), self._beat())]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _current(self) -> Update:
        """The newest picture, read from the database unless one was heard in the last two seconds."""
        async with self._reading:
            if self._latest is None or self._since_heard() > FRESH_SECONDS:
                await self._read()
        assert self._latest is not None
        return self._latest

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear(get_channel_layer())
            except Exception:
                # Meanwhile the database is asked every few seconds.
                log.exception("Runtime pictures cannot be heard; trying again", extra={"event": "hub_deaf"})
                await asyncio.sleep(SILENCE_SECONDS)

    async def _hear(self, layer: Any) -> None:
        hearing, channel = self._hearing, await layer.new_channel()
        try:
            await layer.group_add(GROUP, channel)
            hearing.set()
            while True:
                message = await layer.receive(channel)
                self._take_in(int(message["sequence"]), with_every_field(_spoken(message["payload"])))
        finally:
            hearing.clear()
            # Else the layer would go on filling a queue that nobody reads.
            with suppress(Exception):
                await layer.group_discard(GROUP, channel)

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(max(SILENCE_SECONDS - self._since_heard(), 0.5))
            if self._since_heard() >= SILENCE_SECONDS:
                with suppress(Exception):
                    await self._read()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for listener in self._listeners:
                listener.beat()

    async def _read(self) -> None:
        sequence, picture = await database_sync_to_async(_stored)()
        self._take_in(sequence, picture)

    def _since_heard(self) -> float:
        return asyncio.get_running_loop().time() - self._heard_at if self._heard_at else float("inf")

    def _take_in(self, sequence: int, picture: dict[str, Any]) -> None:
        before = self._latest
        known: Mapping[str, Any] = before.picture if before else {}
        changed = {name: value for name, value in picture.items() if name not in known or known[name] != value}
        events = tuple(_events(known, picture)) if before else ()
        previous = before.sequence if before else None
        head = {"type": "update", "sequence": sequence, "previous": previous, "events": events, "payload": changed}
        update = Update((before.turn if before else 0) + 1, sequence, previous, picture, events, encode(head))
        self.encoded += 1
        self._latest, self._heard_at = update, asyncio.get_running_loop().time()
        for listener in self._listeners:
            listener.offer(update)


def _stored() -> tuple[int, dict[str, Any]]:
    row = snapshot_row()
    return (row.sequence if row else 0), current_runtime()


def _spoken(payload: Mapping[str, Any]) -> dict[str, Any]:
    """``payload`` as it arrives from the worker: whoever has just spoken is alive."""
    return {**payload, "worker": {**(payload.get("worker") or {}), "alive": True, "heartbeat_age_seconds": 0.0}}


def _events(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    at = after.get("generated_at")
    return [
        {"event": "changed", "field": name, "before": before.get(name), "after": after.get(name), "at": at}
        for name in WATCHED
        if before.get(name) != after.get(name)
    ]


hub = RuntimeHub()
"""This process's hub."""
