"""The simulated market: index, volatility, listings, quotes and books, all of them functions of seed and time with
random access.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from trading.strategy.types import Instrument, OptionType, Quote
from trading.venues.simulated import quoting
from trading.venues.simulated.paths import (
    DAY_SECONDS,
    HOUR_SECONDS,
    Array,
    DayCache,
    Driver,
    Regime,
    VolatilityLevel,
)
from trading.venues.simulated.products import (
    AUCTION_SECONDS,
    SETTLEMENT_SECOND,
    UNDERLYINGS,
    OptionName,
    Series,
    Underlying,
    at_second,
    ladder,
    parse_product_id,
    parse_symbol,
    series_after,
)
from trading.venues.simulated.surface import Slice, slice_at

TWAP_SECONDS = 1_800
_BETA, _OWN_SIGMA = 1.15, 0.009


class IndexPath:
    """Index and volatility level of one underlying, day by day."""

    def __init__(self, seed: int, spec: Underlying, common: Driver) -> None:
        self.spec = spec
        self._common = common
        self._own = None if spec.number == 1 else Driver(seed, 10 + spec.number, sigma=_OWN_SIGMA, jumps=False)
        self._volatility = VolatilityLevel(common, seed, 20 + spec.number)
        self._days = DayCache()

    def _day(self, day: int) -> tuple[Array, Array]:
        found = self._days.get(day)
        if found is None:
            log = self._common.path(day)
            levels = self._volatility.path(day, log)
            if self._own is not None:
                log = _BETA * log + self._own.path(day)
            found = (self.spec.base * np.exp(log), levels)
            self._days.put(day, found)
        return found

    def at(self, second: int) -> tuple[float, float]:
        """Index in dollars (on a tenth of a dollar for BTC) and volatility level at a Unix second."""
        day, rest = divmod(second, DAY_SECONDS)
        spots, levels = self._day(day)
        minute, part = divmod(rest, 60)
        low = float(levels[minute])
        level = low + (float(levels[minute + 1]) - low) * part / 60.0
        return round(float(spots[rest]), self.spec.tick_exponent), level

    def between(self, first: int, last: int) -> Array:
        """Index at every second from ``first`` to ``last`` inclusive, unrounded."""
        pieces = []
        while first <= last:
            day, rest = divmod(first, DAY_SECONDS)
            end = min(last, (day + 1) * DAY_SECONDS - 1)
            pieces.append(self._day(day)[0][rest : end - day * DAY_SECONDS + 1])
            first = end + 1
        return np.concatenate(pieces) if pieces else np.empty(0)

    def rough(self, second: int) -> tuple[float, float]:
        """Index and volatility level at a whole hour, without computing the day."""
        day, rest = divmod(second, DAY_SECONDS)
        hour = rest // HOUR_SECONDS
        log = self._common.at_hour(day, hour)
        if self._own is not None:
            log = _BETA * log + self._own.at_hour(day, hour)
        return self.spec.base * math.exp(log), math.exp(self._volatility.level(day))


class Listings:
    """Which strikes of which series are listed, and since when."""

    def __init__(self, index: IndexPath) -> None:
        self._index = index
        self._launches: dict[int, tuple[int, dict[int, int]]] = {}

    def series(self, second: int) -> tuple[Series, ...]:
        """The live series at a Unix second."""
        day, rest = divmod(second, DAY_SECONDS)
        return series_after(day if rest < SETTLEMENT_SECOND else day + 1)

    def strikes(self, series: Series, second: int) -> dict[int, int]:
        """Listed strikes of a series with the second each was launched."""
        bucket = second - second % HOUR_SECONDS
        upto, launches = self._computed(series, bucket)
        return launches if upto == bucket else {strike: at for strike, at in launches.items() if at <= bucket}

    def launch(self, series: Series, strike: int, second: int) -> int | None:
        """When a strike of a series was launched; None if it is not listed at a Unix second."""
        bucket = second - second % HOUR_SECONDS
        launched = self._computed(series, bucket)[1].get(strike)
        return launched if launched is not None and launched <= bucket else None

    def _computed(self, series: Series, bucket: int) -> tuple[int, dict[int, int]]:
        """The furthest listings known of a series, at least up to ``bucket``."""
        known = self._launches.get(series.day, (-1, {}))
        if known[0] >= bucket:
            return known
        launches = dict(known[1])
        for moment, name in series.listings(bucket):
            if moment > known[0]:
                spot, level = self._index.rough(moment)
                for strike in ladder(self._index.spec, name, spot, level):
                    launches.setdefault(strike, moment)
        known = self._launches[series.day] = (bucket, launches)
        return known


class Market:
    """All underlyings under one seed. Times are aware UTC, resolved to the whole second; prices are dollars per one
    unit of the underlying. ``band_width`` may be set at any time: how many times as wide as fitted the price band is,
    0 for an exchange that lets nothing trade away from its mark.
    """

    def __init__(self, seed: int, underlyings: Sequence[str] = ("BTC", "ETH")) -> None:
        self.seed = seed
        self.underlyings = tuple(underlyings)
        self.band_width = 1.0
        self._driver = Driver(seed, 1)
        self._indices = {name: IndexPath(seed, UNDERLYINGS[name], self._driver) for name in self.underlyings}
        self._listings = {name: Listings(index) for name, index in self._indices.items()}
        self._instruments: dict[str, Instrument] = {}
        self._scenes: dict[str, quoting.Scene] = {}
        self._slices: dict[tuple[str, int], tuple[quoting.Scene, Slice]] = {}

    def regime(self, at: datetime) -> Regime:
        """The character of the UTC day of ``at``."""
        return self._driver.skeleton(_second(at) // DAY_SECONDS).regime

    def spot(self, underlying: str, at: datetime) -> Decimal:
        """The index. KeyError for an underlying that is not traded here."""
        return self._decimal(underlying, self._indices[underlying].at(_second(at))[0])

    def volatility_level(self, underlying: str, at: datetime) -> float:
        """How many times its normal height the volatility surface stands."""
        return self._indices[underlying].at(_second(at))[1]

    def spots(self, underlying: str, first: datetime, last: datetime) -> Array:
        """The index at every second from ``first`` to ``last`` inclusive."""
        return self._indices[underlying].between(_second(first), _second(last))

    def twap(self, underlying: str, settlement_at: datetime) -> Decimal:
        """The settlement price: mean of the index over the 30 minutes before ``settlement_at``, to the index tick."""
        window = self.spots(underlying, settlement_at - timedelta(seconds=TWAP_SECONDS - 1), settlement_at)
        return self._decimal(underlying, float(window.mean()))

    def _decimal(self, underlying: str, price: float) -> Decimal:
        places = UNDERLYINGS[underlying].tick_exponent
        return Decimal(round(price * 10**places)).scaleb(-places)

    def instruments(self, at: datetime, underlying: str) -> list[Instrument]:
        """Every live option, nearest expiry first, then by strike, call before put."""
        listings = self._listings.get(underlying)
        if listings is None:
            return []
        second = _second(at)
        found = []
        for series in listings.series(second):
            for strike, launched in sorted(listings.strikes(series, second).items()):
                for letter in "CP":
                    found.append(self._instrument(f"{letter}-{underlying}-{strike}", series.day, launched, second))
        return found

    def instrument(self, symbol: str, at: datetime) -> Instrument | None:
        """The listed option with this symbol, or None when it is not (or no longer, or not yet) live."""
        name = parse_symbol(symbol)
        return None if name is None else self._listed(name, _second(at))

    def instrument_by_id(self, product_id: int, at: datetime) -> Instrument | None:
        """The listed option with this product id, or None."""
        name = parse_product_id(product_id)
        return None if name is None else self._listed(name, _second(at))

    def contract(self, symbol: str) -> Instrument | None:
        """The terms of an option whether or not it is live now; None for a symbol that is not an option of ours."""
        name = parse_symbol(symbol)
        return None if name is None else self._built(name.symbol.rsplit("-", 1)[0], name.day)

    def launched(self, symbol: str, at: datetime) -> datetime | None:
        """When the option was listed, or None if it is not live."""
        name = parse_symbol(symbol)
        launched = None if name is None else self._launch(name, _second(at))
        return None if launched is None else at_second(launched)

    def _launch(self, name: OptionName, second: int) -> int | None:
        listings = self._listings.get(name.underlying)
        for series in listings.series(second) if listings else ():
            if series.day == name.day and listings is not None:
                return listings.launch(series, name.strike, second)
        return None

    def _listed(self, name: OptionName, second: int) -> Instrument | None:
        launched = self._launch(name, second)
        if launched is None:
            return None
        return self._instrument(name.symbol.rsplit("-", 1)[0], name.day, launched, second)

    def _instrument(self, stem: str, day: int, launched: int, second: int) -> Instrument:
        known = self._built(stem, day)
        auction = second < launched + AUCTION_SECONDS
        return replace(known, trading_status="disrupted_post_only") if auction else known

    def _built(self, stem: str, day: int) -> Instrument:
        known = self._instruments.get(key := f"{stem}-{day}")
        if known is None:
            known = self._instruments[key] = _build(stem, day)
        return known

    def _scene(self, underlying: str, second: int) -> quoting.Scene:
        scene = self._scenes.get(underlying)
        if scene is None or scene.second != second:
            spot, level = self._indices[underlying].at(second)
            scene = self._scenes[underlying] = quoting.Scene(self.seed, second, spot, level)
        return scene

    def _slice(self, scene: quoting.Scene, underlying: str, settlement: int) -> Slice:
        kept = self._slices.get((underlying, settlement))
        if kept is None or kept[0] is not scene:
            kept = self._slices[(underlying, settlement)] = (scene, slice_at(scene.second, settlement, scene.level))
        return kept[1]

    def quote(self, instrument: Instrument, at: datetime) -> Quote:
        """The newest quote of a live option."""
        scene = self._scene(instrument.underlying, _second(at))
        smile = self._slice(scene, instrument.underlying, _second(instrument.settlement_at))
        return quoting.quote(scene, instrument, smile, at, self.band_width)

    def depth(self, instrument: Instrument, at: datetime) -> quoting.Depth:
        """The order book of a live option, five levels a side."""
        scene = self._scene(instrument.underlying, _second(at))
        smile = self._slice(scene, instrument.underlying, _second(instrument.settlement_at))
        return quoting.depth(scene, instrument, smile)

    def touch_bound(self, instrument: Instrument, at: datetime, *, spot: float, cheap: bool) -> float:
        """A price the touch cannot have passed within the minute of ``at`` while the index stayed on this side of
        ``spot``.

        ``cheap`` asks for a lower bound of the bid (what a resting buy waits for), otherwise for an upper bound of
        the ask.
        """
        second = _second(at)
        start = second - second % 60
        levels = [self._indices[instrument.underlying].at(moment)[1] for moment in (start, start + 59)]
        level = min(levels) if cheap else max(levels)
        scene = quoting.Scene(self.seed, second, spot, level)
        smile = slice_at(second, _second(instrument.settlement_at), level)
        mark, reach = quoting.reach(replace(scene, level=max(levels)), instrument, smile)
        return mark - reach if cheap else mark + reach


def _second(at: datetime) -> int:
    return math.floor(at.timestamp())


def _build(stem: str, day: int) -> Instrument:
    letter, underlying, strike = stem.split("-")
    spec = UNDERLYINGS[underlying]
    kind = OptionType.CALL if letter == "C" else OptionType.PUT
    name = OptionName(kind, underlying, int(strike), day)
    return Instrument(
        symbol=name.symbol,
        product_id=name.product_id,
        underlying=underlying,
        option_type=kind,
        strike=Decimal(strike),
        settlement_at=at_second(name.settlement),
        tick_size=spec.tick,
        contract_value=spec.contract_value,
    )
