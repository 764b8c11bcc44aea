"""The public tape of one option: the market's prints and our own fills, in one order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.types import Instrument, Side
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.prints import Print, priced, print_times, recent_prints
from trading.venues.simulated.records import FillRecord, FillType


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade: ``at`` is microseconds since 1970, price dollars, size contracts."""

    at: int
    price: Decimal
    size: int
    buyer_is_taker: bool


def from_print(trade: Print) -> PublicTrade:
    """A trade of others."""
    return PublicTrade(trade.at * 1_000_000, trade.price, trade.size, trade.side is Side.BUY)


def from_fill(fill: FillRecord) -> PublicTrade:
    """A trade of ours: the buyer is the taker when we took by buying or rested selling."""
    return PublicTrade(fill.at, fill.price, fill.size, (fill.side is Side.BUY) is (fill.role == "taker"))


def recent_trades(exchange: SimulatedExchange, instrument: Instrument, count: int) -> list[PublicTrade]:
    """The newest ``count`` trades, newest first."""
    exchange.catch_up()
    until = int(exchange.now().timestamp())
    clause = "WHERE symbol = ? AND fill_type = ? ORDER BY sequence DESC LIMIT ?"
    ours = exchange.records.page(FillRecord, clause, (instrument.symbol, FillType.NORMAL, count))
    others = recent_prints(exchange.market, instrument, until, count)
    found = [*map(from_fill, ours), *map(from_print, others)]
    return sorted(found, key=lambda trade: -trade.at)[:count]


def prints_between(exchange: SimulatedExchange, instrument: Instrument, after: int, until: int) -> list[PublicTrade]:
    """Trades of others in the Unix seconds (``after``, ``until``], oldest first."""
    times = print_times(exchange.market, instrument, after + 1, until)
    return [from_print(trade) for trade in priced(exchange.market, instrument, times)]
