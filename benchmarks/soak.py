"""Thirty days in one process: a configuration that repeats daily, on the simulated venue, with stepped time.

Prints a row per day: memory of the process, growth of tape and database, how the day's session ended; and fails unless
every session closed and the memory is flat.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import django
from tqdm import tqdm

START: Final = datetime(2026, 9, 4, 3, 0, tzinfo=UTC)
IDLE_STEP: Final = 60.0
FLAT_SHARE: Final = 0.05
MEGABYTE: Final = 1_000_000
STRATEGY: Final[dict[str, Any]] = {
    "name": "Soak",
    "underlying": "BTC",
    "quantity": 10,
    "contract_size": "0.001",
    "repeat": "daily",
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "days_to_expiry": 1,
    "delta_range_low": "0.08",
    "delta_range_high": "0.20",
    "max_loss_pct": "200",
    "max_profit_pct": "90",
    "trailing_sl_enabled": True,
    "trailing_rules": {"0.50": 0.2, "0.70": 0.5},
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figures: bytes written on it, bytes of memory at its end, steps taken, sessions closed so far."""

    number: int
    memory: int
    tape: int
    packed: int
    database: int
    looks: int
    closed: int
    reason: str


def prepare(data: Path) -> None:
    """A platform of its own, empty and migrated."""
    from trading.chaos.run import PROJECT, environment_of

    os.environ.update(environment_of(data))
    command = [sys.executable, str(PROJECT / "manage.py"), "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(command, cwd=PROJECT, check=True)
    django.setup()


class Soak:
    """The engine with its store, its tapes and the simulated venue, as the worker has them."""

    def __init__(self, data: Path, step: float) -> None:
        from trading.engine.archive import Archive
        from trading.engine.runtime import Engine, EngineSettings
        from trading.engine.tape_files import Tapes
        from trading.store import DjangoStore
        from trading.venues.simulated.clock import ManualClock
        from trading.venues.simulated.config import SimulatedConfig
        from trading.venues.simulated.exchange import SimulatedExchange
        from trading.venues.simulated.venue import SimulatedVenue

        self.data = data
        self.step = step
        self.clock = ManualClock(START)
        config = SimulatedConfig(start=START, balance=Decimal(100_000), path=str(data / "exchange.sqlite3"))
        self.exchange = SimulatedExchange(config, self.clock)
        venue = SimulatedVenue(self.exchange)
        self.store = DjangoStore()
        self.engine = Engine(
            store=self.store,
            venue_for=lambda _mode: venue,
            owner="soak",
            settings=EngineSettings(lease_seconds=600, publish_seconds=30, command_poll_seconds=30, sample_seconds=30),
            wall=lambda: self.clock.now().timestamp(),
            archive=Archive(Tapes(data / "tapes")),
        )
        self.looks = 0

    async def begin(self) -> None:
        """Save the configuration and start it."""
        from asgiref.sync import sync_to_async

        from trading.services.configurations import create_configuration
        from trading.services.control import request_control

        configuration = await sync_to_async(create_configuration)(actor=None, values=dict(STRATEGY), source="command")
        await sync_to_async(request_control)(
            actor=None, action="start", configuration_id=configuration.pk, source="command"
        )

    async def day(self, number: int) -> Day:
        """Let a day pass."""
        tape, database = self._tape_bytes(packed=False), self._database_bytes()
        packed, looks, spent = self._tape_bytes(packed=True), self.looks, 0
        until = START + timedelta(days=number)
        while self.clock.now() < until:
            session = self.engine.session
            idle = session is None or session.state.phase.value == "waiting"
            self.clock.advance(IDLE_STEP if idle else self.step)
            await self.engine.step()
            await self.engine.settle()
            self.looks += not idle
            spent = max(spent, self._tape_bytes(packed=False) - tape) if self.looks % 100 == 0 else spent
        gc.collect()
        closed, reason = await self._closed()
        return Day(
            number=number,
            memory=memory(),
            tape=spent,
            packed=self._tape_bytes(packed=True) - packed,
            database=self._database_bytes() - database,
            looks=self.looks - looks,
            closed=closed,
            reason=reason,
        )

    async def end(self) -> None:
        """Give files and threads back."""
        await self.engine.shut_down()
        await self.store.close()
        self.exchange.close()

    async def _closed(self) -> tuple[int, str]:
        from trading.models import SessionStatus, StrategySession

        stopped = StrategySession.objects.filter(status=SessionStatus.STOPPED).order_by("-id")
        newest = await stopped.afirst()
        return await stopped.acount(), newest.exit_reason if newest is not None else ""

    def _tape_bytes(self, *, packed: bool) -> int:
        sizes = 0
        for path in (self.data / "tapes").glob("*.gz" if packed else "*.jsonl"):
            with suppress(FileNotFoundError):  # A tape is packed beside us when its session is over.
                sizes += path.stat().st_size
        return sizes

    def _database_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.data.glob("delta_strangle.sqlite3*"))


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def soak(data: Path, days: int, step: float) -> list[Day]:
    """Run the days, looking every ``step`` venue seconds while a session is on its way."""
    running, taken = Soak(data, step), []
    await running.begin()
    gc.freeze()
    try:
        for number in tqdm(range(1, days + 1), unit="day"):
            taken.append(await running.day(number))
    finally:
        await running.end()
    return taken


def table(days: Sequence[Day]) -> Iterator[str]:
    """The figures."""
    yield "| day | memory MB | tape MB | packed MB | database kB | looks | closed | ended by |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---|"
    for day in days:
        yield (
            f"| {day.number} | {day.memory / MEGABYTE:.1f} | {day.tape / MEGABYTE:.2f} | {day.packed / MEGABYTE:.2f} "
            f"| {day.database / 1000:.0f} | {day.looks} | {day.closed} | {day.reason} |"
        )
    first, last = thirds(days)
    yield ""
    growth = f"{last / first - 1:+.1%}"
    yield f"Memory, first third {first / MEGABYTE:.1f} MB, last third {last / MEGABYTE:.1f} MB ({growth})"


def thirds(days: Sequence[Day]) -> tuple[float, float]:
    """Mean memory in the first and in the last third of the days."""
    third = max(1, len(days) // 3)
    means = [sum(day.memory for day in part) / third for part in (days[:third], days[-third:])]
    return means[0], means[1]


def troubles(days: Sequence[Day]) -> Iterator[str]:
    """What is not as it must be."""
    first, last = thirds(days)
    if last > first * (1 + FLAT_SHARE):
        yield f"memory grew by {last / first - 1:.1%}"
    if days[-1].closed != len(days):
        yield f"{days[-1].closed} sessions closed in {len(days)} days"


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30, help="Days to run.")
    parser.add_argument("--step", type=float, default=10.0, help="Venue seconds from one look to the next.")
    given = parser.parse_args(argv)
    with TemporaryDirectory(prefix="soak-") as name:
        prepare(Path(name))
        days = asyncio.run(soak(Path(name), given.days, given.step))
    sys.stdout.write("\n".join(table(days)) + "\n")
    found = list(troubles(days))
    sys.stdout.write("".join(f"Wrong: {trouble}\n" for trouble in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
