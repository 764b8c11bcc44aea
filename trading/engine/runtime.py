"""The engine: one loop that reads events, lets the strategy decide, commits, acts, and publishes.

One engine trades; the lease sees to that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from deltastrangle.logs import logging_context
from trading.engine.account import READ_SECONDS, AccountDesk
from trading.engine.archive import Archive
from trading.engine.cadence import EngineSettings as EngineSettings
from trading.engine.ports import LeaseLost, ModeUnavailable, PendingCommand, SessionSpec, Store, Venue, VenueHealth
from trading.engine.refusal import Stranded, holds_nothing, refused_session
from trading.engine.session import SessionRunner
from trading.engine.view import WorkerFacts, runtime_view
from trading.engine.watch import Watch, guarded, lease_held, lease_lost, stranded
from trading.strategy.events import Commanded, Order
from trading.strategy.types import Phase

log = logging.getLogger("trading.engine")
WATCH_SECONDS = 1.0
FAILURES_TOLD = 10
"""So many turns of a session must fail in a row until an operator is told that nobody guards it."""
LOADS_TRIED = 3
T = TypeVar("T")


class Engine:
    """Owns the lease and at most one session. ``wall`` is a monotonic clock in seconds, injected for tests.

    ``venue_for`` gives the venue of a mode or raises ModeUnavailable; ``speed_of`` its venue seconds per wall second,
    that of the settings unless given.
    """

    def __init__(
        self,
        *,
        store: Store,
        venue_for: Callable[[str], Venue],
        owner: str,
        speed_of: Callable[[str], float] | None = None,
        settings: EngineSettings | None = None,
        wall: Callable[[], float] = time.monotonic,
        watch: Watch | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.store = store
        self.owner = owner
        self.settings = settings or EngineSettings()
        self.archive = archive
        self.session: SessionRunner | None = None
        self.token: int | None = None
        self._venue_for = venue_for
        self._speed_of = speed_of or (lambda _mode: self.settings.speed)
        self._venue = venue_for("paper")
        self._wall = wall
        self._started = wall()
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._mode = "active"
        self._standing_by = False
        self._leads_until = float("-inf")
        self._telling: asyncio.Task[None] | None = None
        self._stranded: Stranded | None = None
        self._refused: dict[int, str] = {}
        self._unloaded = self._failures = 0
        self._failing = ""
        self._reading: asyncio.Task[None] | None = None
        self.desk = AccountDesk(
            store=store,
            venue_of=self._venue_of,
            session=lambda: self.session,
            token=lambda: self.token,
            wake=self._wake.set,
        )
        self._watch = watch

    @property
    def venue(self) -> Venue:
        """The venue of the running session, else the paper venue."""
        return self.session.venue if self.session is not None else self._venue

    def _venue_of(self, mode: str) -> Venue:
        """The venue of a mode: the session's own when it is that one. Raises ModeUnavailable."""
        session = self.session
        return session.venue if session is not None and session.spec.mode == mode else self._venue_for(mode)

    @property
    def stranded(self) -> str:
        """Why an open session that holds something has no venue in this process; empty when all is well."""
        return self._stranded.reason if self._stranded else ""

    def wake(self) -> None:
        """Have the loop look at its commands now."""
        self._due.pop("commands", None)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Step until ``stop`` is set; an error in one step is logged and the next step goes on.

        Ends by giving the lease up.
        """
        try:
            while not stop.is_set():
                try:
                    await self.step()
                except Exception:
                    log.exception("A step of the engine failed; going on", extra={"event": "engine_step_failed"})
                await self._rest(stop)
        finally:
            await self.shut_down()

    async def step(self) -> None:
        """One turn: the session's events, lease, commands, publication.

        While the lease surely holds, the market comes first: a quote does not wait for the database. A session that
        fails costs neither the lease nor the commands; its error is raised at the end.
        """
        try:
            turned = self.session if self._leads() else None
            failed = await self._try_session(turned) if turned is not None else None
            if await self._hold_lease():
                await self._work(turned)
        except LeaseLost:
            await self._lose_lease()
            return
        if failed is not None:
            raise failed

    async def _try_session(self, session: SessionRunner) -> Exception | None:
        """One turn of it, and what went wrong there; LeaseLost passes through."""
        try:
            await self._run_session(session)
        except LeaseLost:
            raise
        except Exception as error:
            self._failures += 1
            if self._failures == FAILURES_TOLD:
                self._failing = f"The session fails at every turn: {type(error).__name__}: {error}"[:250]
                self.store.notice(stranded(self._failing, session.spec.session_id))
            return error
        if self._failing:
            self.store.notice(guarded(session.spec.session_id))
        self._failures, self._failing = 0, ""
        return None

    async def _promptly(self, asked: Coroutine[Any, Any, T]) -> T:
        """An answer of the database, for which the market waits no longer than a sixth of the lease. TimeoutError then:
        it is asked again when it is due, and what comes late is let go.
        """
        task = asyncio.ensure_future(asked)
        done, _ = await asyncio.wait({task}, timeout=self.settings.lease_seconds / 6)
        if done:
            return task.result()
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise TimeoutError("The database does not answer in time; the market goes on.")

    def _leads(self) -> bool:
        """Whether the lease is ours for certain, by our own clock since the last renewal."""
        return self._wall() < self._leads_until

    async def _work(self, turned: SessionRunner | None) -> None:
        if self._is_due("commands", self.settings.command_poll_seconds):
            self._mode = await self._promptly(self.store.trading_mode())
            if self.session is None:
                await self._load_session()
            await self._obey_commands()
        await self._look_around()
        if self._is_due("account", READ_SECONDS):
            self.desk.look()
        await self.desk.complete()
        if self.session is not None and self.session is not turned:
            await self._run_session(self.session)
        if self.archive is not None:
            self.archive.look(self.session.spec.strategy_id if self.session is not None else None)
        self._publish()

    async def settle(self) -> None:
        """Step until no request is in flight (for tests and for a clean end)."""
        while self.desk.busy or (self.session is not None and self.session.busy):
            if self.session is not None:
                await self.session.finish_requests()
            await self.desk.finish()
            await self.step()
        await self._told()

    async def shut_down(self) -> None:
        """Wait shortly for requests in flight and give the lease up.

        An open session stays open: the next start resumes it.
        """
        if self.session is not None:
            await self.session.finish_requests(timeout=5.0)
            self.session.close()
        await self.desk.finish(timeout=5.0)
        await self._told()
        if self.archive is not None:
            await self.archive.done()
        if self.token is not None:
            await self.store.release_lease(self.owner)
            self.token = None

    async def _rest(self, stop: asyncio.Event) -> None:
        waits = [
            asyncio.ensure_future(w)
            for w in (self._wake.wait(), stop.wait(), self.venue.wait(self.settings.loop_seconds))
        ]
        # What is still waiting ends by itself, beside the next step: a quote does not wait for that.
        _, waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waiting:
            wait.cancel()
        self._wake.clear()

    def _is_due(self, name: str, seconds: float) -> bool:
        now = self._wall()
        if now < self._due.get(name, float("-inf")):
            return False
        self._due[name] = now + seconds
        return True

    async def _hold_lease(self) -> bool:
        renew = self.settings.lease_seconds / 3
        pause = renew if self.token is not None else min(renew, self.settings.command_poll_seconds)
        if not self._is_due("lease", pause):
            return self.token is not None
        asked = self._wall()
        token = await self._promptly(self.store.claim_lease(self.owner, self.settings.lease_seconds))
        self._leads_until = asked + self.settings.lease_seconds if token is not None else float("-inf")
        if token is None:
            await self._stand_by()
        elif token != self.token:
            await self._take_over(token)
        return self.token is not None

    async def _take_over(self, token: int) -> None:
        """Go on under a new token: with the session at hand when the lease had only lapsed and nobody had it in
        between (its requests in flight must not be forgotten), else from what is on disk.
        """
        lapsed = self.token is not None and token == self.token + 1
        self.token = token
        self._standing_by = False
        log.info("Engine lease held by %s (token %s)", self.owner, token, extra={"event": "lease_claimed"})
        self.store.notice(lease_held(self.owner))
        if not lapsed:
            self._drop_session()
            await self._venue.connect()
            await self._load_session()

    async def _lose_lease(self) -> None:
        log.error("The engine lease was lost to another worker; standing by", extra={"event": "lease_lost"})
        self._due["lease"] = self._wall() + self.settings.lease_seconds
        self.store.notice(lease_lost(self.owner))
        await self._stand_by()

    async def _stand_by(self) -> None:
        if not self._standing_by:
            holder = await self.store.lease_holder()
            log.warning("Standing by: the engine lease is held by %s", holder, extra={"event": "lease_standby"})
        self._standing_by = True
        self.token = None
        self.desk.abandon()
        self._drop_session()

    def _drop_session(self) -> None:
        if self.session is not None:
            self.session.abandon()
            self.session = None

    async def _load_session(self) -> None:
        spec = await self.store.open_session()
        if spec is None:
            self._stranded = None
            return
        try:
            venue = self._venue_for(spec.mode)
        except ModeUnavailable as error:
            await self._refuse(spec, str(error))
            return
        try:
            await self._take_up(spec, venue)
        except LeaseLost:
            raise
        except Exception as error:
            self._unloaded += 1
            if self._unloaded < LOADS_TRIED:
                raise
            if self._stranded is None:
                log.exception("%s cannot be taken up", spec.strategy_id, extra={"event": "session_not_loaded"})
            self._strand(spec, f"It cannot be taken up: {type(error).__name__}: {error}"[:250])

    async def _take_up(self, spec: SessionSpec, venue: Venue) -> None:
        """Have a session of this process. Raises what keeps it from being loaded."""
        await venue.connect()
        session = SessionRunner(
            spec,
            venue=venue,
            store=self.store,
            mode=lambda: self._mode,
            on_event=self._wake.set,
            leads=self._leads,
            watch=self._watch,
            tapes=self.archive.tapes if self.archive is not None else None,
        )
        await session.begin(
            sample_seconds=self.settings.sample_seconds, samples=await self.store.samples(spec.session_id)
        )
        self.session = session
        self._stranded, self._unloaded = None, 0
        self._failures, self._failing = 0, ""
        self.store.notice(guarded(spec.session_id))
        self._due.pop("account", None)

    async def _refuse(self, spec: SessionSpec, reason: str) -> None:
        """A session without a venue ends if it holds nothing; else it stays open, commands wait, and we say so."""
        if self.token is None:
            return
        if holds_nothing(spec):
            log.error("Session refused: %s", reason, extra={"event": "mode_refused", "strategy_id": spec.strategy_id})
            self._refused = {spec.session_id: reason}
            await self.store.write(refused_session(spec, reason, datetime.now(UTC)), token=self.token)
        else:
            self._strand(spec, reason)

    def _strand(self, spec: SessionSpec, reason: str) -> None:
        """Say that nobody guards it, once; it is tried again with the next look at the commands."""
        if self._stranded is None or self._stranded.reason != reason:
            self._stranded = Stranded(spec, reason)
            log.critical("Nobody guards %s: %s", spec.strategy_id, reason, extra={"event": "session_stranded"})
            self.store.notice(stranded(reason, spec.session_id))

    async def _run_session(self, session: SessionRunner) -> None:
        if self.token is None:
            return
        spec = session.spec
        with logging_context(strategy_id=spec.strategy_id, session_id=spec.session_id, mode=spec.mode):
            await session.turn(self.token)
        if session.state.phase is Phase.CLOSED and not session.busy:
            await self._session_closed(session)

    async def _session_closed(self, session: SessionRunner) -> None:
        log.info(
            "Session closed: %s",
            session.state.exit_reason,
            extra={"event": "session_closed", "strategy_id": session.spec.strategy_id},
        )
        session.close()
        if self.archive is not None:
            self.archive.pack(session.spec.strategy_id)
        self.session = None
        self._due.pop("commands", None)
        self._due.pop("publish", None)
        await self._obey_commands()
        if self.session is None:
            await self._load_session()

    async def _obey_commands(self) -> None:
        """Carry the waiting commands out; one that fails keeps none behind it (a panic, perhaps) from being obeyed."""
        pending = await self._promptly(self.store.pending_commands())
        for command in pending:
            try:
                await self._obey(command, overruled=any(_overrules(later, command) for later in pending))
            except LeaseLost:
                raise
            except Exception:
                log.exception("Command %s failed", command.command_id, extra={"event": "command_failed"})

    async def _obey(self, command: PendingCommand, *, overruled: bool) -> None:
        if self.session is None:
            await self._load_session()
        if self.desk.obey(command) or self._stranded:
            return
        session = self.session if self.session is not None and self.session.state.open else None
        match command.action:
            case "start":
                known = session is not None and session.spec.session_id == command.session_id
                result: dict[str, object] = {"accepted": known}
                if not known and command.session_id in self._refused:
                    result["error"] = self._refused[command.session_id]
                await self._settle(command, result, ok=known)
            case "stop" | "panic":
                order = (
                    Order.PANIC if command.action == "panic" else Order.HAND_OVER if command.leave_open else Order.STOP
                )
                await self._order(session, command, order)
                await self._settle(command, {"accepted": session is not None})
            case "restart" if overruled:
                await self._settle(command, {"error": "overruled by a later stop or panic"}, ok=False)
            case "restart":
                await self._restart(session, command)
            case _:
                log.error("Unknown command %s", command.action, extra={"event": "command_unknown"})
                await self._settle(command, {"error": f"unknown action {command.action}"}, ok=False)

    async def _settle(self, command: PendingCommand, result: dict[str, object], *, ok: bool = True) -> None:
        """Record what became of a command. LeaseLost when it is another worker's now."""
        await self.store.settle_command(command.command_id, ok=ok, result=result, token=self._held_token())

    def _held_token(self) -> int:
        if self.token is None:
            raise LeaseLost("no lease")
        return self.token

    async def _restart(self, session: SessionRunner | None, command: PendingCommand) -> None:
        """Close the old session first; the command stays pending until then, so a crash in between loses nothing."""
        if session is not None and session.spec.session_id == command.session_id:
            if session.state.exit_reason is None:
                await self._order(session, command, Order.STOP)
            return
        strategy_id = await self.store.reopen(command.command_id, token=self._held_token())
        await self._settle(command, {"strategy_id": strategy_id}, ok=bool(strategy_id))
        await self._load_session()

    async def _order(self, session: SessionRunner | None, command: PendingCommand, order: Order) -> None:
        if session is None or self.token is None:
            return
        event = Commanded(session.venue.now(), order, command.actor, command.reason)
        await session.feed(event, self.token)

    async def _look_around(self) -> None:
        """Judge the health gates and the venue's presence, and have an operator told of what changed."""
        if self._watch is None or not self._is_due("watch", WATCH_SECONDS):
            return
        session = self.session
        notices = self._watch.look(
            self.venue.health(),
            await self._promptly(self.store.health()),
            session.state if session is not None else None,
            now=self._wall(),
            mode=session.spec.mode if session is not None else "",
            session_id=session.spec.session_id if session is not None else None,
        )
        for notice in notices:
            self.store.notice(notice)

    def _publish(self) -> None:
        """Tell the world beside the trading: neither the balance nor the database holds a quote up."""
        if self.token is None or (self._telling is not None and not self._telling.done()):
            return
        if self._is_due("publish", self.settings.publish_seconds):
            self._telling = asyncio.create_task(self._tell())

    async def _told(self) -> None:
        if self._telling is not None:
            await asyncio.wait({self._telling})

    async def _tell(self) -> None:
        try:
            await self._publish_now()
        except Exception:
            log.exception("The runtime snapshot could not be published", extra={"event": "publish_failed"})

    async def _publish_now(self) -> None:
        session = self.session
        unread = session is not None and (self._reading is None or self._reading.done())
        if session is not None and unread and self._is_due("balance", self.settings.balance_seconds):
            self._reading = asyncio.create_task(session.read_balance())
        venue = self.venue
        facts = WorkerFacts(
            owner=self.owner,
            uptime_seconds=self._wall() - self._started,
            venue_name=venue.name,
            venue_now=venue.now(),
            wall_now=datetime.now(UTC),
            speed=self._speed_of(session.spec.mode if session is not None else "paper"),
            health=VenueHealth(False, self.stranded) if self._stranded else venue.health(),
            balance=session.balance if session is not None else None,
            trading_mode=self._mode,
        )
        if session is None:
            payload = runtime_view(facts, *(self._stranded.seen if self._stranded else (None, None)))
        else:
            payload = runtime_view(
                facts,
                session.spec,
                session.state,
                trace=session.trace,
                history=session.history.points(),
                versions=session.versions,
            )
        if self._failing:
            payload["attention"] = self._failing
        if self._watch is not None:
            payload["gates"] = self._watch.gates.view(self._wall())
        payload["account"] = {"version": self.desk.version}
        await self.store.publish(payload, owner=self.owner)


def _overrules(later: PendingCommand, command: PendingCommand) -> bool:
    """Whoever stops or panics after a restart was asked for does not want the new session."""
    return later.command_id > command.command_id and later.action in ("stop", "panic")
