"""Chain, watched quotes and the REST fallback of the public side."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from trading.engine.ports import VenueUnavailable
from trading.strategy.events import QuoteSeen, SpotSeen
from trading.venues.delta.tests.desk import Desk
from trading.venues.delta.tests.support import CALL, CALL_ID, PRODUCTS, PUT, bad, good, l1, product, ticker


async def test_the_chain_joins_products_and_tickers() -> None:
    desk = Desk()
    chain = await desk.venue.chain("BTC")
    assert [row.instrument.symbol for row in chain.rows] == [PUT, CALL]
    assert chain.rows[0].quote.bid == 391
    assert chain.spot == Decimal("83528.1")
    params = desk.exchange.asked("GET /v2/tickers")[0].url.params
    assert (params["underlying_asset_symbols"], params["contract_types"]) == ("BTC", "call_options,put_options")


async def test_products_are_read_every_few_minutes_and_on_unknown_symbols() -> None:
    desk = Desk()
    await desk.venue.chain("BTC")
    await desk.venue.chain("BTC")
    assert len(desk.exchange.asked("GET /v2/products")) == 1
    desk.time.advance(20)
    fresh = "P-BTC-83000-050926"
    desk.exchange.on("GET /v2/tickers", good([ticker(), ticker(fresh)]))
    desk.exchange.on("GET /v2/products", good([*PRODUCTS, product(fresh, 9)]))
    assert [row.instrument.symbol for row in (await desk.venue.chain("BTC")).rows] == [PUT, fresh]
    desk.time.advance(181)
    await desk.venue.chain("BTC")
    assert len(desk.exchange.asked("GET /v2/products")) == 3


async def test_a_symbol_that_stays_unknown_does_not_cause_a_storm() -> None:
    desk = Desk()
    desk.exchange.on("GET /v2/tickers", good([ticker("P-BTC-1-050926")]))
    for _ in range(5):
        chain = await desk.venue.chain("BTC")
    assert len(desk.exchange.asked("GET /v2/products")) == 1
    assert "P-BTC-1-050926: not among the live products" in chain.skipped


async def test_a_changed_status_reaches_the_chain_at_once() -> None:
    desk = Desk()
    await desk.venue.chain("BTC")
    frame = {"type": "product_updates", "event": "market_disruption"}
    desk.venue.market.stream._on_frame({**frame, "product": {"symbol": PUT, "trading_status": "disrupted_cancel_only"}})
    chain = await desk.venue.chain("BTC")
    assert chain.rows[0].instrument.trading_status == "disrupted_cancel_only"
    desk.venue.market.stream._on_frame(
        {**frame, "product": {"symbol": "C-BTC-2-050926", "trading_status": "operational"}}
    )
    await desk.venue.chain("BTC")
    assert len(desk.exchange.asked("GET /v2/products")) == 2


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"product_trading_status": "disrupted_post_only"}, "disrupted_post_only"),
        ({"product_trading_status": "operational", "oi_reduce_only_mode": True}, "reduce_only"),
        ({"product_trading_status": "operational", "oi_reduce_only_mode": "true"}, "reduce_only"),
        ({"product_trading_status": "operational", "oi_reduce_only_mode": False}, "operational"),
    ],
)
async def test_a_ticker_that_knows_better_than_the_products_is_believed(told: dict[str, Any], status: str) -> None:
    desk = Desk()
    desk.exchange.on("GET /v2/tickers", good([{**ticker(), **told}]))
    assert (await desk.venue.chain("BTC")).rows[0].instrument.trading_status == status


async def test_a_contract_that_only_takes_reducing_orders_is_not_one_to_enter() -> None:
    desk = Desk()
    specs = {**product()["product_specs"], "only_reduce_only_orders_allowed": True}
    desk.exchange.on("GET /v2/products", good([product(product_specs=specs)]))
    assert (await desk.venue.chain("BTC")).rows[0].instrument.trading_status == "reduce_only"


async def test_a_chain_that_cannot_be_read_is_unavailable() -> None:
    desk = Desk()
    desk.exchange.on("GET /v2/products", bad("internal_server_error", 500))
    with pytest.raises(VenueUnavailable):
        await desk.venue.chain("BTC")


async def test_watching_gives_a_first_look_at_once() -> None:
    desk = Desk()
    await desk.venue.watch("BTC", [PUT])
    events = await desk.events()
    assert [event.quote.symbol for event in events if isinstance(event, QuoteSeen)] == [PUT]
    assert [event.price for event in events if isinstance(event, SpotSeen)] == [Decimal("83528.1")]


async def test_rest_stands_in_only_where_quotes_are_silent() -> None:
    desk = Desk()
    await desk.venue.watch("BTC", [PUT])
    desk.exchange.requests.clear()
    desk.venue.market.stream._on_frame(l1())
    assert not await desk.venue.market.fall_back()
    desk.time.advance(11)
    desk.exchange.on(f"GET /v2/tickers/{PUT}", good(ticker(timestamp=desk.at(11))))
    await desk.events()
    assert await desk.venue.market.fall_back()
    assert len([event for event in await desk.events() if isinstance(event, QuoteSeen)]) == 1
    assert not await desk.venue.market.fall_back()
    assert desk.venue.market.ages()[PUT] == pytest.approx(0)


async def test_a_watched_option_without_any_quote_is_asked_for() -> None:
    desk = Desk()
    desk.exchange.on(f"GET /v2/tickers/{PUT},{CALL}", good([ticker()]))
    await desk.venue.watch("BTC", [PUT, CALL])
    assert not desk.venue.market.silent()
    desk.time.advance(11)
    assert desk.venue.market.silent()
    assert f"{CALL} has no quote" in desk.venue.health().detail


async def test_health_shows_weight_skew_and_round_trips() -> None:
    desk = await Desk().ready()
    health = desk.venue.health()
    assert health.weight_limit == 8500
    assert health.weight_left is not None
    assert health.weight_left < 8500
    assert health.skew_ms == pytest.approx(0, abs=1)
    assert health.round_trip_ms == 0
    assert not health.connected


async def test_a_watched_product_keeps_its_id() -> None:
    desk = await Desk().ready()
    option = desk.venue.market.products.get(CALL)
    assert option is not None
    assert option.product_id == CALL_ID
    assert desk.venue.market.products.index_of("BTC") == ".DEXBTUSD"
    assert desk.venue.market.products.index_of("ETH") == ".DEXETUSD"
