"""One quote per option, put together from frames of several channels and from REST.

``at`` is the stamp of the book (bid and ask), since that is what one trades at; marks and greeks ride along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.strategy.events import QuoteSeen, SpotSeen
from trading.strategy.types import Quote
from trading.venues.delta.fields import BadField, Row, decimal, need_moment, need_text, text
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.parse import level

MARK_PREFIX = "MARK:"


class QuoteBook:
    """The newest quotes of the watched options and the index of their underlying."""

    def __init__(self, inbox: Inbox, now: Callable[[], datetime]) -> None:
        self.spot: Decimal | None = None
        self.spot_at: datetime | None = None
        self.settlement_twap: Decimal | None = None
        self._inbox = inbox
        self._now = now
        self._quotes: dict[str, Quote] = {}
        self._symbols: tuple[str, ...] = ()
        self._index = ""

    def watch(self, symbols: Sequence[str], index: str) -> None:
        """Follow exactly these options and this index symbol; other quotes are forgotten."""
        self._symbols = tuple(symbols)
        self._quotes = {symbol: quote for symbol, quote in self._quotes.items() if symbol in self._symbols}
        if index != self._index:
            self.spot = self.spot_at = self.settlement_twap = None
        self._index = index

    def newest(self, symbol: str) -> Quote | None:
        """The newest quote of a watched option."""
        return self._quotes.get(symbol)

    def oldest_at(self) -> datetime | None:
        """The stamp of the watched quote that is longest without news; None while one has none yet."""
        stamps = [self._quotes[symbol].at for symbol in self._symbols if symbol in self._quotes]
        return min(stamps) if stamps and len(stamps) == len(self._symbols) else None

    def take(self, frame: Row) -> None:
        """A frame of a public channel. Raises BadField when it makes no sense."""
        match frame.get("type"):
            case "ob_l1":
                self._book(frame)
            case "ticker":
                self._ticker(frame)
            case "mark_price":
                self._mark(frame)
            case "spot_price":
                self._spot(text(frame, "sy"), decimal(frame, "p"), need_moment(frame, "ts"))
            case "spot_30mtwap_price":
                if text(frame, "symbol") == self._index:
                    self.settlement_twap = decimal(frame, "price")

    def take_rest(self, quote: Quote) -> None:
        """A REST ticker, where the streams are silent."""
        self._merge(quote)

    def take_spot(self, at: datetime, price: Decimal) -> None:
        """The index as a REST ticker carries it."""
        self._spot(self._index, price, at)

    def _book(self, frame: Row) -> None:
        symbol, at = need_text(frame, "sy"), need_moment(frame, "ts")
        bid, bid_size = level(frame, "bp", "bs")
        ask, ask_size = level(frame, "ap", "as")
        known = self._quotes.get(symbol)
        if known is not None and at < known.at:
            return
        base = known or Quote(symbol, at)
        self._keep(replace(base, at=at, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size))

    def _ticker(self, frame: Row) -> None:
        """Compact arrays in the exchange's order (§7.2): ``q`` ask, ask size, bid, bid size; ``qiv`` ask, bid, mark;
        ``g`` delta, gamma, rho, theta, vega; ``oi`` contracts; ``pb`` lower, upper.
        """
        at = need_moment(frame, "ts")
        for row in frame.get("d") or ():
            symbol = text(row, "s")
            if symbol in self._symbols:
                self._merge(_from_ticker(symbol, at, row))
        price = decimal(frame, "sp")
        if price is not None and (self.spot_at is None or at > self.spot_at) and self._is_of_index(frame):
            self._spot(self._index, price, at)

    def _is_of_index(self, frame: Row) -> bool:
        """Whether a ticker frame belongs to a watched option, hence to the watched index."""
        return any(text(row, "s") in self._symbols for row in frame.get("d") or ())

    def _merge(self, seen: Quote) -> None:
        """Marks and greeks always; the book only where it is newer than what ``ob_l1`` gave."""
        known = self._quotes.get(seen.symbol)
        if known is None or seen.at > known.at:
            self._keep(seen)
            return
        book = {name: getattr(known, name) for name in ("at", "bid", "bid_size", "ask", "ask_size")}
        self._keep(replace(seen, **book))

    def _mark(self, frame: Row) -> None:
        known = self._quotes.get(text(frame, "sy").removeprefix(MARK_PREFIX))
        if known is not None and (mark := decimal(frame, "p")) is not None:
            self._keep(replace(known, mark=mark))

    def _keep(self, quote: Quote) -> None:
        if quote.symbol in self._symbols:
            self._quotes[quote.symbol] = quote
            self._inbox.put(QuoteSeen(self._now(), quote))

    def _spot(self, symbol: str, price: Decimal | None, at: datetime) -> None:
        if symbol != self._index or price is None or price <= 0 or (self.spot_at is not None and at < self.spot_at):
            return
        self.spot, self.spot_at = price, at
        self._inbox.put(SpotSeen(self._now(), price))


def _from_ticker(symbol: str, at: datetime, row: Row) -> Quote:
    book = _named(row, "q", ("ask", "ask_size", "bid", "bid_size"))
    iv = _named(row, "qiv", ("ask", "bid", "mark"))
    greeks = _named(row, "g", ("delta", "gamma", "rho", "theta", "vega"))
    band = _named(row, "pb", ("low", "high"))
    interest = decimal(_named(row, "oi", ("contracts",)), "contracts")
    bid, bid_size = level(book, "bid", "bid_size")
    ask, ask_size = level(book, "ask", "ask_size")
    return Quote(
        symbol=symbol,
        at=at,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        mark=decimal(row, "m"),
        iv=_float(iv, "mark"),
        delta=_float(greeks, "delta"),
        gamma=_float(greeks, "gamma"),
        theta=_float(greeks, "theta"),
        vega=_float(greeks, "vega"),
        open_interest=None if interest is None else int(interest),
        band_low=decimal(band, "low"),
        band_high=decimal(band, "high"),
    )


def _named(row: Row, name: str, keys: Sequence[str]) -> dict[str, Any]:
    """A compact array with its places named; missing places are left out."""
    values = row.get(name)
    if values is None:
        return {}
    if not isinstance(values, list | tuple):
        raise BadField(f"{name} is not a list")
    return dict(zip(keys, values, strict=False))


def _float(row: Row, name: str) -> float | None:
    value = decimal(row, name)
    return None if value is None else float(value)
