"""Quotes as they stream, and chains as they are recorded: public data, no key."""

from __future__ import annotations

from collections.abc import Sequence

from trading.strategy.types import Chain, Quote
from trading.venues.delta.dry_run import DryRunVenue

OPTION_PREFIXES = ("C-", "P-")


def underlying_of(symbols: Sequence[str]) -> str:
    """The one underlying of option symbols like ``C-BTC-90000-310125``. ValueError for anything else."""
    found = {
        symbol.split("-")[1] for symbol in symbols if symbol.startswith(OPTION_PREFIXES) and symbol.count("-") == 3
    }
    if len(found) != 1 or not all(symbol.startswith(OPTION_PREFIXES) for symbol in symbols):
        raise ValueError("Give option symbols of one underlying, like C-BTC-90000-310125.")
    return found.pop()


class QuoteBoard:
    """The newest quotes of a few options of one underlying."""

    def __init__(self, venue: DryRunVenue, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self._venue = venue

    async def open(self) -> None:
        """Connect and subscribe. VenueUnavailable when the products cannot be read, ValueError for unknown symbols."""
        underlying = underlying_of(self.symbols)
        await self._venue.connect()
        chain: Chain = await self._venue.chain(underlying)
        known = {row.instrument.symbol for row in chain.rows}
        if unknown := [symbol for symbol in self.symbols if symbol not in known]:
            raise ValueError(f"Not among the live options: {', '.join(unknown)}")
        await self._venue.watch(underlying, self.symbols)

    async def look(self, seconds: float) -> list[tuple[Quote, float | None]]:
        """Wait up to ``seconds`` of wall time for news; then every quote with its age in seconds."""
        await self._venue.wait(seconds)
        await self._venue.poll()
        market = self._venue.market
        quotes = [(market.quotes.newest(symbol), market.age(symbol)) for symbol in self.symbols]
        return [(quote, age) for quote, age in quotes if quote is not None]

    @property
    def trouble(self) -> str:
        """What is wrong with the stream, in words; empty when nothing is."""
        return self._venue.health().detail
