"""A snapshot for every session that ends, whatever ends it."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from rest_framework.test import APIClient

from analytics import services
from analytics.models import SessionSnapshot
from analytics.receivers import record_closed_session
from analytics.tests.rows import ENTERED, closed, configuration
from deltastrangle.signals import session_closed
from trading.models import PositionLedger, StrategySession
from trading.services.control import cleanup_sessions
from trading.tests import factories_control as make
from trading.tests.rig import Rig
from trading.tests.session_rows import finished_session


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["stop", "panic"])
async def test_the_worker_records_the_end_of_a_session(command: str) -> None:
    rig = Rig()
    session = await rig.start()
    await rig.until_live()
    await rig.ask(command)
    await rig.until_closed()
    paid = rig.exchange.balance().cash - rig.opening_cash
    await rig.close()
    snapshot = await SessionSnapshot.objects.aget(session=session)
    assert snapshot.exit_reason == {"stop": "stopped", "panic": "panic_close"}[command]
    assert snapshot.cash == paid


@pytest.mark.django_db(transaction=True)
async def test_a_rule_that_ends_a_session_has_it_recorded_with_its_path() -> None:
    rig = Rig()
    session = await rig.start(max_hold_minutes=30)
    await rig.until_closed(20)
    await rig.close()
    snapshot = await SessionSnapshot.objects.aget(session=session)
    assert (snapshot.exit_reason, snapshot.traded) == ("time_exit", True)
    assert snapshot.theta_pnl > 0
    assert snapshot.slippage <= 0


@pytest.mark.django_db(transaction=True)
async def test_a_worker_killed_between_the_end_and_its_record_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill -9 just after the commit that closed the session: the signal is never sent."""
    monkeypatch.setattr(session_closed, "receivers", [])
    session_closed.sender_receivers_cache.clear()
    rig = Rig()
    session = await rig.start()
    await rig.until_live()
    await rig.ask("stop")
    await rig.until_closed()
    await rig.close()
    monkeypatch.undo()
    session_closed.sender_receivers_cache.clear()
    assert not await SessionSnapshot.objects.filter(session=session).aexists()
    later = Rig(owner="after")
    await later.start(name="Later")
    await later.until_live()
    await later.ask("stop")
    await later.until_closed()
    await later.close()
    assert await SessionSnapshot.objects.filter(session=session).aexists()


@pytest.mark.django_db(transaction=True)
async def test_an_analytics_that_fails_does_not_touch_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_ids: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("analytics.receivers.record_sessions", fail)
    rig = Rig()
    session = await rig.start()
    await rig.until_live()
    await rig.ask("stop")
    await rig.until_closed()
    await rig.close()
    await session.arefresh_from_db()
    assert session.status == "stopped"


@pytest.mark.django_db
def test_a_session_that_was_cleaned_up_is_recorded_by_the_next_reader(api: APIClient) -> None:
    session = make.session()
    cleanup_sessions(actor=make.user())
    api.get("/api/analytics/history")
    snapshot = SessionSnapshot.objects.get(session=session)
    assert (snapshot.exit_reason, snapshot.traded, snapshot.net) == ("no_entry", False, 0)


@pytest.mark.django_db
def test_recording_again_changes_nothing_but_what_changed() -> None:
    session = closed(configuration(), "3.75")
    for _ in range(2):
        record_closed_session(None, session.pk)
    assert SessionSnapshot.objects.get().net == Decimal("3.75")
    PositionLedger.objects.update(realized_pnl="3.80")
    record_closed_session(None, session.pk)
    assert SessionSnapshot.objects.get().net == Decimal("3.80")


@pytest.mark.django_db
def test_an_open_session_is_not_recorded() -> None:
    session = make.session()
    record_closed_session(None, session.pk)
    assert not SessionSnapshot.objects.exists()


@pytest.mark.django_db
def test_the_figures_of_a_finished_session() -> None:
    session = finished_session(make.configuration())
    services.record_sessions([session.pk])
    row = SessionSnapshot.objects.get()
    assert (row.credit, row.net, row.fees, row.cash) == (
        Decimal("46.55"),
        Decimal("16.59384"),
        Decimal("1.08616"),
        Decimal("16.59384"),
    )
    assert (row.best, row.worst, row.hold_seconds, row.remark) == (Decimal("19.2"), Decimal("-3.1"), 8040, "")
    assert (row.weekday, row.entry_hour) == (0, 9)


