"""The platform's own path: the engine with its store and the Delta client, session after session."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async
from tqdm import tqdm

from benchmarks.floors import Breach
from benchmarks.stamps import StampedDirect, Stamps
from trading.engine.ports import SessionWrite
from trading.engine.runtime import Engine, EngineSettings
from trading.services.configurations import create_configuration
from trading.services.control import request_control
from trading.store import DjangoStore
from trading.strategy.types import ExitReason, Phase
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.venue import DeltaVenue
from trading.worker import build_archive, settle_interpreter

STRATEGY: dict[str, Any] = {
    "underlying": "BTC",
    "quantity": 10,
    "contract_size": "0.001",
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "days_to_expiry": 1,
    "delta_range_low": "0.08",
    "delta_range_high": "0.20",
    "max_loss_pct": "1000",
    "max_profit_pct": "100",
    "leg_stop_multiple": "1.5",
    "trailing_sl_enabled": False,
}


class TimedStore(DjangoStore):
    """The store, with the seconds that the newest commit of intents took."""

    commit_seconds = 0.0

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Commit."""
        began = time.perf_counter()
        await super().write(write, token=token)
        if write.intents:
            self.commit_seconds = time.perf_counter() - began


async def until(look: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until ``look`` is true; TimeoutError, with what was waited for, when it never is."""
    try:
        async with asyncio.timeout(seconds):
            while not look():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"not {what} within {seconds} s") from None


@contextlib.asynccontextmanager
async def running(config: DeltaConfig, stamps: Stamps, name: str) -> AsyncIterator[tuple[Engine, TimedStore, int]]:
    """An engine at work, its store, and the configuration to start."""
    store = TimedStore()
    venue = DeltaVenue(config, http=StampedDirect(stamps))
    engine = Engine(
        store=store,
        venue_for=lambda _mode: venue,
        owner="benchmark",
        settings=EngineSettings(),
        archive=build_archive(),
    )
    saved = await sync_to_async(create_configuration)(actor=None, values={**STRATEGY, "name": name}, source="command")
    stop = asyncio.Event()
    settle_interpreter()
    work = asyncio.create_task(engine.run(stop))
    try:
        await until(lambda: venue.health().connected, "connected")
        yield engine, store, saved.pk
    finally:
        stop.set()
        await work
        await venue.close()
        await store.close()


async def one_session(engine: Engine, configuration: int, stamps: Stamps, breach: Breach) -> tuple[float, float]:
    """Sell a strangle, breach the call's stop; seconds from arrival to the first order's last byte, and between the
    two orders' last bytes.
    """
    await sync_to_async(request_control)(
        actor=None, action="start", source="command", configuration_id=configuration, now=True
    )
    engine.wake()
    await until(lambda: engine.session is not None and engine.session.state.phase is Phase.LIVE, "live")
    session = engine.session
    assert session is not None
    await until(lambda: all(leg.quote is not None for leg in session.state.legs) and not session.busy, "quotes")
    await asyncio.sleep(0.7)
    while session.state.phase is Phase.LIVE:
        # A quote that is replaced within the same look is not seen; then another one breaches.
        await breach(session.state.legs[0].instrument.symbol)
        with contextlib.suppress(TimeoutError):
            await until(lambda: session.state.phase is not Phase.LIVE, "leaving", 1.0)
    await until(lambda: engine.session is None, "closed")
    if session.state.exit_reason is not ExitReason.LEG_STOP:
        raise RuntimeError(f"ended by {session.state.exit_reason}: {session.state.exit_detail}")
    return stamps.sent[0] - stamps.arrived, stamps.sent[1] - stamps.sent[0]


async def through_the_engine(
    config: DeltaConfig, stamps: Stamps, breach: Breach, count: int, name: str
) -> dict[str, list[float]]:
    """Of ``count`` sessions, in seconds: reactions, the commit within them, and leg gaps."""
    taken: dict[str, list[float]] = {"engine": [], "its commit": [], "leg gap": []}
    async with running(config, stamps, name) as (engine, store, configuration):
        for _ in tqdm(range(count), desc="engine"):
            reaction, gap = await one_session(engine, configuration, stamps, breach)
            for series, value in zip(taken.values(), (reaction, store.commit_seconds, gap), strict=True):
                series.append(value)
    return taken
