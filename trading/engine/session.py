"""One session in the engine: its state, its requests in flight, its telemetry."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from trading.engine.looks import one_look
from trading.engine.orders import Actor, entry_refusal
from trading.engine.ports import (
    AccountSeen,
    Balance,
    LeaseLost,
    PnlSample,
    SessionSpec,
    SessionWrite,
    Store,
    Venue,
    VenueUnavailable,
    WriteRefused,
)
from trading.engine.recovery import recover
from trading.engine.tape_files import Tapes
from trading.engine.watch import Watch, write_failing, write_works
from trading.engine.witness import Witness
from trading.strategy.arming import armed_ids
from trading.strategy.codec import loads
from trading.strategy.decide import Decision, decide
from trading.strategy.events import Action, Event, Finish, Journal, LimitsSeen, Place, RuleResult, Tick
from trading.strategy.pnl import Totals
from trading.strategy.schedule import next_entry, trading_day
from trading.strategy.state import SessionState
from trading.strategy.types import ZERO, OrderIntent, Phase, Purpose

log = logging.getLogger("trading.engine")
WRITE_ATTEMPTS = 8
PATIENT_ATTEMPTS = 3
"""For what may be written down later while something is held: a stop must not wait for a locked database."""
WRITE_PAUSE_SECONDS = 0.2
HEAD_START_SECONDS = 0.02
"""How long armed exits have the loop to themselves before they are written down."""
TELL_ATTEMPT = 5


class History:
    """P&L over time for the chart: at most ``limit`` points, thinned by dropping every second one when full."""

    def __init__(self, limit: int = 160) -> None:
        self._limit = limit
        self._points: list[tuple[float, float, float | None]] = []
        self._stride = 1
        self._skipped = 0

    def add(self, sample: PnlSample) -> None:
        """Take a sample in; time as epoch seconds, profit and level in percent of the credit."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        level = None if sample.level_pct is None else float(sample.level_pct)
        self._points.append((sample.at.timestamp(), round(float(sample.net_pct), 3), level))
        if len(self._points) >= self._limit:
            self._points = self._points[::2]
            self._stride *= 2

    def points(self) -> list[tuple[float, float, float | None]]:
        """The points, oldest first."""
        return list(self._points)


class CannotDecide(Exception):
    """The strategy failed on an event: a bug, which must not keep the events behind it from being worked in."""


