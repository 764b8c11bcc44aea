"""How a connection feels, in figures and in words an operator can act on."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.ports import VenueHealth
from trading.venues.delta.account import Account
from trading.venues.delta.link import Link

SKEW_WORTH_A_WORD_MS = 2000.0
WINDOW_SECONDS = 300.0


def health(link: Link, account: Account | None) -> VenueHealth:
    """Connected means: every stream is up, after a gap the account has been caught up, and the exchange has not
    shut its door (key refused, maintenance).
    """
    trips = link.transport.round_trips
    bucket = link.limits.signed if account is not None else link.limits.unsigned
    unread = "; ".join(link.troubles.told())
    up = link.market.stream.whole and (account is None or (account.stream.whole and account.ready))
    return VenueHealth(
        connected=up and not link.troubles.shut,
        detail="; ".join(problems(link, account)),
        unread=unread,
        round_trip_ms=trips.percentile(0.5),
        weight_left=bucket.left,
        weight_limit=bucket.budget,
        skew_ms=round(link.clock.skew_ms, 1) if link.clock.synced else None,
        round_trip_p99_ms=trips.slowest_since(0.99, link.waits.mono() - WINDOW_SECONDS),
        quote_age_seconds=_oldest(link.market.ages()),
        throttled=trips.throttled_since(link.waits.mono() - WINDOW_SECONDS),
    )


def _oldest(ages: Mapping[str, float | None]) -> float | None:
    known = [age for age in ages.values() if age is not None]
    return max(known, default=None)


def problems(link: Link, account: Account | None) -> list[str]:
    """What is wrong now, one sentence each; nothing when all is well."""
    found = link.troubles.told()
    for stream in (link.market.stream, account.stream if account is not None else None):
        if stream is None:
            continue
        if not stream.up:
            found.append(f"{stream.name} stream down ({stream.problem}), REST stands in")
        found += [f"{name} refused: {why}" for name, why in stream.refused.items()]
    if account is not None and not account.ready:
        found.append("the account is being caught up; entries wait")
    if link.market.halted:
        found.append(f"the exchange says it is in {link.market.status}")
    elif link.maintenance:
        found.append("the exchange is under maintenance")
    if link.clock.speed == 1.0 and abs(link.clock.skew_ms) > SKEW_WORTH_A_WORD_MS:
        found.append(f"this machine's clock is off by {link.clock.skew_ms / 1000:.1f} s; corrected")
    ages = {symbol: age for symbol, age in link.market.ages().items() if age is None or age > 10}
    found += [f"{symbol} has no quote" + ("" if age is None else f" for {age:.0f} s") for symbol, age in ages.items()]
    return found


def figures(link: Link) -> dict[str, object]:
    """Round trips in milliseconds (p50, p99), weight spent in the last five minutes, age of each watched quote."""
    trips = link.transport.round_trips
    return {
        "round_trip_p50_ms": trips.percentile(0.5),
        "round_trip_p99_ms": trips.percentile(0.99),
        "signed_weight": link.limits.signed.used,
        "unsigned_weight": link.limits.unsigned.used,
        "quote_ages": link.market.ages(),
        "settlement_twap": link.market.quotes.settlement_twap,
    }
