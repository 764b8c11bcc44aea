"""What the simulated exchange lists: underlyings, expiries, strikes and the names and numbers of options
(``spec/delta_exchange.md`` §2.2).
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from trading.strategy.types import OptionType
from trading.venues.simulated.margin import MarginTerms
from trading.venues.simulated.paths import DAY_SECONDS, HOUR_SECONDS, weekday

SETTLEMENT_SECOND = 12 * HOUR_SECONDS  # 12:00 UTC is 17:30 IST
AUCTION_SECONDS = 300
DAILY_SERIES = 3
WEEKLY_SERIES = 3
MONTHLY_SERIES = 3
INTRADAY_HOURS = 3
_FRIDAY = 4
_EPOCH = date(1970, 1, 1)
_ID_DAYS, _ID_STRIKES = 40_000, 10_000


@dataclass(frozen=True, slots=True)
class Underlying:
    """The fixed figures of one underlying. ``strike_unit`` is the smallest strike distance in dollars; ``base`` the
    level its index wanders around.
    """

    name: str
    number: int
    base: float
    tick_exponent: int
    contract_value: Decimal
    strike_unit: int
    initial_scaling: Decimal
    maintenance_scaling: Decimal
    free_notional: Decimal
    position_limit: int

    @property
    def tick(self) -> Decimal:
        """Price tick in dollars."""
        return Decimal(1).scaleb(-self.tick_exponent)

    @property
    def ticks_per_dollar(self) -> float:
        """How many price ticks make a dollar."""
        return float(10**self.tick_exponent)

    def margin_terms(self, days: float) -> MarginTerms:
        """Margin percentages for an option ``days`` from settlement."""
        if days > 60.0:
            initial, maintenance = Decimal(5), Decimal("0.5")
        elif self.name == "BTC" and days <= 2.0:
            initial, maintenance = Decimal("0.5"), Decimal("0.25")
        else:
            initial, maintenance = Decimal(1), Decimal("0.5")
        return MarginTerms(initial, maintenance, self.initial_scaling, self.maintenance_scaling, self.free_notional)


UNDERLYINGS = {
    "BTC": Underlying(
        "BTC", 1, 79_528.0, 1, Decimal("0.001"), 100, Decimal("0.000002"), Decimal("0.000001"), Decimal(200_000), 50_000
    ),
    "ETH": Underlying(
        "ETH", 2, 2_450.0, 2, Decimal("0.01"), 5, Decimal("0.000004"), Decimal("0.000002"), Decimal(100_000), 120_000
    ),
}


@dataclass(frozen=True, slots=True)
class OptionName:
    """The parts of an option's symbol. ``day`` is the settlement's day number since 1970."""

    option_type: OptionType
    underlying: str
    strike: int
    day: int

    @property
    def symbol(self) -> str:
        """As the exchange spells it, e.g. ``C-BTC-79800-050926``."""
        letter = "C" if self.option_type is OptionType.CALL else "P"
        return f"{letter}-{self.underlying}-{self.strike}-{day_date(self.day):%d%m%y}"

    @property
    def product_id(self) -> int:
        """A number that belongs to this option only, the same in every process."""
        spec = UNDERLYINGS[self.underlying]
        kind = 0 if self.option_type is OptionType.CALL else 1
        return ((spec.number * _ID_DAYS + self.day) * _ID_STRIKES + self.strike // spec.strike_unit) * 2 + kind

    @property
    def settlement(self) -> int:
        """Unix second of settlement."""
        return self.day * DAY_SECONDS + SETTLEMENT_SECOND


def day_date(day: int) -> date:
    """The calendar date of a day number since 1970."""
    return _EPOCH + timedelta(days=day)


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def at_second(second: int) -> datetime:
    """The aware UTC time of a Unix second."""
    return datetime.fromtimestamp(second, UTC)


@lru_cache(maxsize=8192)
def parse_symbol(symbol: str) -> OptionName | None:
    """The parts of an option symbol of ours, or None for anything else."""
    parts = symbol.split("-")
    if len(parts) != 4 or parts[0] not in {"C", "P"} or parts[1] not in UNDERLYINGS or not parts[2].isdecimal():
        return None
    try:
        expiry = datetime.strptime(parts[3], "%d%m%y").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    kind = OptionType.CALL if parts[0] == "C" else OptionType.PUT
    return OptionName(kind, parts[1], int(parts[2]), day_number(expiry))


def parse_product_id(product_id: int) -> OptionName | None:
    """The option a product id stands for, or None."""
    rest, kind = divmod(product_id, 2)
    rest, steps = divmod(rest, _ID_STRIKES)
    number, day = divmod(rest, _ID_DAYS)
    for spec in UNDERLYINGS.values():
        if spec.number == number:
            return OptionName(OptionType.PUT if kind else OptionType.CALL, spec.name, steps * spec.strike_unit, day)
    return None


@dataclass(frozen=True, slots=True)
class Series:
    """One expiry with the days on which its ladders began (None if it has no such ladder)."""

    day: int
    daily_from: int
    weekly_from: int | None
    monthly_from: int | None

    def listings(self, until: int) -> Iterator[tuple[int, str]]:
        """``(Unix second, ladder)`` of every listing of strikes up to ``until``, in time order: at the first day's
        settlement, then while it lives.
        """
        moments = [*self._daily_moments(until), *self._long_moments(until)]
        yield from sorted(moments)

    def _long_moments(self, until: int) -> Iterator[tuple[int, str]]:
        for first, ladder in ((self.monthly_from, "monthly"), (self.weekly_from, "weekly")):
            if first is not None:
                start = first * DAY_SECONDS + SETTLEMENT_SECOND
                for moment in range(start, min(until, self.day * DAY_SECONDS) + 1, DAY_SECONDS):
                    yield moment, ladder

    def _daily_moments(self, until: int) -> Iterator[tuple[int, str]]:
        start = self.daily_from * DAY_SECONDS + SETTLEMENT_SECOND
        end = self.day * DAY_SECONDS + SETTLEMENT_SECOND - HOUR_SECONDS
        for moment in range(start, min(until, end) + 1, INTRADAY_HOURS * HOUR_SECONDS):
            yield moment, "daily"


@lru_cache(maxsize=256)
def series_after(next_settlement_day: int) -> tuple[Series, ...]:
    """Every series live in the day that ends with the settlement on ``next_settlement_day``, nearest first."""
    first = next_settlement_day
    dailies = set(range(first, first + DAILY_SERIES))
    fridays = [day for day in range(first, first + 7 * WEEKLY_SERIES) if weekday(day) == _FRIDAY]
    monthlies = _last_fridays(first)
    days = sorted(dailies | set(fridays) | set(monthlies))
    return tuple(
        Series(
            day,
            day - DAILY_SERIES,
            day - 7 * WEEKLY_SERIES if weekday(day) == _FRIDAY else None,
            monthlies.get(day),
        )
        for day in days
    )


def _last_fridays(first: int) -> dict[int, int]:
    """The next monthly expiries from day ``first``, each with the day it was listed: when the monthly three before it
    settled.
    """
    start = day_date(first)
    months = [
        _last_friday(start.year, start.month + offset) for offset in range(-MONTHLY_SERIES - 1, MONTHLY_SERIES + 2)
    ]
    ahead = [index for index, day in enumerate(months) if day >= first][:MONTHLY_SERIES]
    return {months[index]: months[index - MONTHLY_SERIES] for index in ahead}


def _last_friday(year: int, month: int) -> int:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    last = day_number(date(year, month, calendar.monthrange(year, month)[1]))
    return last - (weekday(last) - _FRIDAY) % 7


# (step in strike units, reach as a share of spot) from the money outward; reaches grow with volatility.
_LADDERS = {
    "daily": ((2, 0.030), (4, 0.055)),
    "weekly": ((5, 0.040), (10, 0.120)),
    "monthly": ((10, 0.200),),
}
_WILD_STEP, _WILD_DEVIATIONS, _DAILY_DEVIATION = 10, 2.2, 0.022


def ladder(spec: Underlying, name: str, spot: float, volatility_level: float) -> Iterator[int]:
    """Strikes (dollars) that the exchange lists around ``spot`` with the named ladder when volatility stands at
    ``volatility_level`` times normal.
    """
    for step, reach in _LADDERS[name]:
        yield from _around(spec.strike_unit * step, spot, reach)
    wild = _WILD_DEVIATIONS * _DAILY_DEVIATION * volatility_level * (1.6 if name == "daily" else 3.0)
    if wild > _LADDERS[name][-1][1]:
        yield from _around(spec.strike_unit * _WILD_STEP, spot, wild)


def _around(step: int, spot: float, reach: float) -> Iterator[int]:
    yield from range(
        math.ceil(spot * (1 - reach) / step) * step, math.floor(spot * (1 + reach) / step) * step + 1, step
    )
