"""Start-up is crash recovery: wherever the worker dies, the next one goes on with the same session, and ends flat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from django.db import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading.engine import session as engine_session
from trading.engine.ports import PnlSample, SessionWrite
from trading.models import OrderLedger, StrategySession
from trading.strategy.decide import Decision, decide
from trading.strategy.events import Event, PositionsRead
from trading.strategy.state import SessionState
from trading.strategy.types import Phase
from trading.tests.scene import Scene, WatchedStore, assert_settled, said

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = count(1)
ROUGH = (
    "partial:leg=call,purpose=entry,fraction=0.3,count=1;timeout_after:leg=put,purpose=entry,count=1;"
    "partial:leg=put,purpose=exit,fraction=0.5,count=1;timeout_after:leg=call,purpose=exit,count=1"
)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


class Death:
    """Kills the worker at the ``at``-th point (0: never): from then on nothing it began comes to anything."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0
        self.where = ""
        self.come = asyncio.Event()

    async def __call__(self, what: str) -> None:
        self.passed += 1
        if self.passed == self.at:
            self.where = what
            self.come.set()
        if self.come.is_set():
            await asyncio.Event().wait()


async def live_and_die(at: int, faults: str = "", downtime: float = 0.0) -> int:
    """A whole session whose worker dies at that point, stays down for a while and starts again; how many points a life
    without death has.
    """
    scene = Scene(faults=faults)
    death = Death(at)
    scene.point = death
    life = asyncio.create_task(scene.play(seconds=2, name=f"Rig {next(NUMBERS)}", max_hold_minutes=1))
    end = asyncio.create_task(death.come.wait())
    await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
    for task in (life, end):
        task.cancel()
    await asyncio.gather(life, end, return_exceptions=True)
    scene.point = nowhere
    if death.come.is_set():
        scene.clock.advance(downtime)
        await scene.restart()
        await scene.until_closed(seconds=2)
    session = await StrategySession.objects.alatest("id")
    try:
        await assert_settled(scene, session, naked_seconds=30 + downtime)
        assert await StrategySession.objects.filter(config_snapshot=session.config_snapshot).acount() == 1
        assert session.exit_reason == "time_exit" or (downtime and session.exit_reason == "entry_failed")
    except AssertionError as error:
        raise AssertionError(f"died at point {at} ({death.where}), down for {downtime} s: {error}") from error
    finally:
        await scene.close()
    return death.passed


async def nowhere(_what: str) -> None:
    """No death any more."""


@pytest.mark.parametrize("faults", ["", ROUGH], ids=["a calm session", "a rough session"])
async def test_it_survives_a_death_at_every_single_point_of(faults: str) -> None:
    """Before and after every write, every request and every read, of entry, live phase and exit."""
    points = await live_and_die(0, faults)
    assert points > 20
    for at in range(1, points + 1):
        await live_and_die(at, faults)


async def test_it_survives_a_death_and_some_time_without_a_worker() -> None:
    points = await live_and_die(0, ROUGH)
    for at in range(1, points + 1, 3):
        await live_and_die(at, ROUGH, downtime=20.0)


FAULTS = st.lists(
    st.sampled_from(
        [
            "timeout_before:leg=put,count=1",
            "timeout_after:leg=call,count=2",
            "timeout_after:count=3;lost_fill",
            "partial:leg=put,fraction=0.4,count=2",
            "partial:leg=call,purpose=exit,fraction=0,count=1",
            "duplicate_fill",
            "lost_fill:leg=call",
            "positions_fail:after=1,count=2",
            "reject:leg=put,count=1,code=unavailable",
            "reject_reduce_only:count=1",
        ]
    ),
    max_size=3,
    unique=True,
).map(";".join)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(faults=FAULTS, at=st.integers(1, 60), downtime=st.sampled_from([0.0, 3.0, 25.0]))
async def test_it_survives_a_death_anywhere_among_faults(faults: str, at: int, downtime: float) -> None:
    await live_and_die(at, faults, downtime)


async def test_a_restart_at_every_step_changes_nothing(scene: Scene) -> None:
    session = await scene.start(max_hold_minutes=3)
    for _ in range(40):
        if scene.engine.session is None:
            break
        await scene.restart()
        await scene.step(10)
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"
    assert len(scene.sent) == 4
    assert len(await said(session, "resumed")) >= 15


@pytest.mark.parametrize("what", ["place", "placed"])
@pytest.mark.parametrize("leg", ["CE-e1", "PE-e1", "CE-x1", "PE-x1"])
async def test_it_asks_what_became_of_an_order_that_was(scene: Scene, what: str, leg: str) -> None:
    """Committed but never sent (place), or accepted by the venue and the answer never read (placed)."""
    never = asyncio.Event()

    async def hold(point: str) -> None:
        if point.startswith(f"{what} ") and point.endswith(leg):
            await scene.hold(never)

    scene.point = hold
    await scene.configure(max_hold_minutes=2)
    await scene.ask("start", now=True, configuration_name="Rig")
    for _ in range(200):
        await scene.turn(1)
        if scene.held:
            break
    assert scene.held == 1
    session = await StrategySession.objects.aget()
    row = await OrderLedger.objects.aget(client_order_id__endswith=leg)
    assert row.status == "intent" or what == "placed"
    scene.point = nowhere
    await scene.restart()
    await scene.until_closed()
    await assert_settled(scene, session)
    await row.arefresh_from_db()
    assert row.status == ("closed" if what == "placed" else "rejected")
    assert [intent.client_order_id for intent in scene.sent].count(row.client_order_id) == (what == "placed")


