"""A client for Delta Exchange that we did not write (ccxt), with nothing changed but its base URL and keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trading.venues.delta_server.tests.support import KEY, SECRET
from trading.venues.delta_server.tests.wire import Simulator

ccxt: Any = pytest.importorskip("ccxt", reason="ccxt, the third-party client, is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator for this module."""
    data = tmp_path_factory.mktemp("ccxt")
    with Simulator(data, "--api-key", KEY, "--api-secret", SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def exchange(simulator: Simulator) -> Any:
    """The client with its markets loaded."""
    client = ccxt.delta({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False})
    client.urls["api"] = {"public": simulator.url, "private": simulator.url}
    client.load_markets()
    return client


@pytest.fixture(scope="module")
def symbol(exchange: Any) -> str:
    """A call that is traded on both sides."""
    tickers = exchange.fetch_tickers(params={"underlying_asset_symbols": "BTC"})
    usable = [
        ticker
        for ticker in tickers.values()
        if ticker["bid"] and ticker["ask"] and ticker["symbol"] in exchange.markets
        if float(ticker["info"]["greeks"]["delta"]) > 0.1
    ]
    return str(min(usable, key=lambda ticker: abs(float(ticker["info"]["greeks"]["delta"]) - 0.3))["symbol"])


def test_it_loads_markets(exchange: Any, symbol: str) -> None:
    market = exchange.market(symbol)
    assert (market["option"], market["base"], market["settle"]) == (True, "BTC", "USD")
    assert (market["contractSize"], market["precision"]["price"]) == (0.001, 0.1)
    assert set(exchange.currencies) >= {"BTC", "ETH", "USD"}


def test_it_reads_the_clock_and_the_state_of_the_exchange(exchange: Any) -> None:
    assert abs(exchange.fetch_time() - exchange.milliseconds()) < 60_000
    assert exchange.fetch_status()["status"] == "ok"


def test_it_reads_tickers_book_trades_and_candles(exchange: Any, symbol: str) -> None:
    ticker = exchange.fetch_ticker(symbol)
    assert ticker["bid"] < ticker["ask"]
    book = exchange.fetch_order_book(symbol)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert isinstance(exchange.fetch_trades(symbol), list)
    candles = exchange.fetch_ohlcv(symbol, "5m", limit=12, params={"price": "mark"})
    assert candles
    assert len(candles[0]) == 6
    greeks = exchange.fetch_greeks(symbol)
    assert 0 < greeks["delta"] < 1
    assert exchange.fetch_option(symbol)["bidPrice"] is not None


def test_it_reads_balance_and_positions(exchange: Any, symbol: str) -> None:
    assert exchange.fetch_balance()["total"]["USD"] > 0
    assert isinstance(exchange.fetch_positions(), list)
    assert exchange.fetch_position(symbol)["contracts"] == 0


def test_it_places_reads_edits_and_cancels_a_limit_order(exchange: Any, symbol: str) -> None:
    ask = exchange.fetch_ticker(symbol)["ask"]
    placed = exchange.create_order(symbol, "limit", "sell", 3, ask + 50, {"clientOrderId": "third-party-1"})
    assert (placed["status"], placed["remaining"], placed["clientOrderId"]) == ("open", 3, "third-party-1")
    assert exchange.fetch_order(placed["id"], symbol)["price"] == ask + 50
    assert exchange.fetch_order("", symbol, {"clientOrderId": "third-party-1"})["id"] == placed["id"]
    assert placed["id"] in {order["id"] for order in exchange.fetch_open_orders(symbol)}
    edited = exchange.edit_order(placed["id"], symbol, "limit", "sell", 2, ask + 60)
    assert (edited["amount"], edited["price"]) == (2, ask + 60)
    cancelled = exchange.cancel_order(placed["id"], symbol)
    assert cancelled["status"] == "canceled"
    assert exchange.fetch_open_orders(symbol) == []


def test_it_reads_fills_history_and_ledger(exchange: Any, symbol: str) -> None:
    sold = exchange.create_order(symbol, "market", "sell", 2)
    assert (sold["status"], sold["filled"]) == ("closed", 2)
    trades = exchange.fetch_my_trades(symbol)
    mine = [trade for trade in trades if trade["order"] == sold["id"]]
    assert sum(trade["amount"] for trade in mine) == 2
    assert all(trade["fee"]["cost"] > 0 and trade["symbol"] == symbol for trade in mine)
    history = exchange.fetch_closed_orders(symbol)
    assert sold["id"] in {order["id"] for order in history}
    kinds = {entry["info"]["transaction_type"] for entry in exchange.fetch_ledger("USD")}
    assert kinds >= {"deposit", "cashflow", "commission"}
    exchange.close_all_positions({"user_id": 57_354_187})
    assert exchange.fetch_position(symbol)["contracts"] == 0


def test_it_understands_refusals(exchange: Any, symbol: str) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(symbol, "market", "sell", 49_000)
    with pytest.raises(ccxt.ExchangeError):
        exchange.cancel_order("1", symbol)
    stranger = ccxt.delta({"apiKey": "stranger", "secret": SECRET})
    stranger.urls["api"] = exchange.urls["api"]
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
