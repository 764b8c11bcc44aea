"""The venues that the suite is run against, and the same troubles in the words of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import Protocol, TypeVar

from trading.engine.ports import Venue
from trading.venues.acceptance.wire import SteppedWire
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.tests.support import SEED, SHARED_MARKET, START
from trading.venues.simulated.venue import SimulatedVenue

T = TypeVar("T")
DEPOSIT = Decimal(10_000)

# What goes wrong: in the words of the in-process venue, and in those of the wire.
TROUBLES = {
    "the answer is lost": ("timeout_after:count=1", "timeout_after:count=1"),
    "the request is lost": ("timeout_before:count=1", "timeout_before:count=1,method=POST,path=/v2/orders"),
    "the order is refused": (
        "reject:count=1,code=insufficient_margin",
        "reject:count=1,code=insufficient_margin",
    ),
    "the book is thin": ("partial:count=1,fraction=0.4", "partial:count=1,fraction=0.4"),
    "positions cannot be read": ("positions_fail:count=1", "server_error:count=3,path=/v2/positions"),
    "a minute without a line": ("disconnect:for=60", "server_error:for=60; private_drop; public_drop"),
    "fills are told twice": ("duplicate_fill", "duplicate_frames"),
    "fills are not told": ("lost_fill", "drop_frames:channel=v2/user_trades"),
}


class Desk(Protocol):
    """A venue under test, with the exchange behind it and the time of both."""

    exchange: SimulatedExchange

    @property
    def venue(self) -> Venue:
        """The connection under test."""
        ...

    async def open(self) -> None:
        """Connect, and wait until the venue is ready to trade."""
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...

    async def restart(self) -> None:
        """The worker is gone and another one connects to the same account."""
        ...

    async def step(self, seconds: float = 1.0) -> None:
        """Let time pass, and what follows from it arrive."""
        ...

    async def do(self, request: Awaitable[T]) -> T:
        """The result of a request, letting time pass when it waits for that."""
        ...

    def trouble(self, name: str) -> None:
        """Have something of ``TROUBLES`` go wrong from now on."""
        ...


def fresh_exchange() -> tuple[SimulatedExchange, ManualClock]:
    """An account with a deposit on the shared market, and its clock."""
    clock = ManualClock(START)
    config = SimulatedConfig(seed=SEED, start=START, balance=DEPOSIT)
    return SimulatedExchange(config, clock, market=SHARED_MARKET), clock


class InProcess:
    """The simulated venue, called directly."""

    def __init__(self) -> None:
        self.exchange, self._clock = fresh_exchange()
        self._faults = FaultPlan(self.exchange.now)
        self._venue = SimulatedVenue(self.exchange, self._faults)

    @property
    def venue(self) -> Venue:
        return self._venue

    async def open(self) -> None:
        await self._venue.connect()

    async def close(self) -> None:
        await self._venue.close()
        self.exchange.close()

    async def restart(self) -> None:
        await self._venue.close()
        self._venue = SimulatedVenue(self.exchange, self._faults)
        await self._venue.connect()

    async def step(self, seconds: float = 1.0) -> None:
        self._clock.advance(seconds)
        self.exchange.catch_up()

    async def do(self, request: Awaitable[T]) -> T:
        return await request

    def trouble(self, name: str) -> None:
        self._faults.inject(TROUBLES[name][0])


class OverTheWire:
    """The Delta client, talking to the simulator over loopback."""

    def __init__(self) -> None:
        self.exchange, clock = fresh_exchange()
        self._wire = SteppedWire(self.exchange, clock)

    @property
    def venue(self) -> Venue:
        return self._wire.venue

    async def open(self) -> None:
        await self._wire.open()
        await self._connect()

    async def _connect(self) -> None:
        await self._wire.venue.connect()
        for _ in range(100):
            if self._wire.venue.health().connected:
                return
            await self._wire.step(0.1)
        raise AssertionError(self._wire.venue.health().detail)

    async def close(self) -> None:
        await self._wire.close()

    async def restart(self) -> None:
        await self._wire.venue.close()
        self._wire.connect()
        await self._connect()

    async def step(self, seconds: float = 1.0) -> None:
        await self._wire.step(seconds)

    async def do(self, request: Awaitable[T]) -> T:
        task = asyncio.ensure_future(request)
        await self._wire.until_done({task})
        return task.result()

    def trouble(self, name: str) -> None:
        self._wire.fault(TROUBLES[name][1])


ADAPTERS: dict[str, type[InProcess] | type[OverTheWire]] = {"in process": InProcess, "over the wire": OverTheWire}
