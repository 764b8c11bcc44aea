"""Quotes and books of one option: spreads, sizes, bands and depth around the model's mark.

Fitted by eye to the captured chain of 4 September 2026: a spread is a quarter of a volatility point of vega at the
front (more further out), 1.1 % of what is in the money, and a few ticks of floor that shrinks with the premium; touch
sizes are 4,000 to 27,000 contracts; quotes above ten dollars of BTC premium stand on whole dollars; the price band is
about 2 % of the index around the mark near and in the money and 0.2 % far out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.strategy.pricing import greeks
from trading.strategy.types import Instrument, OptionType, Quote
from trading.venues.simulated.products import UNDERLYINGS, Underlying
from trading.venues.simulated.surface import Slice

LEVELS = 5
_BTC_BASE = UNDERLYINGS["BTC"].base
_MASK = 0xFFFFFFFF
_SIZE_BLOCK, _SPREAD_BLOCK, _SIDE_BLOCK = 3, 10, 600

BookSide = tuple[tuple[Decimal, int], ...]


@dataclass(frozen=True, slots=True)
class Depth:
    """Price levels with contracts, best first."""

    bids: BookSide
    asks: BookSide


@dataclass(frozen=True, slots=True)
class Scene:
    """The state of the market at one second that every quote of an underlying shares."""

    seed: int
    second: int
    spot: float
    level: float


@dataclass(frozen=True, slots=True)
class Touch:
    """Best prices in ticks (None is an empty side) with their sizes, and the step between quoted prices in ticks."""

    bid: int | None
    bid_size: int
    ask: int
    ask_size: int
    step: int


def noise(seed: int, number: int, time: int) -> int:
    """32 well-mixed bits that depend on nothing but the arguments."""
    bits = (seed * 0x9E3779B1 + number * 0x85EBCA6B + time * 0xC2B2AE35) & _MASK
    bits = ((bits ^ (bits >> 16)) * 0x7FEB352D) & _MASK
    bits = ((bits ^ (bits >> 15)) * 0x846CA68B) & _MASK
    return bits ^ (bits >> 16)


def quote(scene: Scene, instrument: Instrument, smile: Slice, at: datetime, band_width: float = 1.0) -> Quote:
    """The newest quote of ``instrument``; its price band is ``band_width`` times as wide as fitted."""
    spec = UNDERLYINGS[instrument.underlying]
    strike = float(instrument.strike)
    iv = smile.iv(scene.spot, strike)
    model = greeks(instrument.option_type, scene.spot, strike, smile.years, iv)
    touch = _touch(scene, spec, instrument, smile, model.price, model.vega)
    low, high = _band(spec, scene.spot, model.price, abs(model.delta), smile.years, band_width)
    places = -spec.tick_exponent
    return Quote(
        instrument.symbol,
        at,
        None if touch.bid is None else Decimal(touch.bid).scaleb(places),
        touch.bid_size,
        Decimal(touch.ask).scaleb(places),
        touch.ask_size,
        Decimal(round(model.price * 10_000)).scaleb(-4),
        iv,
        model.delta,
        model.gamma,
        model.theta,
        model.vega,
        _open_interest(instrument.product_id, abs(model.delta), smile.years),
        Decimal(low).scaleb(places),
        Decimal(high).scaleb(places),
    )


def depth(scene: Scene, instrument: Instrument, smile: Slice) -> Depth:
    """Five levels a side around the same touch as :func:`quote`."""
    spec = UNDERLYINGS[instrument.underlying]
    strike = float(instrument.strike)
    model = greeks(instrument.option_type, scene.spot, strike, smile.years, smile.iv(scene.spot, strike))
    touch = _touch(scene, spec, instrument, smile, model.price, model.vega)
    bits = noise(scene.seed, instrument.product_id, scene.second // _SIZE_BLOCK + 7)
    bids = () if touch.bid is None else _levels(touch.bid, touch.bid_size, -touch.step, bits, spec)
    return Depth(bids, _levels(touch.ask, touch.ask_size, touch.step, bits >> 10, spec))


def reach(scene: Scene, instrument: Instrument, smile: Slice) -> tuple[float, float]:
    """The mark, and how far from it in dollars no touch of this scene can lie."""
    spec = UNDERLYINGS[instrument.underlying]
    strike = float(instrument.strike)
    model = greeks(instrument.option_type, scene.spot, strike, smile.years, smile.iv(scene.spot, strike))
    spread = _spread(scene, spec, instrument, smile, model.price, model.vega)
    return model.price, 0.9 * spread + 20.0 / spec.ticks_per_dollar


def _touch(scene: Scene, spec: Underlying, instrument: Instrument, smile: Slice, mark: float, vega: float) -> Touch:
    number = instrument.product_id
    jitter = noise(scene.seed, number, scene.second // _SPREAD_BLOCK) & 0xFF
    spread = _spread(scene, spec, instrument, smile, mark, vega) * (0.85 + 0.4 * jitter / 255.0)
    scale = spec.ticks_per_dollar
    ticks = mark * scale
    step = 10 if ticks >= 100.0 else 1
    half = spread * scale / 2.0
    lean = (jitter / 255.0 - 0.5) * 0.4 * half
    bid = math.floor((ticks - half + lean) / step + 0.5) * step
    ask = max(math.ceil((ticks + half + lean) / step - 0.5) * step, bid + step, 1)
    bits = noise(scene.seed, number, scene.second // _SIZE_BLOCK)
    bid_size, ask_size = _sizes(scene.seed, number, smile.years, ticks, bits)
    if bid < 1 or (ticks < 12.0 and noise(scene.seed, number, scene.second // _SIDE_BLOCK + 3) % 8 == 0):
        return Touch(None, 0, ask, ask_size, step)
    return Touch(bid, bid_size, ask, ask_size, step)


def _spread(scene: Scene, spec: Underlying, instrument: Instrument, smile: Slice, mark: float, vega: float) -> float:
    unit = spec.base / _BTC_BASE
    sign = 1.0 if instrument.option_type is OptionType.CALL else -1.0
    inside = max(0.0, sign * (scene.spot - float(instrument.strike)))
    points: float = 0.2 * max(smile.years * 365.0, 0.05) ** 0.32
    floor: float = unit * min(1.2, 0.42 * (max(mark, 0.0) / unit) ** 0.7)
    stress: float = max(1.0, scene.level) ** 1.5
    return (points * vega + floor) * stress + 0.011 * inside


def _sizes(seed: int, number: int, years: float, ticks: float, bits: int) -> tuple[int, int]:
    tenor = noise(seed, 0, int(years * 365.0) + 11)
    bid, ask = 6_000 + tenor % 8_000, 4_000 + (tenor >> 13) % 5_000
    bid += (bits & 0xFF) * (40 if bits & 0x300 == 0 else 2)
    ask += ((bits >> 10) & 0xFF) * (60 if bits & 0xC00000 == 0 else 3)
    if ticks < 120.0:
        thin = 1 + (bits >> 5) % 4
        return max(100, bid * thin // 6), ask * (2 if number & 2 else 3)
    return bid, ask


def _levels(best: int, size: int, step: int, bits: int, spec: Underlying) -> BookSide:
    levels = []
    ticks = best
    for index in range(LEVELS):
        if ticks < 1:
            break
        levels.append(
            (Decimal(ticks).scaleb(-spec.tick_exponent), size if index == 0 else size * (2 + (bits & 3)) // 2)
        )
        ticks += step * (1 + (bits & 3))
        bits >>= 2
    return tuple(levels)


def _band(spec: Underlying, spot: float, mark: float, delta: float, years: float, wide: float) -> tuple[int, int]:
    width = spot * (0.002 + 0.018 * (1.0 - (1.0 - delta) ** 2.4))
    if years > 5.0 / 365.0:
        width = max(width, 0.9 * mark)
    width *= wide
    scale = spec.ticks_per_dollar
    return max(1, math.ceil((mark - width) * scale)), math.floor((mark + width) * scale)


def _open_interest(number: int, delta: float, years: float) -> int:
    bits = noise(0, number, 0)
    interest = (
        60_000.0
        * (bits & 0xFFFF)
        / 65_535.0
        * (0.15 + delta * (1.0 - delta) * 3.0)
        * (0.3 + 0.7 * ((bits >> 16) & 7) / 7)
    )
    return int(interest if delta < 0.55 else interest * 0.1) // (1 if years < 0.05 else 3)
