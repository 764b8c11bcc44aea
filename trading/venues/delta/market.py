"""The market's half of the venue: chain, watched quotes, the public stream and its REST fallback. Needs no key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from trading.strategy.types import Chain, ChainRow, Instrument
from trading.venues.delta import parse
from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.fields import Row, inner, text
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.products import Products
from trading.venues.delta.public_stream import channels
from trading.venues.delta.quotes import QuoteBook
from trading.venues.delta.rest import MAX_IDS, Rest
from trading.venues.delta.stream import Stream, Waits

log = logging.getLogger("trading.venues.delta")
LIVE = ("live", "")


class Market:
    """Public data of the exchange. Methods that read raise DeltaError."""

    def __init__(
        self, config: DeltaConfig, rest: Rest, clock: VenueClock, inbox: Inbox, *, waits: Waits | None = None
    ) -> None:
        waits = waits or Waits()
        self.config = config
        self.products = Products(rest, config, mono=waits.mono)
        self.quotes = QuoteBook(inbox, clock.now)
        self.status = ""
        self.stream = Stream("public", config.ws_public_url, config, on_frame=self._frame, waits=waits)
        self.on_quote: Callable[[], None] = lambda: None
        self._rest = rest
        self._clock = clock
        self._mono = waits.mono
        self._watched: tuple[str, ...] = ()
        self._underlying = ""
        self._watched_at = 0.0

    @property
    def watched(self) -> tuple[str, ...]:
        """Symbols whose quotes are followed."""
        return self._watched

    @property
    def halted(self) -> bool:
        """The exchange says it is not open for trading."""
        return self.status not in LIVE

    async def chain(self, underlying: str) -> Chain:
        """All live options of an underlying with quotes; an unknown symbol has the products read again."""
        await self.products.fresh()
        rows = await self._rest.tickers(underlying)
        quotes, skipped = parse.quotes_of(rows, underlying)
        await self.products.know(quotes)
        spot = parse.spot_of(rows, underlying)
        options = self.products.of(underlying)
        restricted = parse.restrictions_of(rows)
        chain = tuple(
            ChainRow(_restricted(option, restricted), quotes[option.symbol])
            for option in options
            if option.symbol in quotes
        )
        listed = {option.symbol for option in options}
        unlisted = [f"{symbol}: not among the live products" for symbol in quotes if symbol not in listed]
        return Chain(
            at=self._clock.now(),
            underlying=underlying,
            spot=None if spot is None else spot[1],
            rows=chain,
            skipped=(*self.products.skipped, *skipped, *unlisted),
        )

    async def watch(self, underlying: str, symbols: Sequence[str]) -> None:
        """Follow exactly these options and the index of ``underlying``; REST gives the first look at once."""
        await self.products.fresh()
        await self.products.know(symbols)
        self._underlying, self._watched, self._watched_at = underlying, tuple(symbols), self._mono()
        index = self.products.index_of(underlying)
        self.quotes.watch(symbols, index)
        await self.stream.subscribe(channels(self._instruments(), index))
        await self.read_quotes()

    async def read_quotes(self) -> None:
        """Take the watched quotes and the index from REST, ten at a time."""
        for start in range(0, len(self._watched), MAX_IDS):
            rows = await self._rest.tickers_of(self._watched[start : start + MAX_IDS])
            quotes, skipped = parse.quotes_of(rows, self._underlying)
            for reason in skipped:
                log.warning("A ticker was left out: %s", reason, extra={"event": "delta_ticker_skipped"})
            for symbol in self._watched:
                if symbol in quotes:
                    self.quotes.take_rest(quotes[symbol])
            if (spot := parse.spot_of(rows, self._underlying)) is not None:
                self.quotes.take_spot(*spot)
        self.on_quote()

    async def fall_back(self) -> bool:
        """One step of the fallback: where a watched quote has been silent for too long, REST answers for the stream.
        Whether it did.
        """
        if not self._watched or not self.silent():
            return False
        await self.read_quotes()
        return True

    def silent(self) -> bool:
        """Whether a watched quote is older than the fallback allows."""
        oldest, allowed = self.quotes.oldest_at(), self.config.wall(self.config.quote_fallback_seconds)
        if oldest is None:
            return self._mono() - self._watched_at > allowed
        return self._clock.wall_seconds_since(oldest) > allowed

    def ages(self) -> dict[str, float | None]:
        """Wall seconds since the stamp of each watched quote; None before the first."""
        return {symbol: self.age(symbol) for symbol in self._watched}

    def age(self, symbol: str) -> float | None:
        """Wall seconds since the stamp of a quote; None without one."""
        quote = self.quotes.newest(symbol)
        return None if quote is None else self._clock.wall_seconds_since(quote.at)

    def _instruments(self) -> list[Instrument]:
        found = [self.products.get(symbol) for symbol in self._watched]
        return [option for option in found if option is not None]

    def _frame(self, frame: Row) -> None:
        match frame.get("type"):
            case "product_updates":
                product = inner(frame, "product")
                self.products.update_status(text(product, "symbol"), text(product, "trading_status"))
            case "system_status":
                self._system(frame)
            case _:
                self.quotes.take(frame)
                self.on_quote()

    def _system(self, frame: Row) -> None:
        status = text(frame, "status")
        if status != self.status:
            level = logging.INFO if status in LIVE else logging.WARNING
            log.log(level, "The exchange's status is %s", status, extra={"event": "delta_system_status"})
        self.status = status


def _restricted(option: Instrument, statuses: Mapping[str, str]) -> Instrument:
    """The option as its ticker knows it, where that is more than what the products said."""
    if option.trading_status != parse.OPERATIONAL or option.symbol not in statuses:
        return option
    return replace(option, trading_status=statuses[option.symbol])
