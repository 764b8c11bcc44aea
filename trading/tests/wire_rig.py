"""The engine's rig with the Delta client and Delta's protocol between engine and exchange, in stepped time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trading.engine.runtime import Engine, EngineSettings
from trading.models import StrategySession
from trading.store import DjangoStore
from trading.tests.rig import MORNING, Rig
from trading.venues.acceptance.wire import SteppedWire

CHORES: Mapping[str, Any] = {"warm_seconds": 600.0, "products_seconds": 900.0}
"""Rarer than at the exchange: a day of ten-second steps would mostly be reading product lists."""


class WireRig(Rig):
    """A rig whose ``faults`` are the wire's. It serves and connects when the first session starts."""

    def __init__(
        self,
        *,
        seed: int = 7,
        start: datetime = MORNING,
        faults: str = "",
        path: str = ":memory:",
        owner: str = "rig",
        chores: Mapping[str, Any] = CHORES,
    ) -> None:
        super().__init__(seed=seed, start=start, path=path, owner=owner)
        self.wire = SteppedWire(self.exchange, self.clock, **chores)
        self.wire.fault(faults)
        self.owner = owner
        self.opened = False

    def over_the_wire(self) -> Engine:
        """An engine on the client of the moment."""
        self.store = DjangoStore()
        return Engine(
            store=self.store,
            venue_for=lambda _mode: self.wire.venue,
            owner=self.owner,
            settings=EngineSettings(lease_seconds=600, publish_seconds=60, command_poll_seconds=0.5, sample_seconds=60),
            wall=lambda: next(self.ticks) * 0.01,
        )

    async def start(self, *, now: bool = True, **changes: Any) -> StrategySession:
        """Serve and connect if that is still to be done; then as ever."""
        if not self.opened:
            await self.wire.open()
            self.engine, self.opened = self.over_the_wire(), True
        return await super().start(now=now, **changes)

    async def step(self, seconds: float = 1.0) -> None:
        """Move time on both ends, and let everything that follows at that moment arrive and be worked in."""
        await self.wire.step(seconds)
        await self.engine.step()
        while await self._moved():
            await self.engine.step()

    async def _moved(self) -> bool:
        """Wait for what is on its way; whether the engine has something to take in."""
        session = self.engine.session
        if session is not None and session.busy:
            await self.wire.until_done(set(session._tasks))
            return True
        await self.wire.calm()
        return session is not None and bool(self.wire.venue.link.inbox._events)

    async def close(self) -> None:
        """Give threads, ports and files back."""
        await self.engine.shut_down()
        await self.store.close()
        if self.opened:
            await self.wire.close()
        else:
            self.exchange.close()
