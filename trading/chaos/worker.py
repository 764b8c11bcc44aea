"""A worker's life: the real engine, store and Delta client in a process of its own, in time that its driver steps.

The driver says over a socket what time it is; the worker does everything that follows at that moment and answers with
a report. It ends when its driver hangs up, or by its own hand (``trading.chaos.kill``).
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import httpx
from django.conf import settings
from django.db import connections

from trading.chaos.clockwork import Clockwork
from trading.chaos.kill import MortalStore, MortalVenue, Reaper, watched
from trading.chaos.plan import Point
from trading.chaos.replays import TAPES
from trading.engine.archive import Archive
from trading.engine.runtime import Engine, EngineSettings
from trading.engine.tape_files import Tapes
from trading.strategy.types import Phase
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.direct import SENT, Direct
from trading.venues.delta.stream import Waits

log = logging.getLogger("trading.chaos")
ANSWER_SECONDS: Final = 5.0
LONG_SECONDS: Final = 600.0
QUIET_TURNS: Final = 10
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Birth:
    """What a worker is told when it starts. ``folder`` holds its database, log and tapes; times are venue time."""

    folder: str
    life: int
    at: str
    rest: str
    sockets: str
    key: str
    secret: str
    underlying: str
    point: str = ""
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker stands at one moment. ``waiting`` requests have no answer yet; ``alarm`` is when something of its
    own wants to be woken (microseconds since 1970).
    """

    phase: str
    waiting: int
    guarding: bool
    settled: bool
    alarm: int | None
    changes: int


