"""Quotes that arrive together are one look at the market."""

from __future__ import annotations

from collections.abc import Iterable

from trading.strategy.events import Event, MarketSeen, QuoteSeen, SpotSeen


def one_look(events: Iterable[Event]) -> list[Event]:
    """The same events in the same order, with every run of quotes and index prices as one ``MarketSeen`` at the time of
    its last; the newest quote of each symbol counts.
    """
    found: list[Event] = []
    run: list[QuoteSeen | SpotSeen] = []
    for event in events:
        if isinstance(event, QuoteSeen | SpotSeen):
            run.append(event)
            continue
        found.extend(_merged(run))
        run = []
        found.append(event)
    return [*found, *_merged(run)]


def _merged(run: list[QuoteSeen | SpotSeen]) -> list[Event]:
    if len(run) < 2:
        return list(run)
    quotes = {event.quote.symbol: event.quote for event in run if isinstance(event, QuoteSeen)}
    prices = [event.price for event in run if isinstance(event, SpotSeen)]
    return [MarketSeen(run[-1].at, tuple(quotes.values()), prices[-1] if prices else None)]