class SessionRunner:
    """Runs one session: feeds events to the strategy, commits, sends requests as tasks and takes their results in as
    events. ``leads`` says whether our lease surely has not lapsed: only then armed exits leave before their commit.
    """

    def __init__(
        self,
        spec: SessionSpec,
        *,
        venue: Venue,
        store: Store,
        mode: Callable[[], str],
        on_event: Callable[[], None],
        leads: Callable[[], bool],
        watch: Watch | None = None,
        tapes: Tapes | None = None,
    ) -> None:
        self.spec = spec
        self.venue = venue
        self.trace: tuple[RuleResult, ...] = ()
        self.totals: Totals | None = None
        self.balance: Balance | None = None
        self.history = History()
        self.versions = {"decisions": 0, "orders": 0}
        self.state = self._initial_state()
        self._store = store
        self._mode = mode
        self._on_event = on_event
        self._leads = leads
        self._watch = watch
        self._witness = Witness(spec, store, tapes)
        self._owed: deque[tuple[SessionWrite, tuple[Action, ...]]] = deque()
        self._ids_on_disk: frozenset[str] = frozenset()
        self._trouble: Exception | None = None
        self._refusals = 0
        self._written = False
        self._inbox: deque[Event] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sample_at: datetime | None = None
        self._sampled_phase: Phase | None = None
        self._sample_seconds = 5.0
        self._resumed: tuple[Action, ...] = ()
        self._actor = Actor(
            venue=venue,
            params=spec.params,
            strategy_id=spec.strategy_id,
            gate=self._gate,
            limits=self._limits,
        )

    def _initial_state(self) -> SessionState:
        if self.spec.state:
            return loads(SessionState, self.spec.state)
        plan = None
        if not self.spec.enter_now:
            plan = next_entry(self.spec.params, self.venue.now(), not_before_day=self.spec.not_before)
        return SessionState(
            strategy_id=self.spec.strategy_id,
            params=self.spec.params,
            phase=Phase.WAITING,
            enter_now=self.spec.enter_now,
            plan=plan,
        )

    @property
    def account_seen(self) -> AccountSeen | None:
        """The newest whole reading of the account that the session made for its own comparison."""
        return self._actor.seen

    @property
    def busy(self) -> bool:
        """Requests in flight or results not taken in."""
        return bool(self._tasks or self._inbox)

    async def begin(self, *, sample_seconds: float, samples: Sequence[PnlSample]) -> None:
        """Take the session up: fresh, or from its saved state by asking the venue first."""
        self._sample_seconds = sample_seconds
        for sample in samples:
            self.history.add(sample)
        if self.spec.state:
            self.state, self._resumed = recover(self.state, self.venue.now())
        self._witness.begin(self.state, self.venue.now())

    async def turn(self, token: int) -> None:
        """Take in what arrived, then let time pass."""
        self._trouble = await self._pay(token, 1 if self._trouble is not None else WRITE_ATTEMPTS)
        if self._resumed:
            await self._take_up(token)
        await self._arrive()
        while self._inbox:
            try:
                await self.feed(self._inbox[0], token)
            except CannotDecide:
                log.exception("An event was left out", extra={"event": "event_left_out"})
            self._inbox.popleft()
        await self.feed(Tick(self.venue.now()), token)
        self._dispatch(self._actor.owed())
        self._sample()
        news = self._witness.news(self.state, self.totals, self.venue.now())
        if news is not None and self._owed:
            self._owe(news)
        elif news is not None:
            await self._commit(news, token)

    async def _take_up(self, token: int) -> None:
        actions = self._resumed
        journal = tuple(a for a in actions if isinstance(a, Journal))
        await self._commit(self._witness.resumed(self.state, self.venue.now(), journal, token), token)
        self._resumed = ()
        self._actor.begin(actions)
        self._dispatch(actions)

    async def _arrive(self) -> None:
        """Queue what the venue streamed.

        An event leaves the queue only when it is worked in, so that a failed write loses nothing.
        """
        try:
            self._inbox.extend(one_look(await self.venue.poll()))
        except VenueUnavailable as error:
            log.warning("The venue could not be polled: %s", error, extra={"event": "venue_poll_failed"})

    async def feed(self, event: Event, token: int) -> None:
        """Decide on one event; what must not be forgotten is on disk before anything is sent.

        Closes that were armed on disk before leave at once, and the commit follows. What a database that cannot be
        written keeps owing while something is held does not keep the rules from being judged, as long as nothing new
        has to be sent. Raises CannotDecide, with nothing changed, for an event the strategy cannot work in.
        """
        if self._owed and self._trouble is None:
            self._trouble = await self._pay(token, WRITE_ATTEMPTS)
        if self._watch is not None:
            self._watch.saw(event)
        try:
            decision = decide(self.state, event)
        except Exception as error:
            self._witness.failed(self.state, event, error, token)
            raise CannotDecide(f"{type(event).__name__} while {self.state.phase.value}: {error}") from error
        armed = self._armed(decision) if decision.durable else ()
        waiting = tuple(action for action in decision.actions if action not in armed)
        if self._trouble is not None and not self._may_owe(decision, waiting):
            await self._pay_up(token)
        if armed:
            # A request takes several turns of the loop to leave; nothing else may hold it up meanwhile.
            await asyncio.wait(self._dispatch(armed), timeout=HEAD_START_SECONDS)
        write = self._witness.decided(self.state, event, decision, token)
        if armed and write is not None:
            self._owe(write, waiting)
        elif write is not None:
            await self._commit_or_owe(write, token, self._may_owe(decision, waiting))
        self._witness.stands()
        self.state = decision.state
        if decision.trace:
            self.trace, self.totals = decision.trace, decision.totals
        if not armed:
            self._dispatch(decision.actions)
        elif self._trouble is None:
            await self._pay_up(token)

    def _armed(self, decision: Decision) -> tuple[Action, ...]:
        """The closes of a decision that may leave before its commit: their ids are on disk, not only armed here."""
        ready = armed_ids(self.state)
        if self._owed:
            ready &= self._ids_on_disk
        closes = (a for a in decision.actions if isinstance(a, Place) and a.intent.client_order_id in ready)
        return tuple(closes) if ready and self._leads() else ()

    def _may_owe(self, decision: Decision, waiting: Sequence[Action]) -> bool:
        """Whether a decision may be written down later: something is guarded, and no order waits for the disk."""
        owed = (action for _, later in self._owed for action in later)
        return decision.state.held > 0 and not any(isinstance(action, Place) for action in (*waiting, *owed))

    async def _pay_up(self, token: int) -> None:
        """Pay, patiently; raises what keeps it from being done."""
        self._trouble = await self._pay(token, WRITE_ATTEMPTS)
        if self._trouble is not None:
            raise self._trouble

    async def _pay(self, token: int, attempts: int) -> Exception | None:
        """Commit what was decided before it was written down, in its order, and do what had to wait for that. What
        kept it from being written, if something did.
        """
        while self._owed:
            write, later = self._owed[0]
            try:
                await self._commit(write, token, attempts)
            except LeaseLost:
                raise
            except Exception as error:
                return error
            self._owed.popleft()
            self._dispatch(later)
        return None

    async def _commit_or_owe(self, write: SessionWrite, token: int, may_owe: bool) -> None:
        """Write at once; what may be owed is not waited for when the database does not take it."""
        if self._trouble is None:
            try:
                await self._commit(write, token, PATIENT_ATTEMPTS if may_owe else WRITE_ATTEMPTS)
                return
            except LeaseLost:
                raise
            except Exception as error:
                if not may_owe:
                    raise
                self._trouble = error
        self._owe(write)

    def _owe(self, write: SessionWrite, later: tuple[Action, ...] = ()) -> None:
        """Have ``write`` committed later, and ``later`` done after that; to be called before the state goes on."""
        if not self._owed:
            self._ids_on_disk = armed_ids(self.state)
        self._owed.append((write, later))

    async def _commit(self, write: SessionWrite, token: int, attempts: int = WRITE_ATTEMPTS) -> None:
        """Write, and keep trying while the database is busy: an intent that is not on disk is not sent.

        LeaseLost passes through at once.
        """
        for attempt in range(1, attempts + 1):
            try:
                await self._store.write(write, token=token)
                break
            except LeaseLost:
                raise
            except Exception as error:
                self._refusals += 1
                log.exception(
                    "Writing the ledger failed (attempt %d)", self._refusals, extra={"event": "ledger_write_failed"}
                )
                if self._refusals == TELL_ATTEMPT:
                    self._store.notice(write_failing(self.spec.session_id))
                if attempt == attempts or isinstance(error, WriteRefused):
                    raise
                await asyncio.sleep(WRITE_PAUSE_SECONDS)
        if self._refusals >= TELL_ATTEMPT or not self._written:
            # An earlier process may have told of a ledger that it could not write.
            self._store.notice(write_works(self.spec.session_id))
        self._refusals, self._written = 0, True
        self.versions["decisions"] += len(write.journal)
        self.versions["orders"] += len(write.intents) + len(write.orders) + len(write.fills)

    def _dispatch(self, actions: Sequence[Action]) -> set[asyncio.Task[None]]:
        started = set()
        for action in actions:
            if not isinstance(action, Journal | Finish):
                task = asyncio.create_task(self._carry_out(action))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                started.add(task)
        return started

    async def _carry_out(self, action: Action) -> None:
        try:
            self._inbox.extend(await self._actor.act(action))
        except Exception:
            log.exception("%s failed unexpectedly", type(action).__name__, extra={"event": "action_failed"})
        self._on_event()

    async def finish_requests(self, timeout: float | None = None) -> None:
        """Wait until the requests in flight have answered."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)

    def abandon(self) -> None:
        """Stop acting for this session at once: another worker has it."""
        for task in self._tasks:
            task.cancel()
        self.close()

    def close(self) -> None:
        """Nothing more is decided here: give the tape back, leave the last of the trace with the store."""
        self._witness.close()

    async def read_balance(self) -> None:
        """Refresh the account's cash for the risk panel; a failed read keeps the old figure."""
        try:
            self.balance = await self.venue.balance()
        except VenueUnavailable as error:
            log.warning("The balance could not be read: %s", error, extra={"event": "balance_read_failed"})

    async def _gate(self, intent: OrderIntent) -> str:
        """The choke point before every send. What reduces waits for no read; an entry asks for everything anew."""
        refusal = entry_refusal(intent, self._mode())
        if refusal or intent.purpose is not Purpose.ENTRY:
            return refusal
        try:
            return await self._entry_lock()
        except Exception as error:
            log.exception("Whether entries are allowed is not known", extra={"event": "entry_lock_unread"})
            return f"whether entries are allowed could not be read ({type(error).__name__})"

    async def _entry_lock(self) -> str:
        """Why nothing may be entered now: trading mode, lockouts, health gates; empty when all let it through."""
        mode = await self._store.trading_mode()
        if mode != "active":
            return f"Entries are locked: the trading mode is {mode}."
        locked = await self._store.entry_lock(self.spec.mode, trading_day(self.venue.now()))
        return locked or (self._watch.gates.refusal() if self._watch is not None else "")

    async def _limits(self) -> LimitsSeen:
        now = self.venue.now()
        facts = await self._store.day_facts(trading_day(now), self.spec.session_id)
        lock = await self._entry_lock()
        return LimitsSeen(now, facts.realised, facts.sessions, entries_allowed=not lock, refusal=lock)

    def _sample(self) -> None:
        """Note P&L now and then, and at every change of phase, so that a short session has its first and last point."""
        now, phase = self.venue.now(), self.state.phase
        turned = phase is not self._sampled_phase
        due = self._sample_at is None or now >= self._sample_at + timedelta(seconds=self._sample_seconds)
        point = self._point(now)
        if point is None or not (turned or due):
            return
        self._sample_at, self._sampled_phase = now, phase
        self.history.add(point)
        self._store.sample(self.spec.session_id, point)

    def _point(self, now: datetime) -> PnlSample | None:
        """P&L now: on cost to close while everything has a price, from the fills alone once all is closed."""
        state, totals = self.state, self.totals
        if state.credit and not state.held and state.phase is Phase.CLOSED:
            fees = sum((leg.fees for leg in state.legs), ZERO)
            net, gross = state.realised, state.realised + fees
        elif state.held and state.phase is Phase.LIVE and totals is not None and totals.complete:
            net, gross = totals.net, totals.gross
        else:
            return None
        return PnlSample(
            at=now,
            net=_cents(net),
            gross=_cents(gross),
            net_pct=_cents(net / state.credit * 100),
            level_pct=state.trail.level_pct,
            spot=state.spot,
        )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"))
