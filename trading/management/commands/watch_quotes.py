"""``manage.py watch_quotes``: the best bid and ask of a few options, as they stream."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django.core.management.base import CommandParser

from trading.management.base import seconds_of
from trading.management.delta_tool import MARKETS, DeltaTool, columns
from trading.strategy.types import Quote
from trading.venue_factory import public_config
from trading.venues.delta.dry_run import DryRunVenue
from trading.venues.delta_tools.quotes import QuoteBoard

HEADER: Final = ("symbol", "bid size", "bid", "ask", "ask size", "mark", "delta", "age s")
LOOK_SECONDS: Final = 1.0


class Command(DeltaTool):
    """Public data; needs no key. Ends after ``--seconds`` or with Ctrl-C."""

    help = "Show the best bid and ask of options of one underlying, live."
    modes = MARKETS

    def add_arguments(self, parser: CommandParser) -> None:
        """Which, where, how long."""
        parser.add_argument("symbols", nargs="+", metavar="SYMBOL", help="An option, like C-BTC-90000-310125.")
        parser.add_argument("--seconds", type=seconds_of, default=math.inf, help="How long (default: until Ctrl-C).")
        self.add_mode(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Watch and tell."""
        try:
            self.at_exchange(self._watch(options["mode"], options["symbols"], options["seconds"]))
        except KeyboardInterrupt:
            self.stdout.write("Ended.")

    async def _watch(self, mode: str, symbols: Sequence[str], seconds: float) -> None:
        venue = DryRunVenue(public_config(mode))
        board = QuoteBoard(venue, symbols)
        try:
            await board.open()
            deadline = time.monotonic() + seconds
            told_at = -math.inf
            while (now := time.monotonic()) < deadline:
                seen = await board.look(min(LOOK_SECONDS, deadline - now))
                if time.monotonic() - told_at >= LOOK_SECONDS:
                    told_at = time.monotonic()
                    self._tell(venue, seen, board.trouble)
        finally:
            await venue.close()

    def _tell(self, venue: DryRunVenue, seen: list[tuple[Quote, float | None]], trouble: str) -> None:
        rows = [HEADER, *(_row(quote, age) for quote, age in seen)]
        self.stdout.write(f"{venue.now():%H:%M:%S} UTC  {trouble}".rstrip())
        self.stdout.write(columns(rows, right=frozenset(range(1, len(HEADER)))) + "\n")
        self.stdout.flush()


def _row(quote: Quote, age: float | None) -> tuple[str, ...]:
    prices = [_plain(quote.bid), _plain(quote.ask), str(quote.ask_size), _plain(quote.mark)]
    delta = "-" if quote.delta is None else f"{quote.delta:+.3f}"
    return (quote.symbol, str(quote.bid_size), *prices, delta, "-" if age is None else f"{age:.1f}")


def _plain(price: Decimal | None) -> str:
    return "-" if price is None else f"{price.normalize():f}"
