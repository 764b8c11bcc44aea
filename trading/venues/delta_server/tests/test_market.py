"""Public data over REST: products, tickers, books, trades, candles."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from trading.strategy.pricing import greeks, years_between
from trading.venues.delta_server.tests.support import Bench, Json, symbols_of
from trading.venues.simulated.prints import popularity


def traded(bench: Bench) -> str:
    """An operational BTC option of the nearest expiry that trades often."""
    near = [
        item
        for item in bench.server.catalogue.live()
        if item.settlement_at == bench.call.settlement_at and item.trading_status == "operational"
    ]
    return max(near, key=lambda item: popularity(bench.exchange.market.seed, item.product_id)).symbol


async def test_products_are_paged_and_complete(bench: Bench) -> None:
    async with bench.client() as client:
        first = (await client.get("/v2/products")).json()
    assert len(first["result"]) == 100
    rows: list[Json] = []
    after = ""
    async with bench.client() as client:
        while after is not None:
            page = (await client.get(f"/v2/products?page_size=500&after={after}")).json()
            rows += page["result"]
            after = page["meta"]["after"]
    assert list(symbols_of(rows)) == [item.symbol for item in bench.server.catalogue.live()]


async def test_a_product_row_has_the_captured_shape(bench: Bench) -> None:
    row = await bench.read(f"/v2/products/{bench.call.symbol}")
    assert row["id"] == bench.call.product_id
    assert (row["contract_type"], row["state"], row["trading_status"]) == ("call_options", "live", "operational")
    assert (row["contract_value"], row["tick_size"], row["position_size_limit"]) == ("0.001", "0.1", 50_000)
    assert (row["initial_margin"], row["maintenance_margin"]) == ("0.5", "0.25")
    assert row["settlement_time"] == "2026-09-04T12:00:00Z"
    assert row["product_specs"]["premium_commission_rate"] == 0.035
    assert row["spot_index"]["symbol"] == ".DEXBTUSD"
    assert row["underlying_asset"]["symbol"] == "BTC"


async def test_products_filter_by_type_and_expiry_and_ignore_unknown_parameters(bench: Bench) -> None:
    rows = await bench.read("/v2/products?contract_types=put_options&expiry=2026-09-05&page_size=2000&contract_type=x")
    assert rows
    assert {(row["contract_type"], row["settlement_time"][:10]) for row in rows} == {("put_options", "2026-09-05")}


async def test_expired_products_carry_their_settlement(bench: Bench) -> None:
    rows = await bench.read("/v2/products?states=expired&contract_types=call_options,put_options&page_size=2000")
    assert {row["state"] for row in rows} == {"expired"}
    assert max(row["settlement_time"] for row in rows) == "2026-09-03T12:00:00Z"
    row = next(row for row in rows if Decimal(row["settlement_price"]) > 0 and row["symbol"].startswith("C-BTC"))
    index = Decimal(row["product_specs"]["settlement_index_price"])
    assert Decimal(row["settlement_price"]) == index - Decimal(row["strike_price"])
    assert "0" in {row["settlement_price"] for row in rows}


async def test_the_chain_filters_by_underlying_and_expiry(bench: Bench) -> None:
    rows = await bench.read("/v2/tickers?underlying_asset_symbols=BTC&expiry_date=05-09-2026")
    assert rows
    assert all(symbol.split("-")[1] == "BTC" and symbol.endswith("-050926") for symbol in symbols_of(rows))


async def test_a_tickers_mark_and_greeks_follow_the_pricing_model(bench: Bench) -> None:
    row = await bench.read(f"/v2/tickers/{bench.call.symbol}")
    now = bench.exchange.now()
    model = greeks(
        bench.call.option_type,
        float(row["greeks"]["spot"]),
        float(row["strike_price"]),
        years_between(now, bench.call.settlement_at),
        float(row["mark_vol"]),
    )
    assert float(row["mark_price"]) == pytest.approx(model.price, rel=1e-3)
    assert float(row["greeks"]["delta"]) == pytest.approx(model.delta, abs=1e-4)
    assert float(row["greeks"]["vega"]) == pytest.approx(model.vega, rel=1e-3)
    low, high = (Decimal(row["price_band"][name]) for name in ("lower_limit", "upper_limit"))
    assert low <= Decimal(row["mark_price"]) <= high
    assert Decimal(row["quotes"]["best_bid"]) < Decimal(row["quotes"]["best_ask"])
    assert row["timestamp"] == int(now.timestamp() * 1_000_000)


async def test_untraded_contracts_lack_the_trade_fields(bench: Bench) -> None:
    rows = await bench.read("/v2/tickers?underlying_asset_symbols=BTC")
    fields = {"open", "high", "low", "close", "size", "volume", "turnover", "ltp_change_24h", "time"}
    assert {len(fields & set(row)) for row in rows} == {0, len(fields)}
    seed = bench.exchange.market.seed
    assert all(popularity(seed, row["product_id"]) for row in rows if "close" in row)


async def test_tickers_come_alone_or_up_to_ten_at_a_time(bench: Bench) -> None:
    two = await bench.read(f"/v2/tickers/{bench.call.symbol},{bench.put.symbol}")
    assert list(symbols_of(two)) == [bench.call.symbol, bench.put.symbol]
    eleven = ",".join([bench.call.symbol] * 11)
    async with bench.client() as client:
        assert (await client.get(f"/v2/tickers/{eleven}")).status_code == 400
        assert (await client.get("/v2/tickers/NOPE")).json()["error"]["code"] == "invalid_contract"


async def test_the_book_starts_at_the_ticker_and_is_sorted(bench: Bench) -> None:
    book = await bench.read(f"/v2/l2orderbook/{bench.call.symbol}?depth=3")
    bid, ask = bench.quote(bench.call)
    assert (Decimal(book["buy"][0]["price"]), Decimal(book["sell"][0]["price"])) == (bid, ask)
    assert len(book["sell"]) == 3
    prices = [Decimal(level["price"]) for level in book["sell"]]
    assert prices == sorted(prices)
    assert int(book["sell"][1]["depth"]) == book["sell"][0]["size"] + book["sell"][1]["size"]


async def test_public_trades_are_the_same_whenever_they_are_read(bench: Bench) -> None:
    symbol = traded(bench)
    first = await bench.read(f"/v2/trades/{symbol}")
    bench.advance(600)
    later = await bench.read(f"/v2/trades/{symbol}")
    assert first
    assert [row for row in later if row["timestamp"] <= first[0]["timestamp"]][:10] == first[:10]
    assert len({row["timestamp"] for row in later} - {row["timestamp"] for row in first}) > 0
    assert {row["buyer_role"] for row in later} == {"maker", "taker"}


async def test_our_own_fills_are_on_the_public_tape(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 7)
    newest = (await bench.read(f"/v2/trades/{bench.call.symbol}"))[0]
    assert (newest["size"], newest["seller_role"], newest["buyer_role"]) == (7, "taker", "maker")


async def test_mark_candles_join_without_a_gap_and_contain_the_mark(bench: Bench) -> None:
    now = int(bench.exchange.now().timestamp())
    query = f"resolution=5m&start={now - 3600}&end={now}"
    rows = await bench.read(f"/v2/history/candles?symbol=MARK:{bench.call.symbol}&{query}")
    assert [after["time"] - before["time"] for before, after in pairwise(rows)] == [300] * 12
    assert all(row["low"] <= min(row["open"], row["close"]) for row in rows)
    assert all(row["high"] >= max(row["open"], row["close"]) for row in rows)
    quote = bench.exchange.quote(bench.call.symbol)
    assert quote is not None
    assert rows[-1]["close"] == float(quote.mark or 0)


async def test_index_candles_hold_the_highest_and_the_lowest_second(bench: Bench) -> None:
    now = bench.exchange.now()
    end = int(now.timestamp())
    first = end - end % 3600
    (row,) = await bench.read(f"/v2/history/candles?symbol=.DEXBTUSD&resolution=1h&start={first}&end={end}")
    path = bench.exchange.market.spots("BTC", now - timedelta(seconds=end - first), now)
    assert row["high"] == pytest.approx(path.max(), abs=0.1)
    assert row["low"] == pytest.approx(path.min(), abs=0.1)


async def test_trade_candles_count_every_print_and_omit_empty_buckets(bench: Bench) -> None:
    symbol, now = traded(bench), int(bench.exchange.now().timestamp())
    start = now - now % 3600 - 7200
    minutes = await bench.read(f"/v2/history/candles?symbol={symbol}&resolution=1m&start={start}&end={now}")
    hours = await bench.read(f"/v2/history/candles?symbol={symbol}&resolution=1h&start={start}&end={now}")
    assert 0 < len(minutes) < (now - start) // 60
    assert sum(row["volume"] for row in minutes) == sum(row["volume"] for row in hours)


async def test_candles_refuse_what_they_do_not_understand(bench: Bench) -> None:
    async with bench.client() as client:
        for query in (
            f"symbol={bench.call.symbol}&resolution=7m&start=1&end=2",
            f"symbol={bench.call.symbol}&resolution=1m&start=2&end=1",
            f"symbol={bench.call.symbol}&resolution=1m",
            "symbol=NOPE&resolution=1m&start=1&end=2",
        ):
            assert (await client.get(f"/v2/history/candles?{query}")).status_code == 400


async def test_candles_are_bounded_to_the_newest_two_thousand(bench: Bench) -> None:
    now = int(bench.exchange.now().timestamp())
    rows = await bench.read(f"/v2/history/candles?symbol=.DEXBTUSD&resolution=1m&start={now - 200_000}&end={now}")
    assert len(rows) == 2_000
    assert rows[-1]["time"] == now - now % 60


async def test_assets_indices_and_sparklines(bench: Bench) -> None:
    assert [row["symbol"] for row in await bench.read("/v2/assets")] == ["BTC", "ETH", "USD"]
    assert [row["symbol"] for row in await bench.read("/v2/indices")] == [".DEXBTUSD", ".DEETHUSD"]
    lines = await bench.read(f"/v2/history/sparklines?symbols={bench.call.symbol},.DEXBTUSD")
    assert len(lines[".DEXBTUSD"]) == 24
    assert lines[bench.call.symbol]
