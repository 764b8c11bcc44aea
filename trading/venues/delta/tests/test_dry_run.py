"""Dry run: the real book, orders on paper."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from trading.strategy.events import FillSeen, OrderReported
from trading.strategy.fees import option_fee
from trading.strategy.types import OrderIntent, OrderStatus, OrderType, Outcome, Position, Purpose, TimeInForce
from trading.venues.delta.dry_run import DryRunVenue
from trading.venues.delta.tests.desk import SENT
from trading.venues.delta.tests.support import (
    PRODUCTS,
    PUT,
    PUT_ID,
    Exchange,
    ManualTime,
    config,
    good,
    intent,
    l1,
    product,
    ticker,
)


class Paper:
    """A dry run that watches the put, with a bid of 391 × 6501 and an offer of 394.5 × 4427."""

    def __init__(self) -> None:
        self.time = ManualTime()
        self.exchange = Exchange()
        self.exchange.on("GET /v2/products", good(PRODUCTS))
        self.exchange.on(f"GET /v2/tickers/{PUT}", good(ticker()))
        self.venue = DryRunVenue(
            config(api_key="", api_secret=""),
            http=self.exchange.transport,
            wall=self.time.wall,
            waits=self.time.waits,
        )

    async def ready(self) -> Paper:
        await self.venue.watch("BTC", [PUT])
        await self.venue.poll()
        return self

    def book(self, seconds: float, **changes: Any) -> None:
        """The book moves."""
        self.venue.market.stream._on_frame(l1(ts=int((self.time.wall() + seconds) * 1_000_000), **changes))

    def mark(self, price: str) -> None:
        """The mark moves."""
        self.venue.market.stream._on_frame({"type": "mark_price", "sy": f"MARK:{PUT}", "p": price, "ts": 1})


async def test_a_sale_at_the_bid_fills_at_once_with_the_exchanges_fee() -> None:
    paper = await Paper().ready()
    report = await paper.venue.place(intent())
    assert (report.status, report.filled, report.average_price) == (OrderStatus.CLOSED, 10, Decimal(391))
    (fill,) = await paper.venue.fills(["ds1-PE-e1"], SENT)
    fee = option_fee(
        price=Decimal(391),
        size=10,
        contract_value=Decimal("0.001"),
        underlying_price=Decimal("83528.1"),
        rate=Decimal("0.0001"),
        cap_rate=Decimal("0.035"),
    )
    assert fill.commission == fee
    balance = await paper.venue.balance()
    assert balance.cash == 10_000 + Decimal("3.91") - fee
    assert balance.margin > 0
    assert await paper.venue.positions() == [Position(PUT, -10, Decimal(391))]
    assert any(isinstance(event, FillSeen) for event in await paper.venue.poll())
    assert all(request.method == "GET" for request in paper.exchange.requests)


async def test_the_size_of_a_quote_can_be_taken_once() -> None:
    paper = await Paper().ready()
    paper.book(0, bs="12")
    assert (await paper.venue.place(intent())).filled == 10
    second = await paper.venue.place(intent(client_order_id="ds1-PE-e2"))
    assert (second.status, second.filled) == (OrderStatus.OPEN, 2)
    paper.book(1, bs="12")
    assert (await paper.venue.order("ds1-PE-e2", PUT_ID, SENT)).status is OrderStatus.CLOSED
    assert any(isinstance(event, OrderReported) for event in await paper.venue.poll())


async def test_a_resting_order_fills_at_its_own_price_when_the_market_comes() -> None:
    paper = await Paper().ready()
    report = await paper.venue.place(intent(limit_price=Decimal(393)))
    assert (report.status, report.filled) == (OrderStatus.OPEN, 0)
    assert len(await paper.venue.open_orders()) == 1
    paper.book(1, bp="393.5")
    (fill,) = await paper.venue.fills(["ds1-PE-e1"], SENT)
    assert (fill.price, fill.role) == (Decimal(393), "maker")


async def test_an_immediate_order_leaves_nothing_resting() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent())
    paper.book(1, **{"as": "4"})
    report = await paper.venue.place(intent(Purpose.EXIT, limit_price=Decimal(400)))
    assert (report.status, report.filled, report.average_price) == (OrderStatus.CANCELLED, 4, Decimal("394.5"))
    far = await paper.venue.place(intent(Purpose.EXIT, client_order_id="x2", limit_price=Decimal(300)))
    assert (far.status, far.filled) == (OrderStatus.CANCELLED, 0)


async def test_a_close_never_turns_the_position() -> None:
    paper = await Paper().ready()
    nothing = await paper.venue.place(intent(Purpose.EXIT))
    assert (nothing.outcome, nothing.code) == (Outcome.REJECTED, "no_position_for_reduce_only")
    await paper.venue.place(intent())
    close = intent(Purpose.EXIT, size=50, client_order_id="x2", order_type=OrderType.MARKET, limit_price=None)
    assert (await paper.venue.place(close)).filled == 10
    assert await paper.venue.positions() == []


async def test_a_market_order_stays_within_the_band() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent())
    paper.book(1, ap="1700")
    report = await paper.venue.place(intent(Purpose.EXIT, order_type=OrderType.MARKET, limit_price=None))
    assert report.filled == 0


async def test_an_old_book_trades_nothing() -> None:
    paper = await Paper().ready()
    paper.time.advance(31)
    assert (await paper.venue.place(intent(time_in_force=TimeInForce.IOC))).filled == 0


@pytest.mark.parametrize(
    ("changes", "code"), [({"symbol": "P-BTC-1-010101"}, "invalid_contract"), ({"size": 10**7}, "insufficient_margin")]
)
async def test_what_the_exchange_would_refuse_is_refused(changes: dict[str, Any], code: str) -> None:
    paper = await Paper().ready()
    report = await paper.venue.place(intent(**changes))
    assert (report.outcome, report.code) == (Outcome.REJECTED, code)


async def test_the_same_client_id_is_refused() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent(limit_price=Decimal(393)))
    assert (await paper.venue.place(intent())).outcome is Outcome.REJECTED


async def test_a_contract_that_does_not_trade_takes_no_entry() -> None:
    paper = Paper()
    paper.exchange.on("GET /v2/products", good([product(trading_status="disrupted_post_only")]))
    await paper.ready()
    assert (await paper.venue.place(intent())).code == "unavailable"


async def test_cancelling_ends_an_order_once() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent(limit_price=Decimal(393)))
    assert (await paper.venue.cancel("ds1-PE-e1", "", PUT_ID)).status is OrderStatus.CANCELLED
    assert (await paper.venue.cancel("ds1-PE-e1", "", PUT_ID)).status is OrderStatus.CANCELLED
    assert (await paper.venue.cancel("never", "", PUT_ID)).outcome is Outcome.ABSENT
    assert await paper.venue.open_orders() == []


async def test_what_expires_pays_its_intrinsic_value_at_the_settlement_average() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent())
    cash = (await paper.venue.balance()).cash
    twap = {"type": "spot_30mtwap_price", "symbol": ".DEXBTUSD", "price": "83000", "timestamp": 1}
    paper.venue.market.stream._on_frame(twap)
    paper.time.advance(86_400)
    assert await paper.venue.positions() == []
    assert (await paper.venue.balance()).cash == cash - 10 * 200 * Decimal("0.001")


async def test_without_a_connection_it_says_so() -> None:
    paper = await Paper().ready()
    health = paper.venue.health()
    assert not health.connected
    assert "public stream down" in health.detail


async def test_the_margin_of_a_sale_is_the_rough_figure_by_which_it_is_then_judged() -> None:
    paper = await Paper().ready()
    paper.exchange.on("GET /v2/tickers", good([ticker(), ticker(PRODUCTS[1]["symbol"])]))
    (row,) = (row for row in (await paper.venue.chain("BTC")).rows if row.instrument.symbol == PUT)
    told = await paper.venue.margin_required([row], 10)
    await paper.venue.place(intent())
    assert told == (await paper.venue.balance()).margin > 0


def stop(price: str) -> OrderIntent:
    """A stop that buys the put back once its mark is at this price."""
    return intent(
        Purpose.STOP,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        limit_price=None,
        stop_price=Decimal(price),
    )


async def test_a_stop_waits_for_the_mark_and_then_buys_back() -> None:
    paper = await Paper().ready()
    await paper.venue.place(intent())
    placed = await paper.venue.place(stop("500"))
    assert (placed.status, placed.filled) == (OrderStatus.OPEN, 0)
    paper.venue.account.look()
    assert [row.client_order_id for row in await paper.venue.open_orders()] == ["ds1-PE-s1"]
    paper.mark("500")
    paper.venue.account.look()
    found = await paper.venue.order("ds1-PE-s1", PUT_ID, SENT)
    assert (found.status, found.filled) == (OrderStatus.CLOSED, 10)
    assert await paper.venue.positions() == []


async def test_a_stop_ends_with_the_position_it_was_for() -> None:
    paper = await Paper().ready()
    assert (await paper.venue.place(stop("500"))).outcome is Outcome.REJECTED
    await paper.venue.place(intent())
    await paper.venue.place(stop("500"))
    buy = intent(Purpose.EXIT, limit_price=Decimal(400))
    assert (await paper.venue.place(buy)).filled == 10
    paper.venue.account.look()
    assert await paper.venue.open_orders() == []
