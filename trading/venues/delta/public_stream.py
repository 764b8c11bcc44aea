"""What to subscribe to on the public socket for a set of options (§7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trading.strategy.types import Instrument
from trading.venues.delta.quotes import MARK_PREFIX

ALWAYS: Mapping[str, Sequence[str]] = {"product_updates": (), "system_status": ()}


def channels(instruments: Sequence[Instrument], index: str) -> dict[str, Sequence[str]]:
    """Channels with symbols: the book of each option, tickers by chain, marks, the index and its settlement average."""
    wanted: dict[str, Sequence[str]] = dict(ALWAYS)
    if instruments:
        symbols = [option.symbol for option in instruments]
        wanted["ob_l1"] = symbols
        wanted["ticker"] = list(dict.fromkeys(chain_token(option) for option in instruments))
        wanted["mark_price"] = [MARK_PREFIX + symbol for symbol in symbols]
    if index:
        wanted["spot_price"] = [index]
        wanted["spot_30mtwap_price"] = [index]
    return wanted


def chain_token(option: Instrument) -> str:
    """``BTC-050926``: all options of one underlying and settlement day."""
    return f"{option.underlying}-{option.settlement_at:%d%m%y}"
