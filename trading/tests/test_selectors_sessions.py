"""The list of sessions and the detail of one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from deltastrangle.exceptions import NotFound
from trading.models import DecisionRecord, PnlPoint, StrategySession, TradingConfiguration
from trading.selectors.session_views import Page, cash_of
from trading.selectors.sessions import ids_of_page, last_closed_session, list_sessions, pnl_points, session_detail
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def chosen() -> TradingConfiguration:
    """A configuration."""
    return make.configuration()


def ids(**filters: Any) -> list[str]:
    """The ids of the sessions listed."""
    return [item.strategy_id for item in list_sessions(**filters).items]


def test_the_session_started_last_comes_first_also_while_it_waits_for_its_entry(chosen: TradingConfiguration) -> None:
    make.closed_session(chosen, "old")
    make.closed_session(chosen, "never entered", activated_at=None, deactivated_at=None)
    make.closed_session(chosen, "new")
    waiting = make.session(chosen)
    assert ids() == [waiting.strategy_id, "new", "never entered", "old"]


def test_pages_count_from_one(chosen: TradingConfiguration) -> None:
    for number in range(5):
        make.closed_session(chosen, f"s{number}")
    page = list_sessions(page=2, page_size=2)
    assert [item.strategy_id for item in page.items] == ["s2", "s1"]
    assert (page.total, page.page, page.page_size, page.pages) == (5, 2, 2, 3)
    assert list_sessions(page=9, page_size=2).items == []


def test_a_page_far_back_is_counted_off_in_an_index() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by the table's size")
    plan = ids_of_page(StrategySession.objects.all(), 400, 25).explain()
    assert "COVERING INDEX session_by_id" in plan
    assert "TEMP B-TREE" not in plan


@given(total=st.integers(0, 1000), size=st.integers(1, 200))
def test_the_pages_hold_every_item_and_none_is_empty(total: int, size: int) -> None:
    pages = Page([], total, 1, size).pages
    assert pages * size >= total > (pages - 1) * size


def test_a_list_costs_the_same_queries_however_long_it_is(
    chosen: TradingConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        session = make.closed_session(chosen, f"s{number}")
        make.leg(session, "call")
        make.leg(session, "put")
    with django_assert_num_queries(3):
        page = list_sessions()
    assert [len(item.legs_summary) for item in page.items] == [2] * 10


def test_the_blobs_stay_in_the_database(
    chosen: TradingConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make.closed_session(chosen, "s")
    with django_assert_num_queries(3) as queries:
        list_sessions()
    sql = " ".join(query["sql"] for query in queries.captured_queries)
    assert "session_metadata" not in sql
    assert "config_snapshot" not in sql
    assert "engine_state" not in sql


def test_an_item_says_what_the_session_was(chosen: TradingConfiguration) -> None:
    session = make.closed_session(chosen, "s")
    make.leg(session, "call", analytics={"fees": {"entry": 0.2, "exit": 0.3}})
    item = list_sessions().items[0]
    assert (item.configuration_name, item.revision, item.exit_reason) == ("Demo", 1, "max_profit")
    assert item.duration_seconds == 3600
    assert item.pnl_summary == {"total_pnl": 5.5}
    leg = item.legs_summary[0]
    assert (leg.leg, leg.entry_price, leg.realized_pnl) == ("call", Decimal(240), Decimal("13.5"))
    assert leg.pnl_pct == Decimal("56.25")
    assert leg.fees == {"total": Decimal("0.5")}
    in_full = session_detail(session.pk).session.legs_summary[0]
    assert in_full.fees == {"entry": 0.2, "exit": 0.3, "total": Decimal("0.5")}


def test_a_running_session_lasts_until_the_venues_now(chosen: TradingConfiguration) -> None:
    session = make.session(chosen)
    session.activated_at = make.ENTERED
    session.save()
    make.alive_engine(venue={"clock": (make.ENTERED + timedelta(minutes=10)).isoformat(), "speed": 1})
    assert list_sessions().items[0].duration_seconds in range(600, 605)


@pytest.mark.parametrize(
    "times",
    [
        {"activated_at": None},
        {"deactivated_at": make.ENTERED - timedelta(hours=1)},
    ],
)
def test_a_duration_is_never_negative(chosen: TradingConfiguration, times: dict[str, Any]) -> None:
    make.closed_session(chosen, "s", **times)
    assert list_sessions().items[0].duration_seconds == 0


def test_filters_narrow_the_list(chosen: TradingConfiguration) -> None:
    other = make.configuration("Other", active=False)
    make.closed_session(chosen, "profit")
    make.closed_session(chosen, "loss", exit_reason="max_loss")
    make.closed_session(other, "elsewhere", mode="testnet")
    make.session(chosen)
    assert ids(exit_reason="max_loss") == ["loss"]
    assert ids(mode="testnet") == ["elsewhere"]
    assert ids(configuration_id=other.pk) == ["elsewhere"]
    assert len(ids(status="running")) == 1
    assert ids(status="stopped", mode="paper", exit_reason="max_profit") == ["profit"]


def test_days_are_indian_and_both_included(chosen: TradingConfiguration) -> None:
    for name, at in {
        "before": datetime(2026, 11, 22, 18, 29, 59, tzinfo=UTC),
        "first": datetime(2026, 11, 22, 18, 30, tzinfo=UTC),
        "last": datetime(2026, 11, 24, 18, 29, 59, tzinfo=UTC),
        "after": datetime(2026, 11, 24, 18, 30, tzinfo=UTC),
    }.items():
        make.closed_session(chosen, name, activated_at=at)
    assert ids(start=date(2026, 11, 23), end=date(2026, 11, 24)) == ["last", "first"]
    assert ids(end=datetime(2026, 11, 22, 18, 30, tzinfo=UTC)) == ["first", "before"]


def test_text_finds_ids_names_and_symbols(chosen: TradingConfiguration) -> None:
    session = make.closed_session(chosen, "delta-strangle-1")
    make.leg(session, "call", symbol="C-BTC-81000-241126")
    make.leg(session, "put", symbol="P-BTC-81000-241126")
    make.closed_session(make.configuration("Weekend", active=False), "delta-strangle-2")
    assert ids(text="81000") == ["delta-strangle-1"]
    assert ids(text="weekEND") == ["delta-strangle-2"]
    assert ids(text="strangle-2") == ["delta-strangle-2"]
    assert ids(text="nowhere") == []


def full_session(chosen: TradingConfiguration) -> StrategySession:
    """A session with a leg sold at 240 and bought back at 100."""
    session = make.closed_session(chosen, "full")
    symbol = make.leg(session, "call").symbol
    make.order(session, "1-CE-e-1", "sell", "240", symbol)
    make.order(session, "1-CE-x-1", "buy", "100", symbol)
    DecisionRecord.objects.create(session=session, at=make.ENTERED, kind="entered", message="Sold both legs.")
    return session


def test_a_detail_has_orders_with_fills_legs_decisions_and_configuration(chosen: TradingConfiguration) -> None:
    detail = session_detail(full_session(chosen).pk)
    assert [order.client_order_id for order in detail.orders] == ["1-CE-e-1", "1-CE-x-1"]
    assert [fill.quantity for fill in detail.orders[0].fills.all()] == [60, 40]
    assert [leg.leg for leg in detail.legs] == ["call"]
    assert [decision.message for decision in detail.decisions] == ["Sold both legs."]
    assert detail.config_values["max_loss_pct"] == "40"
    assert detail.metadata["config_id"] == chosen.pk


def test_the_cash_adds_up_to_the_cent(chosen: TradingConfiguration) -> None:
    cash = session_detail(full_session(chosen).pk).cash
    assert (cash.credits, cash.debits, cash.commissions) == (Decimal(24), Decimal(10), Decimal("0.2"))
    assert cash.net == Decimal("13.8")


def test_the_cash_of_a_fill_without_a_leg_takes_the_configured_size(chosen: TradingConfiguration) -> None:
    session = make.closed_session(chosen, "s")
    order = make.order(session, "1-CE-e-1", "sell", "240", "C-BTC-80000-241126")
    assert cash_of(order.fills.all(), [], {"contract_size": "0.01"}).credits == 240


def test_a_detail_costs_the_same_queries_however_much_happened(
    chosen: TradingConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    session = full_session(chosen)
    for number in range(5):
        make.order(session, f"1-CE-x-{number + 2}", "buy", "100", "C-BTC-80000-241126")
    with django_assert_num_queries(8):
        session_detail(session.pk)


def test_an_unknown_session_is_not_found() -> None:
    with pytest.raises(NotFound, match="Session not found"):
        session_detail(1)


def add_points(session: StrategySession, many: int) -> None:
    """One point a second."""
    PnlPoint.objects.bulk_create(
        PnlPoint(session=session, at=make.ENTERED + timedelta(seconds=n), net=n, gross=n, net_pct=0)
        for n in range(many)
    )


@pytest.mark.parametrize("many", [1, 399, 400, 401, 799, 1000])
def test_points_are_thinned_to_four_hundred_with_both_ends(chosen: TradingConfiguration, many: int) -> None:
    session = make.closed_session(chosen, "s")
    add_points(make.closed_session(chosen, "another"), 3)
    add_points(session, many)
    nets = [int(point.net) for point in pnl_points(session.pk)]
    assert len(nets) <= 400
    assert (nets[0], nets[-1]) == (0, many - 1)
    assert nets == sorted(set(nets))
    assert len(nets) == many or len(nets) >= 199


def test_the_last_closed_session_is_known(chosen: TradingConfiguration) -> None:
    assert last_closed_session() is None
    make.closed_session(chosen, "first")
    make.closed_session(chosen, "second")
    make.session(chosen)
    last = last_closed_session()
    assert last is not None
    assert last.strategy_id == "second"
