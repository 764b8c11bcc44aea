"""History: the table with its filters and pages, and one session in full."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from trading.models import PnlPoint, PositionLedger, StrategySession
from trading.panels.session import reconciliation
from trading.selectors.sessions import session_detail
from trading.tests.factories_control import ENTERED, configuration, session, user
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """A viewer's browser."""
    browser = Client()
    browser.force_login(user("viewer"))
    return browser


def many(count: int) -> list[StrategySession]:
    """Finished sessions of one configuration."""
    of = configuration("Demo")
    return [finished_session(of, f"delta-strangle-{number:04}") for number in range(count)]


def table(client: Client, **query: str) -> str:
    """The table alone, as htmx asks for it."""
    response = client.get(reverse("history"), query, headers={"HX-Request": "true"})
    assert response.status_code == 200
    text = response.content.decode().replace("\u00a0", " ")
    assert "<html" not in text
    return text


def test_an_empty_history_says_how_to_fill_it(client: Client) -> None:
    shown = client.get(reverse("history")).content.decode()
    assert "No session yet" in shown
    assert f'href="{reverse("live")}"' in shown


def test_a_row_tells_the_session_and_its_result(client: Client) -> None:
    (made,) = many(1)
    shown = table(client)
    for text in ("+$16.59", "+35.7 %", "−$1.09", "+$17.68", "02:14:00", "Trailing stop", "Call 80,800 · Put 78,000"):
        assert text in shown
    assert reverse("session-detail", args=[made.pk]) in shown


def test_the_back_button_gets_the_whole_page(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert b"<html" in client.get(reverse("history"), headers=headers).content


def test_pages_are_cut_by_the_server_and_keep_the_filter(client: Client) -> None:
    many(12)
    first = table(client, page_size="10", mode="paper")
    assert "1–10 of 12" in first
    assert "page_size=10&amp;mode=paper&amp;page=2" in first
    assert "11–12 of 12" in table(client, page_size="10", page="2")


def test_a_page_beyond_the_end_is_the_last_one(client: Client) -> None:
    many(12)
    for beyond in ("99", "999999999"):
        assert "11–12 of 12" in table(client, page_size="10", page=beyond)


@pytest.mark.parametrize("page", ["0", "-3", "two", "9" * 40, "²"])
def test_a_nonsense_page_is_the_first_one(client: Client, page: str) -> None:
    many(1)
    assert "1–1 of 1" in table(client, page=page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "running"}, 1),
        ({"status": "stopped"}, 2),
        ({"mode": "live"}, 0),
        ({"exit_reason": "trailing_sl"}, 2),
        ({"exit_reason": "max_loss"}, 0),
        ({"text": "0001"}, 1),
        ({"text": "C-BTC-80800"}, 2),
        ({"start": "2026-11-23", "end": "2026-11-23", "status": "stopped"}, 2),
        ({"end": "2026-11-22", "status": "stopped"}, 0),
    ],
)
def test_filters_narrow_the_table(client: Client, query: dict[str, str], found: int) -> None:
    (first, _) = many(2)
    assert first.configuration is not None
    session(first.configuration)
    shown = table(client, **query)
    assert (f"of {found}<" in shown) if found else ("No session matches" in shown)


def test_sessions_of_one_configuration_can_be_picked(client: Client) -> None:
    (made,) = many(1)
    other = configuration("Other", active=False)
    assert "of 1<" in table(client, configuration=str(made.configuration_id))
    assert "No session matches" in table(client, configuration=str(other.pk))


def test_a_filter_that_cannot_be_read_says_so_and_filters_nothing(client: Client) -> None:
    many(1)
    shown = client.get(reverse("history"), {"start": "yesterday", "configuration": "x"}).content.decode()
    assert "Enter a valid date." in shown
    assert "of 1<" in shown


def test_the_table_costs_the_same_however_long_it_is(client: Client, django_assert_max_num_queries: Any) -> None:
    many(15)
    with django_assert_max_num_queries(10):
        table(client, page_size="50")


