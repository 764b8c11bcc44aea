"""Everything that is connected: streams are made once and handed to whoever subscribed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from trading.venues.delta_server.faults import WireFault
from trading.venues.delta_server.private_feed import PrivateFeed
from trading.venues.delta_server.public_feed import PublicFeed
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session

log = logging.getLogger("trading.delta_server")
STEP_SECONDS = 0.05
PRIVATE = "private"
PUBLIC = "public"
DROPPED = 4011  # daphne sends no codes below 3000 but 1000


class Hub:
    """The open sessions and what feeds them."""

    def __init__(self, server: DeltaServer) -> None:
        self.server = server
        self.sessions: list[Session] = []
        self.private = PrivateFeed(server)
        self.public = PublicFeed(server)
        self._maintained = False

    async def run(self) -> None:
        """Step for ever."""
        while True:
            try:
                self.step()
            except Exception:  # a stream that died in silence would look like a quiet market
                log.exception("A step of the streams failed")
            await asyncio.sleep(STEP_SECONDS)

    def step(self) -> None:
        """One beat: late heartbeats, account changes, market frames, session timers, faults that drop sockets."""
        self.server.deadman.check()
        self._faults()
        self.pump_private()
        self.public.step(self._heard(PUBLIC))
        now = self.server.clocks.mono()
        for session in list(self.sessions):
            session.tick(now)

    def pump_private(self) -> None:
        """Tell the private sessions what happened to the account since the last time."""
        fills = self.private.step(session for session in self._heard(PRIVATE) if session.authenticated)
        self.public.own_trades(fills)

    def _heard(self, kind: str) -> list[Session]:
        sessions = [session for session in self.sessions if session.kind == kind]
        if kind == PUBLIC:
            sessions += [session for session in self.sessions if session.kind == PRIVATE]
        silent = WireFault.PUBLIC_SILENT if kind == PUBLIC else WireFault.PRIVATE_SILENT
        return [] if sessions and self.server.faults.peek(silent) else sessions

    def _faults(self) -> None:
        faults = self.server.faults
        for kind, fault in ((PRIVATE, WireFault.PRIVATE_DROP), (PUBLIC, WireFault.PUBLIC_DROP)):
            chosen = [session for session in self.sessions if session.kind == kind]
            if chosen and faults.take(fault):
                self.drop(chosen)
        if faults.take(WireFault.SEQ_RESET):
            self.private.reset_sequences()
            self.public.reset_sequences()
        down = faults.peek(WireFault.MAINTENANCE) is not None
        if down is not self._maintained:
            self._maintained = down
            self.public.announce(self.sessions, "maintenance_started" if down else "maintenance_finished", down=down)

    def drop(self, sessions: Iterable[Session], code: int = DROPPED) -> int:
        """Cut sessions off; returns how many."""
        dropped = list(sessions)
        for session in dropped:
            session.close(code)
        return len(dropped)
