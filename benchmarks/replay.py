"""Events per second through ``decide`` on a recorded live session, P&L, ladder and all ten exit rules at every look.

``python -m benchmarks.replay [--events 40000] [--passes 5] [--profile]``: one process, one core, no database. The
session is recorded here with the simulated venue (seeded, so it is the same each time) on a real tape, whose replay
must give the same hash. Processor time is measured, so that others on the machine disturb less; the best pass counts.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tqdm import tqdm

from trading.engine.chain import Link, told
from trading.engine.looks import one_look
from trading.engine.orders import Actor
from trading.engine.replay import replay_tape
from trading.engine.tape import Recorder
from trading.engine.tape_files import Tapes
from trading.engine.tape_reader import Header, Line, read
from trading.strategy.codec import dumps, loads
from trading.strategy.decide import decide
from trading.strategy.events import Event, Finish, Journal, LimitsSeen, Tick
from trading.strategy.state import SessionState
from trading.strategy.types import OrderIntent, Phase, StrategyParams, TrailingRule
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.venue import SimulatedVenue

START = datetime(2026, 9, 4, 4, 0, tzinfo=UTC)
STRATEGY = "delta-strangle-benchmark"
STEP_SECONDS = 0.25
TENTHS = 10
PARAMS = StrategyParams(
    underlying="BTC",
    quantity=10,
    contract_size=Decimal("0.001"),
    trade_time_ist="09:30",
    exit_time_ist="15:20",
    max_loss_pct=Decimal(900),
    max_profit_pct=Decimal(100),
    delta_range_low=Decimal("0.08"),
    delta_range_high=Decimal("0.20"),
    trailing_rules=(TrailingRule(Decimal(96), Decimal(1)), TrailingRule(Decimal(99), Decimal(2))),
    leg_stop_multiple=Decimal(20),
    underlying_stop_pct=Decimal(30),
    delta_stop=Decimal(5),
    daily_loss_limit=Decimal(100_000),
)


@dataclass(frozen=True, slots=True)
class Pass:
    """Seconds of processor time of each tenth of the events, in order."""

    tenths: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The whole pass."""
        return sum(self.tenths)


async def record(tapes: Tapes, events: int) -> Path:
    """A session on tape until so many events came while it was live."""
    clock = ManualClock(START)
    exchange = SimulatedExchange(SimulatedConfig(seed=7, start=START, balance=Decimal(100_000)), clock=clock)
    venue = SimulatedVenue(exchange, FaultPlan(exchange.now))
    await venue.connect()

    async def gate(_intent: OrderIntent) -> str:
        return ""

    async def limits() -> LimitsSeen:
        return LimitsSeen(venue.now(), Decimal(0), 0)

    actor = Actor(venue=venue, params=PARAMS, strategy_id=STRATEGY, gate=gate, limits=limits)
    state = SessionState(STRATEGY, PARAMS, enter_now=True)
    recorder = Recorder(STRATEGY, Link(), tapes)
    recorder.begin(state, venue.now())
    live, answers = 0, list[Event]()
    with tqdm(total=events, desc="recording", unit="event") as bar:
        while live < events:
            arrived, answers = [*answers, *one_look(await venue.poll()), Tick(venue.now())], []
            for event in arrived:
                decision = decide(state, event)
                recorder.record(state, event, decision, 1, dumps(decision.state) if decision.durable else "")
                recorder.stands()
                state = decision.state
                for action in decision.actions:
                    if not isinstance(action, Journal | Finish):
                        answers += await actor.act(action)
                if state.phase is Phase.LIVE and type(event) is not Tick:
                    live += 1
                    bar.update()
            if state.phase is Phase.CLOSED:
                raise SystemExit(f"The session closed: {state.exit_detail}")
            clock.advance(STEP_SECONDS)
    recorder.close()
    exchange.close()
    path = tapes.find(STRATEGY)
    assert path is not None
    return path