async def test_minutes_without_a_worker_are_not_a_silence_of_the_venue(scene: Scene) -> None:
    session = await scene.start(max_hold_minutes=60, stale_quote_seconds=30, max_profit_pct="100", max_loss_pct="900")
    await scene.until_live()
    scene.clock.advance(600)
    await scene.restart()
    for _ in range(20):
        await scene.step()
        assert scene.phase is Phase.LIVE
    await scene.ask("stop")
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "stopped"


async def test_it_closes_at_once_when_the_exit_was_missed_while_nobody_was_there(scene: Scene) -> None:
    session = await scene.start(max_hold_minutes=5, max_profit_pct="100", max_loss_pct="900")
    await scene.until_live()
    scene.clock.advance(1200)
    await scene.restart()
    for _ in range(5):
        await scene.step()
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"


async def test_it_books_the_settlement_of_options_that_settled_while_nobody_was_there(scene: Scene) -> None:
    session = await scene.start(exit_time_ist="15:20")
    await scene.until_live()
    scene.clock.advance(2 * 86_400)
    await scene.restart()
    await scene.until_closed(seconds=2)
    await session.arefresh_from_db()
    assert session.exit_reason == "settlement"
    assert scene.exchange.positions() == []
    settled = {row.symbol: row.price async for row in session.settlements.all()}
    assert {leg.symbol: leg.exit_price async for leg in session.positions.all()} == settled
    assert await said(session, "closed_outside") == []


class LockedStore(WatchedStore):
    """A store whose database is locked for the next ``locked`` ledger writes and the next ``unread`` reads of samples;
    ``torn`` commits lose their answer.
    """

    locked = 0
    unread = 0
    torn = 0

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Write, unless it is locked."""
        if self.locked:
            self.locked -= 1
            raise OperationalError("database is locked")
        await super().write(write, token=token)
        if write.intents and self.torn:
            self.torn -= 1
            raise OperationalError("server closed the connection unexpectedly")

    async def samples(self, session_id: int) -> list[PnlSample]:
        """Read, unless it is locked."""
        if self.unread:
            self.unread -= 1
            raise OperationalError("database is locked")
        return await super().samples(session_id)


def locked_store(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> LockedStore:
    """The scene's engine on a store that can be locked, without pauses."""
    monkeypatch.setattr(engine_session, "WRITE_PAUSE_SECONDS", 0.0)
    store = LockedStore(scene)
    scene.engine.store = scene.store = store
    return store


async def patiently(scene: Scene, store: LockedStore, seconds: float = 1.0) -> None:
    """Steps that fail are followed by steps that do not, as in the engine's loop."""
    while store.locked or store.unread:
        try:
            await scene.step(seconds)
        except OperationalError:
            seconds = 0.0


@pytest.mark.parametrize("failures", [1, 5, 40])
async def test_nothing_is_sent_while_the_database_is_locked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    store = locked_store(scene, monkeypatch)
    session = await scene.start(now=False, max_hold_minutes=3)
    store.locked = failures
    await patiently(scene, store, seconds=301)
    await scene.until_live()
    await scene.ask("stop")
    store.locked = failures
    await patiently(scene, store)
    await scene.until_closed()
    await assert_settled(scene, session)
    assert len(scene.sent) == 4


async def test_a_commit_whose_answer_was_lost_is_not_done_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    store = locked_store(scene, monkeypatch)
    store.torn = 2
    session = await scene.play()
    await assert_settled(scene, session)
    assert store.torn == 0
    assert len(scene.sent) == 4


@pytest.mark.parametrize(("locked", "unread"), [(0, 3), (30, 0), (60, 2)])
async def test_a_locked_database_at_start_up_does_not_leave_the_session_unguarded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, locked: int, unread: int
) -> None:
    session = await scene.start(max_hold_minutes=3, stale_quote_seconds=30)
    await scene.until_live()
    await scene.kill()
    scene.engine = scene.new_engine()
    store = locked_store(scene, monkeypatch)
    store.locked, store.unread = locked, unread
    await patiently(scene, store)
    await scene.run(lambda: scene.engine.session is not None, seconds=0, limit=1000)
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"


async def test_a_daily_configuration_goes_on_although_the_worker_died_right_after_the_close(scene: Scene) -> None:
    session = await scene.start(max_hold_minutes=3, repeat="daily")
    await scene.until_live()
    death = Death(0)

    async def strike(what: str) -> None:
        if what == "written" and await StrategySession.objects.filter(pk=session.pk, status="stopped").aexists():
            death.come.set()
        if death.come.is_set():
            await asyncio.Event().wait()

    scene.point = strike
    life = asyncio.create_task(scene.until_closed(seconds=5))
    await death.come.wait()
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    scene.point = nowhere
    await scene.restart()
    assert scene.phase is Phase.WAITING
    assert scene.state.plan is not None
    assert scene.state.plan.day.isoformat() == "2026-09-05"
    await assert_settled(scene, session)


async def test_an_event_the_strategy_cannot_work_in_does_not_keep_the_others_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()

    failures: list[Event] = []

    def brittle(state: SessionState, event: Event) -> Decision:
        if isinstance(event, PositionsRead) and state.phase is Phase.LIVE:
            failures.append(event)
            raise ArithmeticError("a bug")
        return decide(state, event)

    monkeypatch.setattr(engine_session, "decide", brittle)
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"
    assert failures