def test_the_detail_shows_orders_with_fills_legs_decisions_and_the_exit(client: Client) -> None:
    (made,) = many(1)
    shown = client.get(reverse("session-detail", args=[made.pk])).content.decode().replace("\u00a0", " ")
    for text in ("Entry call", "Exit put", "↳ fill", "C-BTC-80800-050926", "Trailing level raised", "Trailing stop"):
        assert text in shown
    assert shown.count("↳ fill") == 4
    assert '<svg class="plot"' in shown
    assert "stop −50 %" in shown
    assert "at 8 % lock 0 %" in shown


def test_the_cash_table_adds_up_as_printed_and_equals_the_net(client: Client) -> None:
    (made,) = many(1)
    table = reconciliation(session_detail(made.pk))
    amounts = [[_read(cell) for cell in (row.credits, row.debits, row.commissions, row.net)] for row in table.rows]
    assert all(sum(row[:3]) == row[3] for row in amounts)
    total = [
        _read(cell) for cell in (table.total.credits, table.total.debits, table.total.commissions, table.total.net)
    ]
    assert [sum(column) for column in zip(*amounts, strict=True)] == total
    assert total == [Decimal("46.55"), Decimal("-28.87"), Decimal("-1.08616"), Decimal("16.59384")]
    assert table.agrees
    assert "equals the net" in client.get(reverse("session-detail", args=[made.pk])).content.decode()


def _read(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("−", "-"))


def test_a_net_that_the_fills_do_not_give_is_pointed_at(client: Client) -> None:
    (made,) = many(1)
    StrategySession.objects.update(pnl_summary={**made.pnl_summary, "total_pnl": 16.61})
    assert "differs from the stated" in client.get(reverse("session-detail", args=[made.pk])).content.decode()


def test_a_session_that_was_handed_over_is_not_compared(client: Client) -> None:
    (made,) = many(1)
    PositionLedger.objects.filter(session=made, leg="call").update(open_quantity=100)
    assert reconciliation(session_detail(made.pk)).agrees is None


def test_a_session_that_sold_nothing_has_a_page_too(client: Client) -> None:
    opened = session(configuration("Demo"))
    shown = client.get(reverse("session-detail", args=[opened.pk])).content.decode()
    assert "Nothing was sold, so there is no P&amp;L to chart." in shown
    for text in ("Nothing was traded.", "No order was sent.", "No leg was sold.", "Still open"):
        assert text in shown


def test_a_session_too_short_to_chart_is_not_said_to_have_held_nothing(client: Client) -> None:
    (made,) = many(1)
    points = PnlPoint.objects.filter(session=made)
    points.filter(pk__gt=points.earliest("id").pk).delete()
    shown = client.get(reverse("session-detail", args=[made.pk])).content.decode()
    assert "Too short to chart" in shown
    assert "Nothing was sold" not in shown


def test_a_session_that_ended_on_another_day_says_which(client: Client) -> None:
    (made,) = many(1)
    StrategySession.objects.filter(pk=made.pk).update(deactivated_at=ENTERED + timedelta(days=1))
    assert "09:30 – 24 Nov, 09:30" in table(client)


def test_the_filters_are_open_while_they_filter(client: Client) -> None:
    many(1)
    fold = '<details class="fold" open>'
    assert fold not in client.get(reverse("history"), {"page_size": "10"}).content.decode()
    assert fold in client.get(reverse("history"), {"status": "running"}).content.decode()
    assert fold in client.get(reverse("history"), {"start": "yesterday"}).content.decode()


def test_the_detail_costs_a_fixed_number_of_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    (made,) = many(1)
    with django_assert_max_num_queries(20):
        client.get(reverse("session-detail", args=[made.pk]))


def test_an_unknown_session_is_not_found(client: Client) -> None:
    assert client.get(reverse("session-detail", args=[404])).status_code == 404


def test_history_is_for_who_may_view() -> None:
    for url in (reverse("history"), reverse("session-detail", args=[1])):
        assert Client().get(url).status_code == 302
