"""Parts that the simulated venue's tests share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from trading.strategy.types import (
    ChainRow,
    Instrument,
    OptionType,
    OrderIntent,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.market import Market
from trading.venues.simulated.records import OrderRequest
from trading.venues.simulated.venue import SimulatedVenue

SEED = 7
START = datetime(2026, 9, 4, 4, 0, 30, tzinfo=UTC)
SHARED_MARKET = Market(SEED)


@dataclass
class Bench:
    """An exchange in memory under a manual clock, with a call and a put of the nearest expiry to trade."""

    clock: ManualClock
    exchange: SimulatedExchange
    venue: SimulatedVenue
    call: Instrument
    put: Instrument

    def quote(self, instrument: Instrument) -> Quote:
        """The quote now."""
        found = self.exchange.quote(instrument.symbol)
        assert found is not None
        return found


def make_bench(start: datetime = START, *, path: str = ":memory:", balance: str = "10000") -> Bench:
    """A fresh account at ``start`` on the shared market."""
    clock = ManualClock(start)
    config = SimulatedConfig(seed=SEED, start=start, path=path, balance=Decimal(balance))
    exchange = SimulatedExchange(config, clock, market=SHARED_MARKET)
    call = option(exchange, OptionType.CALL, 0.15)
    put = option(exchange, OptionType.PUT, 0.15)
    return Bench(clock, exchange, SimulatedVenue(exchange), call.instrument, put.instrument)


def option(exchange: SimulatedExchange, kind: OptionType, delta: float) -> ChainRow:
    """The operational option of the nearest expiry whose |Δ| is nearest to ``delta``."""
    rows = exchange.chain("BTC").rows
    nearest = min(row.instrument.settlement_at for row in rows)
    usable = [
        row
        for row in rows
        if row.instrument.settlement_at == nearest
        and row.instrument.option_type is kind
        and row.instrument.trading_status == "operational"
    ]
    return min(usable, key=lambda row: abs(abs(row.quote.delta or 0.0) - delta))


def limit(
    instrument: Instrument,
    side: Side,
    size: int,
    price: Decimal | str,
    *,
    client_order_id: str = "",
    ioc: bool = False,
    post_only: bool = False,
    reduce_only: bool = False,
) -> OrderRequest:
    """A limit order."""
    return OrderRequest(
        instrument.symbol,
        side,
        size,
        OrderType.LIMIT,
        Decimal(price),
        TimeInForce.IOC if ioc else TimeInForce.GTC,
        post_only=post_only,
        reduce_only=reduce_only,
        client_order_id=client_order_id,
    )


def market(instrument: Instrument, side: Side, size: int, *, reduce_only: bool = False) -> OrderRequest:
    """A market order."""
    return OrderRequest(instrument.symbol, side, size, OrderType.MARKET, reduce_only=reduce_only)


def sell_intent(instrument: Instrument, size: int, price: Decimal | None, client_order_id: str) -> OrderIntent:
    """An entry order of the engine: sell at ``price`` or at market."""
    return OrderIntent(
        client_order_id,
        instrument.option_type,
        Purpose.ENTRY,
        1,
        instrument.symbol,
        instrument.product_id,
        Side.SELL,
        size,
        OrderType.MARKET if price is None else OrderType.LIMIT,
        TimeInForce.IOC,
        price,
        reduce_only=False,
    )


def buy_back_intent(instrument: Instrument, size: int, client_order_id: str) -> OrderIntent:
    """An exit order of the engine: buy back at market, reduce-only."""
    return OrderIntent(
        client_order_id,
        instrument.option_type,
        Purpose.EXIT,
        1,
        instrument.symbol,
        instrument.product_id,
        Side.BUY,
        size,
        OrderType.MARKET,
        TimeInForce.IOC,
        None,
        reduce_only=True,
    )