def looks_of(path: Path) -> tuple[SessionState, list[tuple[Event, str]]]:
    """The state at the first live event, and from there every event with its text."""
    state: SessionState | None = None
    found: list[tuple[Event, str]] = []
    begun: SessionState | None = None
    for record_, _ in tqdm(read(path), desc="reading", unit="line"):
        if isinstance(record_, Header):
            state = loads(SessionState, record_.state)
        elif isinstance(record_, Line) and state is not None:
            event: Event = loads(Event, record_.event)
            if begun is None and state.phase is Phase.LIVE:
                begun = state
            if begun is None:
                state = decide(state, event).state
            else:
                found.append((event, record_.event))
    assert begun is not None
    return begun, found


def through_decide(state: SessionState, looks: Sequence[tuple[Event, str]]) -> Pass:
    """Decide on every event."""
    tenths = []
    for part in _tenths(looks):
        begun = time.process_time()
        for event, _ in part:
            state = decide(state, event).state
        tenths.append(time.process_time() - begun)
    return Pass(tuple(tenths))


def chained(state: SessionState, looks: Sequence[tuple[Event, str]]) -> Pass:
    """Decide on every event and take each decision into the chain, as a replay does."""
    link, tenths = Link(), []
    for part in _tenths(looks):
        begun = time.process_time()
        for event, text in part:
            decision = decide(state, event)
            state = decision.state
            link = link.after(text, told(decision, dumps(state) if decision.durable else ""))
        tenths.append(time.process_time() - begun)
    return Pass(tuple(tenths))


def recorded(state: SessionState, looks: Sequence[tuple[Event, str]], tapes: Tapes) -> Pass:
    """Decide on every event and put it on a tape, as the worker does."""
    recorder, tenths = Recorder("delta-strangle-again", Link(), tapes), []
    recorder.begin(state, START)
    for part in _tenths(looks):
        begun = time.process_time()
        for event, _ in part:
            decision = decide(state, event)
            recorder.record(state, event, decision, 1, dumps(decision.state) if decision.durable else "")
            recorder.stands()
            state = decision.state
        tenths.append(time.process_time() - begun)
    recorder.close()
    return Pass(tuple(tenths))


def _tenths(looks: Sequence[tuple[Event, str]]) -> list[Sequence[tuple[Event, str]]]:
    size = len(looks) // TENTHS
    return [looks[index * size : (index + 1) * size] for index in range(TENTHS)]


def _row(name: str, count: int, passes: Sequence[Pass]) -> str:
    best = min(passes, key=lambda found: found.seconds)
    first, last = (min(found.tenths[index] for found in passes) for index in (0, -1))
    return f"| {name} | {count / best.seconds:,.0f} | {best.seconds / count * 1e6:.1f} | {last / first:.2f} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Record, check the hash, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000, help="Live events to record.")
    parser.add_argument("--passes", type=int, default=5, help="Passes of each series; the best counts.")
    parser.add_argument("--profile", action="store_true", help="Show where the time goes instead.")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        tapes = Tapes(Path(directory), max_mb=10_000)
        path = asyncio.run(record(tapes, given.events))
        bar: tqdm[Any]
        with tqdm(total=path.stat().st_size, desc="replaying", unit="B", unit_scale=True) as bar:
            result = replay_tape(path, progress=lambda size: _moved(bar, size))
        state, looks = looks_of(path)
        count = len(looks) // TENTHS * TENTHS
        if given.profile:
            _profile(state, looks)
            return
        ways: dict[str, Callable[[], Pass]] = {
            "decide": lambda: through_decide(state, looks),
            "decide and hash": lambda: chained(state, looks),
            "decide, hash and tape": lambda: recorded(state, looks, tapes),
        }
        out = sys.stdout.write
        out(f"\n{count:,} live events, {path.stat().st_size / result.events:.0f} bytes each on the tape\n")
        out(f"replay: {'same hash' if result.same else 'DIFFERENT'} {result.hash}\n\n")
        out("| | events/s | µs an event | last tenth / first |\n|---|---:|---:|---:|\n")
        for name, way in ways.items():
            passes = [way() for _ in tqdm(range(given.passes), desc=name)]
            out(_row(name, count, passes) + "\n")
    if not result.same:
        sys.exit(1)


def _moved(bar: tqdm[Any], size: int) -> None:
    bar.update(size)


def _profile(state: SessionState, looks: Sequence[tuple[Event, str]]) -> None:
    profile: Any = cProfile.Profile()
    profile.enable()
    through_decide(state, looks)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