@pytest.mark.django_db
def test_slippage_is_what_the_fills_gave_against_the_decision_prices() -> None:
    session = closed(configuration(), "3.75")
    sell, buy = session.orders.order_by("id")
    session.orders.filter(pk=sell.pk).update(decision_price="241")
    session.orders.filter(pk=buy.pk).update(decision_price="199.5")
    services.record_sessions([session.pk])
    row = SessionSnapshot.objects.get()
    assert row.slippage == Decimal("-0.15")
    parts = row.delta_pnl + row.gamma_pnl + row.theta_pnl + row.vega_pnl + row.residual_pnl + row.slippage - row.fees
    assert parts == row.net


@pytest.mark.django_db
def test_ledgers_that_disagree_are_told(api: APIClient) -> None:
    session = closed(configuration(), "3.75")
    session.fills.filter(side="buy").update(price="199")
    StrategySession.objects.filter(pk=session.pk).update(pnl_summary={"realized": 3.0})
    body = api.get("/api/analytics/history", {"start": "2026-11-16", "end": "2026-11-22"}).json()
    assert body["status"]["disagreements"] == 1
    assert "The ledgers of 1 sessions disagree" in body["status"]["message"]
    remark = SessionSnapshot.objects.get().remark
    assert remark == "cash of the fills 3.85 and legs 3.75 differ; the session's total 3.00 and legs 3.75 differ"


@pytest.mark.django_db
def test_margin_is_the_basis_once_every_session_has_recorded_one(api: APIClient) -> None:
    of = configuration()
    entry = {"entry": {"margin_required": 150.5}}
    closed(of, "3", session_metadata=entry)
    without = closed(of, "-1", entered=ENTERED + timedelta(days=1))
    week = {"start": "2026-11-16", "end": "2026-11-22"}
    assert api.get("/api/analytics/history", week).json()["kpis"]["returns_basis"] == "credit"
    StrategySession.objects.filter(pk=without.pk).update(session_metadata=entry)
    list(services.record_all(again=True)[1])
    kpis = api.get("/api/analytics/history", week).json()["kpis"]
    assert kpis["returns_basis"] == "margin"
    returns = (3 / 150.5, -1 / 150.5)
    mean = sum(returns) / 2
    assert kpis["sortino"] == pytest.approx(mean / (returns[1] ** 2 / 2) ** 0.5 * 365**0.5)
    assert (kpis["profit_factor"], kpis["expectancy"]) == (3.0, 1.0)


@pytest.mark.django_db
def test_the_command_records_what_is_missing_and_all_again_when_asked() -> None:
    of = configuration()
    for place in range(3):
        closed(of, "1", entered=ENTERED + timedelta(hours=place))

    def said(**options: Any) -> str:
        out = io.StringIO()
        call_command("record_snapshots", stdout=out, stderr=io.StringIO(), **options)
        return out.getvalue().strip()

    assert [said(), said(), said(all=True)] == ["3 sessions recorded", "0 sessions recorded", "3 sessions recorded"]


@pytest.mark.django_db
def test_a_reader_records_a_few_and_says_how_many_are_left(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    of = configuration()
    for place in range(3):
        closed(of, "1", entered=ENTERED + timedelta(hours=place))
    monkeypatch.setattr(services.catch_up, "__defaults__", (2,))
    body = api.get("/api/analytics/history", {"start": "2026-11-16", "end": "2026-11-22"}).json()
    assert (body["metrics"]["trade_count"], body["status"]["unrecorded"]) == (2, 1)
    assert "1 closed sessions are not recorded yet: run manage.py record_snapshots" in body["status"]["message"]


@pytest.mark.django_db
def test_a_database_too_busy_to_write_to_still_answers(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_ids: object) -> int:
        raise OperationalError("database is locked")

    closed(configuration(), "1")
    monkeypatch.setattr(services, "record_sessions", fail)
    response = api.get("/api/analytics/history")
    assert (response.status_code, response.json()["status"]["unrecorded"]) == (200, 1)
