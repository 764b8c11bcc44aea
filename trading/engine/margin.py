"""Reading, beside the chain, the margin of exactly the strikes that the strategy would sell."""

from __future__ import annotations

from datetime import datetime

from trading.engine.ports import Venue, VenueUnavailable
from trading.strategy.selection import select
from trading.strategy.types import Chain, MarginSeen, StrategyParams


async def margin_seen(venue: Venue, params: StrategyParams, chain: Chain, now: datetime) -> MarginSeen | None:
    """What selling both legs would bind and what is free; None when the chain offers nothing to sell, or when the venue
    is set up not to be asked. A read that fails comes back as its ``error``, never as an exception.
    """
    chosen = select(params, chain, now)
    rows = tuple(row for row in (chosen.call, chosen.put) if row is not None)
    if not chosen.ok:
        return None
    symbols = tuple(row.instrument.symbol for row in rows)
    try:
        required = await venue.margin_required(rows, params.quantity)
        if required is None:
            return None
        return MarginSeen(symbols, required, (await venue.balance()).available)
    except VenueUnavailable as error:
        return MarginSeen(symbols, error=str(error) or "no answer")