class SteppedHttp(Direct):
    """The network, except that the patience for an answer is venue time, and that one may die once a request left."""

    def __init__(self, time: Clockwork, reaper: Reaper) -> None:
        super().__init__()
        self.waiting = 0
        self.changes = 0
        self._time = time
        self._reaper = reaper

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and give up when ``ANSWER_SECONDS`` of venue time have passed."""
        sent = watched(self._reaper, request.method, request.url.path)
        if sent is not None:
            request.extensions[SENT] = sent
        self.waiting += 1
        self.changes += 1
        answer = asyncio.ensure_future(super().handle_async_request(request))
        patience = asyncio.ensure_future(self._time.sleep(ANSWER_SECONDS))
        try:
            await asyncio.wait({answer, patience}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise httpx.ReadTimeout("no answer in time", request=request)
        finally:
            self.waiting -= 1
            self.changes += 1
            patience.cancel()
            if not answer.done():
                answer.cancel()
                with suppress(asyncio.CancelledError, httpx.HTTPError):
                    await answer


class CountedStore(MortalStore):
    """A store that knows how many calls are under way in its thread."""

    def __init__(self, reaper: Reaper) -> None:
        super().__init__(reaper)
        self.under_way = 0
        self.changes = 0
        self.idle = asyncio.Event()

    async def _run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.under_way += 1
        self.changes += 1
        self.idle.clear()
        try:
            return await super()._run(call, *args, **kwargs)
        finally:
            self.under_way -= 1
            if not self.under_way:
                self.idle.set()


class Life:
    """One worker from birth to death."""

    def __init__(self, birth: Birth) -> None:
        point = Point(birth.point) if birth.point else None
        self.time = Clockwork(datetime.fromisoformat(birth.at))
        self.reaper = Reaper(point, birth.nth, reborn=birth.life > 0)
        self.http = SteppedHttp(self.time, self.reaper)
        self.venue = self._venue(birth)
        self.store = CountedStore(self.reaper)
        self.engine = Engine(
            store=self.store,
            venue_for=lambda _mode: self.venue,
            owner=f"chaos-{birth.life}",
            settings=EngineSettings(lease_seconds=60, publish_seconds=10, command_poll_seconds=0.5, sample_seconds=30),
            wall=self.time.mono,
            archive=Archive(Tapes(Path(birth.folder) / TAPES)),
        )
        self.reaper.state = self.phase
        self._step: asyncio.Task[None] | None = None

    def _venue(self, birth: Birth) -> MortalVenue:
        config = DeltaConfig(
            environment="custom",
            rest_url=birth.rest,
            ws_public_url=f"{birth.sockets}/public",
            ws_private_url=f"{birth.sockets}/private",
            api_key=birth.key,
            api_secret=birth.secret,
            underlyings=(birth.underlying,),
            products_seconds=LONG_SECONDS,
            read_timeout=LONG_SECONDS,
            connect_wait_seconds=LONG_SECONDS,
        )
        waits = Waits(mono=self.time.mono, sleep=self.time.sleep, jitter=lambda: 0.5)
        venue = MortalVenue(config, http=self.http, wall=self.time.wall, waits=waits)
        venue.reaper = self.reaper
        return venue

    def phase(self) -> str:
        """Phase of the session at hand; empty when there is none."""
        return self.engine.session.state.phase.value if self.engine.session is not None else ""

    async def at(self, moment: int) -> Report:
        """Let it be ``moment`` (microseconds since 1970), and do all that follows."""
        self.time.move_to(moment)
        await self._quiet()
        while True:
            before = self._changes()
            if self._step is None or self._step.done():
                if self._step is not None:
                    self._step.result()
                self._step = asyncio.ensure_future(self.engine.step())
            await self._quiet()
            if self._changes() == before:
                return self._report()

    async def _quiet(self) -> None:
        """Until nothing moves here any more: what is missing then is the other side's, or time's."""
        turns, before = 0, -1
        while turns < QUIET_TURNS:
            if self.store.under_way:
                await self.store.idle.wait()
            await asyncio.sleep(0)
            now = self._changes()
            turns, before = (turns + 1 if now == before and not self.store.under_way else 0), now

    def _changes(self) -> int:
        streams = (self.venue.market.stream, self.venue.account.stream)
        session = self.engine.session
        orders = session.versions["orders"] + session.versions["decisions"] if session is not None else 0
        return self.http.changes + sum(stream.frames for stream in streams) + orders

    def _report(self) -> Report:
        session = self.engine.session
        step = self._step is not None and not self._step.done()
        unsettled = session is not None and (session.busy or bool(session.state.unsettled))
        return Report(
            phase=self.phase(),
            waiting=self.http.waiting,
            guarding=not step and self._guarding(),
            settled=not step and not unsettled and self.http.waiting == 0,
            alarm=self.time.next_alarm(),
            changes=self._changes(),
        )

    def _guarding(self) -> bool:
        """The session is taken up, every open leg that still trades has a quote, and the venue told what was filled."""
        if self.engine.token is None:
            return False
        session = self.engine.session
        if session is None or session.state.phase is Phase.CLOSED or not session.state.legs:
            return True
        now = self.time.clock.now()
        held = [leg for leg in session.state.legs if leg.held and now < leg.instrument.settlement_at]
        quoted = all(leg.quote is not None for leg in held)
        return quoted and self.venue.fills_read > 0

    async def end(self) -> None:
        """Close what is open."""
        if self._step is not None:
            self._step.cancel()
        await self.engine.shut_down()
        await self.venue.close()
        await self.store.close()


def live(birth: Birth, driver: socket.socket) -> None:
    """Live a life; called in a forked process, with nothing open yet but ``driver``."""
    folder = Path(birth.folder)
    settings.TAPE_DIR = folder / TAPES
    connections.settings["default"]["NAME"] = str(folder / "ledger.sqlite3")
    _log_to(folder / "worker.log")
    try:
        asyncio.run(_live(birth, driver))
    except Exception:
        log.exception("Life %s ends by itself", birth.life)
        raise


async def _live(birth: Birth, driver: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=driver)
    life = Life(birth)
    began = time.monotonic()
    log.info("Life %s begins", birth.life)
    while line := await reader.readline():
        report = await life.at(int(line))
        said: dict[str, Any] = {**asdict(report), "wall": time.monotonic() - began}
        writer.write(json.dumps(said).encode() + b"\n")
        await writer.drain()
    await life.end()


def _log_to(path: Path) -> None:
    root = logging.getLogger()
    formatter = next((handler.formatter for handler in root.handlers if handler.formatter), None)
    file = logging.FileHandler(path)
    file.setFormatter(formatter)
    root.handlers[:] = [file]
