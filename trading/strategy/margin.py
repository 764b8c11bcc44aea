"""Whether the account carries the entry: a figure that is read, never assumed."""

from __future__ import annotations

from collections.abc import Sequence

from trading.strategy.types import ChainRow, MarginSeen


def margin_refusal(seen: MarginSeen | None, rows: Sequence[ChainRow]) -> str:
    """Why the account does not carry selling these; empty when it does, or when the venue was not asked (None). What
    could not be read is unknown, and unknown is not enough.
    """
    if seen is None:
        return ""
    if seen.error or seen.required is None or seen.available is None:
        return f"The margin could not be read: {seen.error or 'the venue gave no figure'}"
    if sorted(seen.symbols) != sorted(row.instrument.symbol for row in rows):
        return "The strikes changed while their margin was read."
    if seen.required > seen.available:
        return f"Not enough margin: needs ${seen.required:,.2f}, ${seen.available:,.2f} is free."
    return ""
