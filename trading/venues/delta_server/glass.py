"""Quotes as visitors see them: the market's, unless a fault freezes, crosses or empties them. Trading goes on."""

from __future__ import annotations

from dataclasses import replace

from trading.strategy.types import Quote
from trading.venues.delta_server.faults import WireCall, WireFault, WirePlan
from trading.venues.simulated.exchange import SimulatedExchange


class Glass:
    """What stands between the market and those who look at it."""

    def __init__(self, exchange: SimulatedExchange, faults: WirePlan) -> None:
        self._exchange = exchange
        self._faults = faults
        self._frozen: dict[str, Quote] = {}

    def quote(self, symbol: str) -> Quote | None:
        """The quote of a live option as it is shown now; its stamp is old while it is frozen."""
        quote = self._exchange.quote(symbol)
        if quote is None or not self._faults.armed:
            return quote
        call = WireCall(symbol=symbol)
        if self._faults.peek(WireFault.STALE, call) is None:
            self._frozen.pop(symbol, None)
        else:
            quote = self._frozen.setdefault(symbol, quote)
        if self._faults.peek(WireFault.CROSSED, call):
            quote = replace(quote, bid=quote.ask, bid_size=quote.ask_size, ask=quote.bid, ask_size=quote.bid_size)
        if fault := self._faults.peek(WireFault.ONE_SIDED, call):
            if fault.empty != "bid":
                quote = replace(quote, ask=None, ask_size=0)
            if fault.empty != "ask":
                quote = replace(quote, bid=None, bid_size=0)
        return quote
