"""Runs one seed: exchange here, workers there, time in steps, until the session is over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trading.chaos.evidence import Death, Evidence, Recovery, Seen
from trading.chaos.ledger import NAME, RunLedger
from trading.chaos.plan import Cut, Plan
from trading.chaos.power import Remains
from trading.chaos.stage import KEY, SECRET, Stage
from trading.chaos.worker import Birth
from trading.chaos.zygote import Zygote
from trading.strategy.types import Side
from trading.venues.delta_server.faults import WireFault

SECOND: Final = 1_000_000
LIVE_STEP: Final = 10.0
LONG_ABSENCE: Final = 60 * SECOND
LONGEST_STEP: Final = 0.5
SHORTEST_STEP: Final = 0.05
PATIENCE_SECONDS: Final = 60.0
TURNS_A_MOMENT: Final = 2000
IN_FORCE: Final = {
    WireFault.SKEW,
    WireFault.MAINTENANCE,
    WireFault.PUBLIC_SILENT,
    WireFault.PRIVATE_SILENT,
    WireFault.STALE,
    WireFault.CROSSED,
    WireFault.ONE_SIDED,
}
"""Faults that hold for a time instead of striking once."""


class WorkerGone(Exception):
    """The worker hung up."""


@dataclass(slots=True)
class Line:
    """The connection to one worker, and its last report."""

    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    report: dict[str, Any]
    born_at: int
    born_wall: float
    struck: int = 0
    guarding: bool = False

    async def tell(self, moment: int) -> dict[str, Any]:
        """Let it be ``moment`` over there; the report of it. WorkerGone when nobody is there any more."""
        try:
            self.writer.write(b"%d\n" % moment)
            await self.writer.drain()
            said = await asyncio.wait_for(self.reader.readline(), PATIENCE_SECONDS)
        except ConnectionError:
            said = b""
        except TimeoutError:
            raise RuntimeError(f"the worker does not answer; its last report was {self.report}") from None
        if not said:
            raise WorkerGone
        self.report = json.loads(said)
        return self.report


class Driver:
    """One seed on its way. ``folder`` is empty and this run's own; ``template`` a migrated database."""

    def __init__(self, plan: Plan, folder: Path, zygote: Zygote, template: Path) -> None:
        self.plan = plan
        self.seen = Seen()
        self._folder = folder
        self._zygote = zygote
        self._ledger = RunLedger(folder, template)
        self._stage = Stage(plan, folder)
        self._line: Line | None = None
        self._lives = 0
        self._commands = list(plan.commands)
        self._cuts = list(plan.cuts)
        self._down_since: int | None = None
        self._restart_at = self._lapse_at = 0
        self._began = self._stage.time.now

    async def run(self) -> Evidence:
        """Run to the end and gather the evidence."""
        await asyncio.to_thread(self._ledger.begin, self.plan)
        await self._stage.open()
        try:
            self._stage.server.faults.inject("; ".join(self.plan.faults))
            await self._bear()
            while await self._goes_on():
                await self._next()
            await self._dismiss()
            self._note_struck()
            exchange = self._stage.exchange
            return Evidence(
                truth=exchange.truth(),
                pending=len(exchange.open_orders()),
                book=await asyncio.to_thread(self._ledger.read),
                seen=self.seen,
                quantity=self.plan.quantity,
                ended=self._stage.time.now,
            )
        finally:
            await self._dismiss()
            await self._stage.close()

    async def _goes_on(self) -> bool:
        if self._seconds() > self.plan.longest:
            self.seen.troubles.append(f"not over after {self.plan.longest:g} venue seconds")
            return False
        line = self._line
        if line is None or line.report.get("phase") or not line.report.get("guarding"):
            return True
        return await asyncio.to_thread(self._ledger.is_open)

    def _seconds(self) -> float:
        return (self._stage.time.now - self._began) / SECOND

    async def _next(self) -> None:
        """Settle this moment, then go on to the next one in which something may happen."""
        await self._due()
        try:
            if self._cuts and self._line is not None and self._seconds() >= self._cuts[0].after:
                await self._cut(self._cuts.pop(0), self._line)
            else:
                await self._settle()
        except WorkerGone:
            self._mourn()
        self._look()
        self._stage.move_to(self._moment())

    async def _due(self) -> None:
        """Commands, the end of a lease, the next life: what is to happen now."""
        now = self._stage.time.now
        while self._commands and self._seconds() >= self._commands[0].after:
            await asyncio.to_thread(self._ledger.ask, self._commands.pop(0).action)
        if self._lapse_at and now >= self._lapse_at:
            self._lapse_at = 0
            await asyncio.to_thread(self._ledger.lapse)
        if self._line is None and now >= self._restart_at:
            await self._bear()

    async def _settle(self) -> None:
        """Have both sides do all that follows at this moment."""
        stage, line = self._stage, self._line
        await stage.quiet()
        if line is None:
            return
        for _ in range(TURNS_A_MOMENT):
            before = stage.changes, line.report.get("changes")
            report = await line.tell(stage.time.now)
            await stage.quiet()
            answered = report["waiting"] <= stage.waiting
            if answered and (stage.changes, report["changes"]) == before:
                break
        else:
            raise RuntimeError(f"this moment never ends: {line.report}, {stage.waiting} waiting")
        self._note_guarding(line)

    def _note_guarding(self, line: Line) -> None:
        if line.guarding or not line.report["guarding"]:
            return
        line.guarding = True
        if self._down_since is not None:
            now = self._stage.time.now
            self.seen.down.append((self._down_since, now))
            self._down_since = None
            waited = (now - line.born_at) / SECOND
            hindered = self._hindered(line)
            self.seen.recoveries.append(Recovery(time.monotonic() - line.born_wall, waited, hindered))

    def _struck(self) -> int:
        return sum(armed.struck for armed in self._stage.server.faults.armed)

    def _hindered(self, line: Line) -> bool:
        """Whether a fault struck since this worker was born, or held at any moment of its life."""
        now = self._stage.time.mono()
        born = now - (self._stage.time.now - line.born_at) / SECOND
        if self._struck() > line.struck:
            return True
        for armed in self._stage.server.faults.armed:
            begins = armed.since + armed.spec.after
            ends = begins + armed.spec.duration if armed.spec.duration is not None else now
            if armed.spec.kind in IN_FORCE and begins <= now and ends >= born:
                return True
        return False

    def _moment(self) -> int:
        """The next moment: soon while something is under way, later while a live session is only guarded."""
        now, line = self._stage.time.now, self._line
        guarded = line is not None and line.report.get("phase") == "live" and line.report["settled"]
        if guarded or (line is None and self._restart_at - now > LONG_ABSENCE):
            step = LIVE_STEP
        else:
            alarms = [self._stage.time.next_alarm(), line.report.get("alarm") if line is not None else None]
            soonest = min((at for at in alarms if at is not None), default=now + SECOND)
            step = min(LONGEST_STEP, max(SHORTEST_STEP, (soonest - now) / SECOND))
        moments = [now + int(step * SECOND)]
        planned = [command.after for command in self._commands] + [cut.after for cut in self._cuts]
        moments += [self._began + int(after * SECOND) for after in planned]
        moments += [at for at in (self._lapse_at, self._restart_at if line is None else 0) if at]
        return min(moment for moment in moments if moment > now)

    async def _bear(self) -> None:
        kill = self.plan.kills[self._lives] if self._lives < len(self.plan.kills) else None
        now = self._stage.time.clock.now()
        birth = Birth(
            folder=str(self._folder),
            life=self._lives,
            at=now.isoformat(),
            rest=self._stage.rest,
            sockets=self._stage.sockets,
            key=KEY,
            secret=SECRET,
            underlying=str(self.plan.configuration["underlying"]),
            point=kill.point.value if kill else "",
            nth=kill.nth if kill else 0,
        )
        self._lives += 1
        wall = time.monotonic()
        pid, ours = self._zygote.bear(birth)
        reader, writer = await asyncio.open_connection(sock=ours)
        self._line = Line(pid, reader, writer, {}, self._stage.time.now, wall, self._struck())

    def _mourn(self) -> None:
        """The worker is gone: by its plan, or by a fault of its own."""
        line, self._line = self._line, None
        assert line is not None
        line.writer.close()
        signalled = self._zygote.bury(line.pid)
        kill = self.plan.kills[self._lives - 1 : self._lives]
        if signalled != signal.SIGKILL or not kill:
            raise RuntimeError(f"the worker died by itself ({signalled}); see worker.log")
        self._is_dead(line, kill[0].point.value, kill[0].restart_after, kill[0].lease_left)

    def _is_dead(self, line: Line, how: str, restart_after: float, lease_left: float) -> None:
        now = self._stage.time.now
        self.seen.deaths.append(Death(how, str(line.report.get("phase", "")), now))
        self._down_since = now if self._down_since is None else self._down_since
        self._restart_at = now + int(restart_after * SECOND)
        self._lapse_at = now + int(lease_left * SECOND)

    async def _cut(self, cut: Cut, line: Line) -> None:
        """The power fails in the midst of this moment's work, wherever the worker is by then."""
        settling = asyncio.ensure_future(self._settle())
        await asyncio.sleep(cut.delay)
        os.kill(line.pid, signal.SIGSTOP)
        remains = Remains(self._folder / NAME)
        os.kill(line.pid, signal.SIGKILL)
        with suppress(WorkerGone):
            await settling
        self._line = None
        line.writer.close()
        self._zygote.bury(line.pid)
        remains.suffer(cut.loss, random.Random(f"{self.plan.seed} {cut.after}"))
        remains.put_back()
        if damage := remains.damage():
            self.seen.troubles.append(f"after a power cut: {damage}")
        self._is_dead(line, f"power cut, {cut.loss.value} lost", cut.restart_after, 0.1)

    async def _dismiss(self) -> None:
        """End the worker in peace; the exchange answers its last requests."""
        line, self._line = self._line, None
        if line is None:
            return
        line.writer.close()
        signalled = await asyncio.to_thread(self._zygote.bury, line.pid)
        if signalled:
            self.seen.troubles.append(f"the worker ended with {signalled}")

    def _look(self) -> None:
        """Contracts short plus contracts that resting sell orders could still add, at most, per symbol."""
        resting: dict[str, int] = {}
        for order in self._stage.exchange.open_orders():
            if order.side is Side.SELL:
                resting[order.symbol] = resting.get(order.symbol, 0) + order.unfilled
        short = {position.symbol: -position.size for position in self._stage.exchange.positions()}
        for symbol in {*resting, *short}:
            exposed = short.get(symbol, 0) + resting.get(symbol, 0)
            self.seen.most[symbol] = max(self.seen.most.get(symbol, 0), exposed)

    def _note_struck(self) -> None:
        now = self._stage.time.mono()
        for armed in self._stage.server.faults.armed:
            in_force = armed.spec.kind in IN_FORCE and now >= armed.since + armed.spec.after
            name = armed.spec.kind.value
            self.seen.struck[name] = self.seen.struck.get(name, 0) + max(armed.struck, int(in_force))
