"""One socket: what it may hear, what it asked for, and what waits to be sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Final

from trading.venues.delta_server.catalogue import matches
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.faults import WireCall, WireFault, WirePlan
from trading.venues.delta_server.wire import Json

HEARTBEAT: Final = json.dumps({"type": "heartbeat"})
_MOST_QUEUED: Final = 20_000
_FRAME_FAULTS: Final = (WireFault.DROP_FRAMES, WireFault.DUPLICATE_FRAMES, WireFault.REORDER_FRAMES)


class Session:
    """State of one connection. Frames go into ``outbox``; None in it ends the connection with ``close_code``."""

    def __init__(self, kind: str, client: str, config: ServerConfig, faults: WirePlan, now: float) -> None:
        self.kind = kind
        self.client = client
        self.authenticated = False
        self.heartbeats = False
        self.subscriptions: dict[str, list[str]] = {}
        self.outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self.close_code = 1000
        self.closed = False
        self.sent: dict[tuple[str, str], tuple[object, float]] = {}
        self.fresh: set[str] = set()
        self._config = config
        self._faults = faults
        self._opened = now
        self._beaten = now
        self._held: str | None = None

    def put(self, frame: str, channel: str = "") -> None:
        """Queue a frame; faults may lose, repeat or delay those of a channel."""
        if self.closed:
            return
        if self.outbox.qsize() > _MOST_QUEUED:
            self.close(4008)
            return
        frames = self._struck(frame, channel) if channel and self._faults.armed else [frame]
        for ready in frames:
            self.outbox.put_nowait(ready)

    def _struck(self, frame: str, channel: str) -> Iterable[str]:
        call = WireCall(channel=channel)
        drop, duplicate, reorder = (self._faults.take(kind, call) for kind in _FRAME_FAULTS)
        if drop:
            return []
        frames = [frame, frame] if duplicate else [frame]
        if reorder and self._held is None:
            self._held = frame
            return []
        if self._held is not None:
            frames, self._held = [*frames, self._held], None
        return frames

    def say(self, message: Json) -> None:
        """Queue a message of the protocol itself."""
        self.put(json.dumps(message, separators=(",", ":")))

    def close(self, code: int = 1000) -> None:
        """End the connection once what is queued is out."""
        if not self.closed:
            self.closed, self.close_code = True, code
            self.outbox.put_nowait(None)

    def tick(self, now: float) -> None:
        """Heartbeats, and the end of those who never subscribe. ``now`` is monotonic seconds."""
        if self.heartbeats and now - self._beaten >= self._config.heartbeat_seconds:
            self._beaten = now
            self.put(HEARTBEAT)
        if not self.subscriptions and not self.authenticated and now - self._opened >= self._config.socket_idle_seconds:
            self.close(1000)

    def enable_heartbeats(self, now: float) -> None:
        """Beat from now on."""
        self.heartbeats, self._beaten = True, now

    def subscribe(self, channel: str, tokens: Iterable[str]) -> None:
        """Hear ``channel`` for these tokens, too."""
        held = self.subscriptions.setdefault(channel, [])
        held.extend(token for token in tokens if token not in held)
        self.fresh.add(channel)

    def unsubscribe(self, channel: str, tokens: Iterable[str]) -> None:
        """Hear ``channel`` no more for these tokens, or at all when none are named."""
        named = list(tokens)
        held = self.subscriptions.get(channel, [])
        left = [token for token in held if named and token not in named]
        if left:
            self.subscriptions[channel] = left
        else:
            self.subscriptions.pop(channel, None)
        self.sent = {key: value for key, value in self.sent.items() if key[0] != channel}

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether a frame of ``channel`` about an option concerns this session."""
        return any(matches(token, symbol) for token in self.subscriptions.get(channel, ()))
