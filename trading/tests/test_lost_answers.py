"""A commit that was done although its answer was lost: the ledger is written again, and everything is there once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError

from trading.engine.ports import OrderRecord, SessionRecord, SessionWrite, WriteRefused
from trading.models import Alert, DecisionRecord, EngineLease, OrderLedger, StrategySession
from trading.store import DjangoStore
from trading.strategy.events import Journal
from trading.strategy.types import OptionType, OrderIntent, OrderType, Phase, Purpose, Side, TimeInForce
from trading.tests.scene import Scene, assert_settled, nowhere

pytestmark = pytest.mark.django_db(transaction=True)
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}
ORDER = "ds1-PE-x1"


@pytest_asyncio.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """09:25 IST; nobody waits between two attempts to write."""
    monkeypatch.setattr("trading.engine.session.WRITE_PAUSE_SECONDS", 0)
    made = Scene()
    yield made
    await made.close()


def lose(monkeypatch: pytest.MonkeyPatch, *, found_only: bool) -> list[SessionWrite]:
    """Lose the answer of every write, or of the first that books an order it intends; what was lost."""
    real = DjangoStore.write
    lost: list[SessionWrite] = []

    async def write(self: DjangoStore, what: SessionWrite, *, token: int) -> None:
        await real(self, what, token=token)
        found = {i.client_order_id for i in what.intents} & {o.client_order_id for o in what.orders}
        if what in lost or (found_only and (lost or not found)):
            return
        lost.append(what)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(DjangoStore, "write", write)
    return lost


async def said_once(session: StrategySession) -> bool:
    """No line of the journal is there twice."""
    rows = [row async for row in DecisionRecord.objects.filter(session=session).values_list("at", "kind", "message")]
    return bool(rows) and len(rows) == len(set(rows))


async def test_a_session_whose_every_answer_is_lost_once_leaves_what_any_other_leaves(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose(monkeypatch, found_only=False)
    session = await scene.start(repeat="daily", max_hold_minutes=3, **CALM)
    next_one = lambda: scene.engine.session is not None and scene.engine.session.spec.session_id != session.pk  # noqa: E731
    await scene.run(next_one, limit=3600)
    assert any(write.intents for write in lost)
    assert await said_once(session)
    assert await StrategySession.objects.exclude(pk=session.pk).acount() == 1
    assert (await Alert.objects.aget(kind="exit")).count == 1
    await assert_settled(scene, session)


async def test_a_found_armed_exit_whose_booking_was_lost_does_not_hold_the_session_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await scene.start(**CALM, max_hold_minutes=300)
    await scene.until_live()
    await scene.step()
    await die_before_the_exit_is_written_down(scene)
    lost = lose(monkeypatch, found_only=True)
    await scene.restart()
    await scene.until_closed()
    assert len(lost) == 1
    assert await said_once(session)
    await assert_settled(scene, session)


async def die_before_the_exit_is_written_down(scene: Scene) -> None:
    """The leg stop fires, its close leaves, and the worker dies at the commit."""
    dead = asyncio.Event()

    async def die(what: str) -> None:
        if what == "write":
            dead.set()
            await asyncio.Event().wait()

    scene.point = die
    assert scene.engine.session is not None
    scene.engine.session.state = replace(
        scene.state, params=replace(scene.state.params, leg_stop_multiple=Decimal("0.01"))
    )
    step = asyncio.create_task(scene.engine.step())
    await asyncio.wait_for(dead.wait(), 5)
    for _ in range(50):
        await asyncio.sleep(0)
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    scene.point = nowhere


@pytest_asyncio.fixture
async def store(scene: Scene) -> AsyncIterator[DjangoStore]:
    """The store of a worker that has the lease, and does nothing with its session."""
    await scene.start(**CALM)
    made = DjangoStore()
    assert await made.claim_lease("rig", 600) == 1
    yield made
    await made.close()


def close(session: StrategySession, *, size: int = 10, code: str = "h1", reported: bool = True) -> SessionWrite:
    """A decision that intends a close, and books it at once when it is ``reported``."""
    intent = OrderIntent(
        client_order_id=ORDER,
        leg=OptionType.PUT,
        purpose=Purpose.EXIT,
        attempt=1,
        symbol="P-BTC-83200-050926",
        product_id=1,
        side=Side.BUY,
        size=size,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        limit_price=None,
        reduce_only=True,
    )
    record = SessionRecord(Phase.LIVE, "", None, None, None, {}, {}, ())
    orders = (OrderRecord(ORDER, "17", "closed", size, None, "", session.created_at),) if reported else ()
    return SessionWrite(session.pk, record, intents=(intent,), orders=orders, decision_hash=code, decision_count=7)


async def lapse(store: DjangoStore) -> int:
    """Our lease ran out and is claimed anew."""
    await EngineLease.objects.aupdate(expires_at=None)
    token = await store.claim_lease("rig", 600)
    assert token == 2
    return token


async def row() -> dict[str, Any]:
    return dict(await OrderLedger.objects.values("status", "fencing_token", "quantity").aget(client_order_id=ORDER))


async def test_an_id_is_never_used_for_anything_else(store: DjangoStore) -> None:
    session = await StrategySession.objects.aget()
    await store.write(close(session), token=1)
    with pytest.raises(WriteRefused):
        await store.write(close(session, size=9), token=1)
    assert await row() == {"status": "closed", "fencing_token": 1, "quantity": 10}


async def test_what_became_of_an_order_under_an_older_token_is_not_intended_by_another_decision(
    store: DjangoStore,
) -> None:
    session = await StrategySession.objects.aget()
    await store.write(close(session), token=1)
    token = await lapse(store)
    with pytest.raises(WriteRefused):
        await store.write(close(session, code="h2"), token=token)


@pytest.mark.parametrize(("reported", "code"), [(True, "h1"), (False, "h2")])
async def test_a_lease_that_lapsed_before_the_answer_came_does_not_keep_the_order_from_being_written(
    store: DjangoStore, reported: bool, code: str
) -> None:
    session = await StrategySession.objects.aget()
    await store.write(close(session, reported=reported), token=1)
    token = await lapse(store)
    await store.write(close(session, reported=reported, code=code), token=token)
    assert (await row())["fencing_token"] == 1


async def test_another_line_at_the_same_point_of_the_chain_is_kept(store: DjangoStore) -> None:
    session = await StrategySession.objects.aget()
    first = replace(close(session), at=session.created_at, journal=((session.created_at, Journal("one", "1")),))
    await store.write(first, token=1)
    await store.write(replace(first, journal=((session.created_at, Journal("tape", "stopped")),)), token=1)
    await store.write(first, token=1)
    rows = DecisionRecord.objects.filter(session=session, at=session.created_at).order_by("id")
    assert [kind async for kind in rows.values_list("kind", flat=True)] == ["one", "tape"]
