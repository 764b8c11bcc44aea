"""A whole engine for tests: the real store on a real database, the simulated venue, a clock that moves when told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import F, Sum

from trading.engine.runtime import Engine, EngineSettings
from trading.models import FillLedger, SettlementLedger, StrategySession
from trading.services.configurations import create_configuration
from trading.services.control import request_control
from trading.store import DjangoStore
from trading.strategy.types import Phase
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.venue import SimulatedVenue

MORNING = datetime(2026, 9, 4, 3, 55, tzinfo=UTC)
"""09:25 IST on a Friday."""

DEMO: dict[str, Any] = {
    "name": "Rig",
    "underlying": "BTC",
    "quantity": 10,
    "contract_size": "0.001",
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "days_to_expiry": 1,
    "delta_range_low": "0.08",
    "delta_range_high": "0.20",
    "max_loss_pct": "60",
    "max_profit_pct": "40",
    "trailing_sl_enabled": False,
    "naked_leg_seconds": 30,
}


class Rig:
    """Engine, venue and database of one test. ``step`` moves venue time and lets the engine take everything in."""

    def __init__(
        self, *, seed: int = 7, start: datetime = MORNING, faults: str = "", path: str = ":memory:", owner: str = "rig"
    ) -> None:
        self.clock = ManualClock(start)
        self.config = SimulatedConfig(seed=seed, start=start, path=path, balance=Decimal(100_000))
        self.exchange = SimulatedExchange(self.config, clock=self.clock)
        self.faults = FaultPlan(self.exchange.now)
        self.faults.inject(faults)
        self.venue = SimulatedVenue(self.exchange, self.faults)
        self.opening_cash = self.exchange.balance().cash
        self.ticks = count()
        self.engine = self.new_engine(owner)

    def new_engine(self, owner: str = "rig", venue: SimulatedVenue | None = None) -> Engine:
        """Another engine on the same database and venue, as after a restart."""
        self.store = DjangoStore()
        return Engine(
            store=self.store,
            venue_for=lambda _mode: venue or self.venue,
            owner=owner,
            settings=EngineSettings(lease_seconds=600, publish_seconds=60, command_poll_seconds=0.5, sample_seconds=60),
            wall=lambda: next(self.ticks) * 0.01,
        )

    async def restart(self, owner: str = "rig") -> None:
        """The worker dies without a word and another one starts."""
        if self.engine.session is not None:
            self.engine.session.abandon()
        self.venue = SimulatedVenue(self.exchange, self.faults)
        self.engine = self.new_engine(owner)
        await self.step(0)

    async def close(self) -> None:
        """Give threads and files back."""
        await self.engine.shut_down()
        await self.store.close()
        self.exchange.close()

    async def configure(self, **changes: Any) -> int:
        """A saved configuration: the demo's values, changed."""
        created = await sync_to_async(create_configuration)(actor=None, values={**DEMO, **changes}, source="command")
        return created.pk

    async def ask(self, action: str, **options: Any) -> Any:
        """An operator's command; the engine sees it at its next step."""
        result = await sync_to_async(request_control)(actor=None, action=action, source="command", **options)
        self.engine.wake()
        return result

    async def start(self, *, now: bool = True, **changes: Any) -> StrategySession:
        """Configure, start, and let the engine take the session up."""
        configuration = await self.configure(**changes)
        asked = await self.ask("start", configuration_id=configuration, now=now)
        await self.step(0)
        return await StrategySession.objects.aget(pk=asked.session_id)

    async def step(self, seconds: float = 1.0) -> None:
        """Move venue time and let the engine take in everything that follows at that moment."""
        self.clock.advance(seconds)
        await self.engine.step()
        await self.engine.settle()

    async def run(self, until: Callable[[], bool], *, seconds: float = 1.0, limit: int = 100_000) -> None:
        """Step until ``until`` holds; AssertionError when it never does."""
        for _ in range(limit):
            if until():
                return
            await self.step(seconds)
        raise AssertionError(f"not reached in {limit} steps; the session is {self.phase}")

    @property
    def phase(self) -> Phase:
        """Phase of the running session; closed when there is none."""
        return self.engine.session.state.phase if self.engine.session is not None else Phase.CLOSED

    async def until_live(self) -> None:
        """Step until the strangle is sold."""
        await self.run(lambda: self.phase in (Phase.LIVE, Phase.CLOSED), limit=2000)

    async def until_closed(self, seconds: float = 1.0) -> None:
        """Step until no session is open."""
        await self.run(lambda: self.engine.session is None, seconds=seconds)


async def ledger_cash(session: StrategySession) -> Decimal:
    """Dollars that the session's fills and settlements moved: credits less debits less commissions."""
    cash = Decimal(0)
    legs = {leg.symbol: leg.contract_size async for leg in session.positions.all()}
    for ledger in (FillLedger, SettlementLedger):
        async for row in (
            ledger.objects.filter(session=session)
            .values("symbol", "side")
            .annotate(value=Sum(F("quantity") * F("price")), commission=Sum("commission"))
        ):
            signed = row["value"] if row["side"] == "sell" else -row["value"]
            cash += signed * legs[row["symbol"]] - row["commission"]
    return cash
