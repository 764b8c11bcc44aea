"""One WebSocket that stays up: subscriptions acknowledged, silence noticed, reconnects with a growing, jittered pause
(``spec/delta_exchange.md`` §7.1).
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField, Row
from trading.venues.delta.wire import loads

log = logging.getLogger("trading.venues.delta")
# At DEBUG the library would log whole frames, the authentication among them.
quiet = logging.getLogger("trading.venues.delta.websocket")
quiet.setLevel(logging.INFO)
CONNECT_WINDOW_SECONDS = 300.0


class StreamBroken(Exception):
    """The socket is of no use any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Injected time: ``mono`` in seconds, ``sleep``, and ``jitter`` in [0, 1)."""

    mono: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


class Stream:
    """A socket with its subscriptions. ``on_frame`` takes every data frame; ``on_change`` hears of ups and downs."""

    def __init__(
        self,
        name: str,
        url: str,
        config: DeltaConfig,
        *,
        on_frame: Callable[[Row], None],
        on_change: Callable[[bool], None] = lambda up: None,
        waits: Waits | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.up = False
        self.problem = "not connected yet"
        self.refused: dict[str, str] = {}
        self.frames = 0
        self.waits = waits or Waits()
        self._url = url
        self._on_frame = on_frame
        self._on_change = on_change
        self._socket: ClientConnection | None = None
        self._greeted = False
        self._wanted: dict[str, tuple[str, ...]] = {}
        self._unacknowledged: set[str] = set()
        self._ack_by = float("inf")
        self._connects: deque[float] = deque()

    @property
    def whole(self) -> bool:
        """Up, with every channel."""
        return self.up and not self.refused

    async def subscribe(self, channels: Mapping[str, Sequence[str]]) -> None:
        """Want exactly these channels with these symbols (none for channels without); only differences are sent."""
        before, self._wanted = self._wanted, {name: tuple(symbols) for name, symbols in channels.items()}
        if not self._greeted:
            return
        gone = _differences(before, self._wanted)
        fresh = _differences(self._wanted, before)
        if gone:
            await self._send({"type": "unsubscribe", "payload": {"channels": gone}})
        if fresh:
            await self._ask(fresh)

    async def run(self) -> None:
        """Connect, read, reconnect, for ever; ends only by cancellation."""
        failures = 0
        while True:
            try:
                await self._turn()
            except DeltaError as error:
                self._down(str(error))
            except (OSError, WebSocketException, StreamBroken, ValueError) as error:
                failures = 0 if self.up else failures
                self._down(_why(error))
                if _throttled(error):
                    await self.waits.sleep(self.config.ws_throttled_seconds * (1 + self.waits.jitter()))
            failures += 1
            await self.waits.sleep(self.pause(failures))

    def pause(self, failures: int) -> float:
        """Seconds before the next attempt after so many failures in a row: doubling from the first to the last pause,
        with jitter, and as long as the cap on connects demands.
        """
        first, last = self.config.backoff_first, self.config.backoff_last
        pause = min(first * 2.0 ** min(failures - 1, 16), last) * (0.5 + self.waits.jitter() / 2)
        now = self.waits.mono()
        while self._connects and self._connects[0] <= now - CONNECT_WINDOW_SECONDS:
            self._connects.popleft()
        if len(self._connects) >= self.config.connects_per_window:
            pause = max(pause, self._connects[0] + CONNECT_WINDOW_SECONDS - now)
        return pause

    async def _turn(self) -> None:
        """One life of the socket."""
        self._connects.append(self.waits.mono())
        async with connect(
            self._url,
            open_timeout=self.config.ws_open_timeout,
            user_agent_header=self.config.user_agent,
            family=socket.AF_INET if self.config.ipv4_only else socket.AF_UNSPEC,
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            max_size=16 * 2**20,
            logger=quiet,
        ) as ws:
            self._socket = ws
            try:
                await self.greet()
                await self._send({"type": "enable_heartbeat"})
                self.refused.clear()
                self._unacknowledged.clear()
                self._greeted = True
                await self._ask(_differences(self._wanted, {}))
                self._look_up()
                await self._read()
            finally:
                self._socket, self._greeted = None, False

    def _look_up(self) -> None:
        """The stream is up once every subscription is acknowledged: only then nothing more can be missed."""
        if self.up or self._unacknowledged:
            return
        self.up, self.problem = True, ""
        log.info("The %s stream is up", self.name, extra={"event": "delta_stream_up"})
        self._on_change(True)

    async def greet(self) -> None:
        """What has to happen before the first subscription; the private stream authenticates."""

    async def receive(self) -> Row:
        """The next frame, pinging into silence; raises StreamBroken when that stays unanswered."""
        if self._socket is None:
            raise StreamBroken("not connected")
        try:
            async with asyncio.timeout(self.config.ping_seconds):
                data = await self._socket.recv()
        except TimeoutError:
            await self._send({"type": "ping"})
            try:
                async with asyncio.timeout(max(self.config.silence_seconds - self.config.ping_seconds, 0.0)):
                    data = await self._socket.recv()
            except TimeoutError:
                raise StreamBroken(f"silent for {self.config.silence_seconds:g} s") from None
        frame = loads(data)
        if not isinstance(frame, dict):
            raise StreamBroken("a frame is not an object")
        self.frames += 1
        return frame

    async def _read(self) -> None:
        while True:
            frame = await self.receive()
            kind = frame.get("type")
            if kind == "subscriptions":
                self._acknowledged(frame)
            elif kind not in ("heartbeat", "pong"):
                self._take(frame)
            if self._unacknowledged and self.waits.mono() > self._ack_by:
                raise StreamBroken(f"no acknowledgement of {', '.join(sorted(self._unacknowledged))}")

    def _take(self, frame: Row) -> None:
        """Hand a frame on; one that makes no sense is named and left out, it does not take the stream down."""
        try:
            self._on_frame(frame)
        except (BadField, AttributeError, TypeError) as error:
            log.warning(
                "A frame of %s was left out: %s", frame.get("type"), error, extra={"event": "delta_frame_skipped"}
            )
            self.skipped(frame)

    def skipped(self, frame: Row) -> None:
        """A frame could not be read; the public streams come again by themselves."""

    def _acknowledged(self, frame: Row) -> None:
        channels = frame.get("channels")
        for channel in channels if isinstance(channels, list) else ():
            if not isinstance(channel, Mapping):
                continue
            name = str(channel.get("name", ""))
            self._unacknowledged.discard(name)
            if error := channel.get("error"):
                self.refused[name] = str(error)
                log.error("%s was refused: %s", name, error, extra={"event": "delta_channel_refused"})
            else:
                self.refused.pop(name, None)
        self._look_up()

    async def _ask(self, channels: list[dict[str, Any]]) -> None:
        if not channels:
            return
        self._unacknowledged.update(channel["name"] for channel in channels)
        self._ack_by = self.waits.mono() + self.config.ack_timeout
        await self._send({"type": "subscribe", "payload": {"channels": channels}})

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Send, if there is still somebody to send to; the reader finds out about a broken socket."""
        if self._socket is not None:
            await self._socket.send(json.dumps(message, separators=(",", ":")))

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one frame."""
        await self._send(message)

    def _down(self, why: str) -> None:
        was_up, self.up, self.problem = self.up, False, why
        log.warning("The %s stream is down: %s", self.name, why, extra={"event": "delta_stream_down"})
        if was_up:
            self._on_change(False)


def _differences(some: Mapping[str, tuple[str, ...]], others: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Channels of ``some``, with the symbols that ``others`` does not have."""
    channels: list[dict[str, Any]] = []
    for name, symbols in some.items():
        known = others.get(name)
        if not symbols:
            if known is None:
                channels.append({"name": name})
        elif fresh := [symbol for symbol in symbols if known is None or symbol not in known]:
            channels.append({"name": name, "symbols": fresh})
    return channels


def _throttled(error: Exception) -> bool:
    return isinstance(error, InvalidStatus) and error.response.status_code == 429


def _why(error: Exception) -> str:
    """The failure in words that carry no secret."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        waiting = ": too many connections; waiting five minutes or more" if status == 429 else ""
        return f"refused with HTTP {status}{waiting}"
    return str(error) if isinstance(error, StreamBroken) else f"{type(error).__name__}: {error}"[:200]
