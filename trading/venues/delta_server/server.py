"""One exchange behind the wire: what all of its doors share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.types import Instrument
from trading.venues.delta_server.catalogue import Catalogue
from trading.venues.delta_server.clock import WallClocks
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.deadman import DeadMan
from trading.venues.delta_server.faults import WireFault, WirePlan
from trading.venues.delta_server.glass import Glass
from trading.venues.delta_server.limits import Limiter
from trading.venues.delta_server.signing import Doorman
from trading.venues.delta_server.wire import WireError, bad_schema, integer
from trading.venues.simulated.clock import SimulatedClock, micros
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.records import PositionRecord

_DEFAULT_SKEW = 3.0


@dataclass(frozen=True, slots=True)
class Lagging:
    """Positions as they were at ``taken`` (monotonic seconds)."""

    taken: float
    positions: tuple[PositionRecord, ...]


class DeltaServer:
    """The exchange, its rules for visitors and its faults. ``sleep`` waits wall seconds; clocks are injectable."""

    def __init__(
        self,
        exchange: SimulatedExchange,
        config: ServerConfig | None = None,
        *,
        clocks: WallClocks | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.exchange = exchange
        self.config = config or ServerConfig()
        self.clocks = clocks or WallClocks()
        self.sleep = sleep
        self.faults = WirePlan(self.clocks.mono)
        self.glass = Glass(exchange, self.faults)
        self.doorman = Doorman(self.config, self.signature_clocks)
        self.limiter = Limiter(self.config, self.clocks.mono)
        self.catalogue = Catalogue(exchange)
        self.deadman = DeadMan(exchange, self.config.quirks, self.clocks)
        self.leverages: dict[int, Decimal] = {}
        self._lagging: Lagging | None = None

    @property
    def speed(self) -> float:
        """Venue seconds per wall second."""
        clock = self.exchange.clock
        return clock.speed if isinstance(clock, SimulatedClock) else 1.0

    def skew(self) -> float:
        """Seconds that the server's clocks are ahead, by fault."""
        fault = self.faults.peek(WireFault.SKEW)
        if fault is None:
            return 0.0
        return _DEFAULT_SKEW if fault.seconds is None else fault.seconds

    def signature_clocks(self) -> tuple[float, ...]:
        """Unix seconds that a signature's timestamp may be close to; the first is told to the late."""
        skew = self.skew()
        wall = self.clocks.wall() + skew
        return (self.exchange.now().timestamp() + skew, wall) if self.speed == 1.0 else (wall,)

    def server_time(self) -> int:
        """The venue's time in microseconds since 1970, as ``/v2/settings`` tells it."""
        return micros(self.exchange.now()) + int(self.skew() * 1_000_000)

    def instrument(self, symbol: str) -> Instrument:
        """A live option; ``invalid_contract`` otherwise."""
        found = self.catalogue.find(symbol)
        if found is None:
            raise WireError(400, "invalid_contract", symbol=symbol)
        return found

    def product(self, product_id: object, symbol: object) -> Instrument:
        """The live option named by exactly one of id and symbol."""
        if (product_id is None) == (symbol is None):
            raise bad_schema("product_id", "give exactly one of product_id and product_symbol")
        if symbol is not None:
            return self.instrument(str(symbol))
        number = integer({"product_id": product_id}, "product_id")
        found = None if number is None else self.catalogue.by_id(number)
        if found is None:
            raise WireError(400, "invalid_contract", product_id=str(product_id))
        return self.instrument(found.symbol)

    def spot(self, underlying: str) -> Decimal:
        """The index now."""
        return self.exchange.market.spot(underlying, self.exchange.now())

    def lagging_positions(self) -> tuple[PositionRecord, ...]:
        """Positions that may be some seconds old, as ``/positions/margined`` serves them."""
        now = self.clocks.mono()
        if self._lagging is None or now - self._lagging.taken >= self.config.quirks.margined_lag_seconds:
            self._lagging = Lagging(now, tuple(self.exchange.positions()))
        return self._lagging.positions
