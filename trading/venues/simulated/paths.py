"""Random paths as pure functions of seed and time: the log of an index second by second, and the level of implied
volatility minute by minute.

A day's path is a bridge between two midnight levels, and a midnight level is a tapered sum of the day moves before
it. Any day can therefore be computed on its own, days join without a gap, and the level wanders around its base for
months without leaving it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
MINUTES = 1_440
DAILY_SIGMA = 0.019
_MEMORY_DAYS = 90
_KEPT_PATHS = 6
_TAPER = np.asarray(0.5 * (1.0 + np.cos(np.pi * np.arange(_MEMORY_DAYS) / _MEMORY_DAYS)))
# Share of a day's variance by UTC hour: quiet Asian night, busy from the London open through New York.
_HOURS = np.array([7, 7, 6, 6, 6, 6, 7, 8, 9, 9, 9, 10, 12, 15, 17, 16, 15, 13, 12, 11, 10, 9, 8, 7], dtype=float)
_HOUR_SHARE = _HOURS / _HOURS.sum()
_THURSDAY = 3  # 1 January 1970, as Monday = 0
_WEEKEND_SCALE = 0.63


class Regime(StrEnum):
    """The character of a UTC day."""

    CALM = "calm"
    TRENDING = "trending"
    VOLATILE = "volatile"
    CRASH = "crash"


_CHANCES = ((Regime.CALM, 0.52), (Regime.TRENDING, 0.78), (Regime.VOLATILE, 0.94), (Regime.CRASH, 1.0))
_VOLATILITY = {Regime.CALM: 0.55, Regime.TRENDING: 0.75, Regime.VOLATILE: 1.3, Regime.CRASH: 1.5}


@dataclass(frozen=True, slots=True)
class Jump:
    """A move of ``size`` (log) that starts ``second`` seconds into ``hour`` and takes ``seconds``, within that hour."""

    hour: int
    second: int
    seconds: int
    size: float


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The coarse shape of one day: hourly moves, their standard deviations, and the jumps."""

    regime: Regime
    moves: Array
    deviations: Array
    jumps: tuple[Jump, ...]
    total: float


def weekday(day: int) -> int:
    """Weekday of day number ``day`` since 1970; Monday is 0."""
    return (day + _THURSDAY) % 7


class Driver:
    """One source of randomness: a log path around 0, its daily regimes and jumps."""

    def __init__(self, seed: int, tag: int, *, sigma: float = DAILY_SIGMA, jumps: bool = True) -> None:
        self._entropy = (abs(seed), int(seed < 0), tag)
        self._sigma = sigma
        self._jumps = jumps
        self._skeletons: dict[int, Skeleton] = {}
        self._levels: dict[int, float] = {}

    def _generator(self, day: int, purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([*self._entropy, purpose, day + DAY_SECONDS]))

    def skeleton(self, day: int) -> Skeleton:
        """The coarse shape of day number ``day``; cheap."""
        found = self._skeletons.get(day)
        if found is None:
            found = self._skeletons[day] = self._draw_skeleton(day)
        return found

    def _draw_skeleton(self, day: int) -> Skeleton:
        random = self._generator(day, 0)
        draw, direction = random.random(2)
        regime = next(name for name, bound in _CHANCES if draw <= bound)
        weekend = _WEEKEND_SCALE if weekday(day) >= 5 else 1.0
        scale = self._sigma * _VOLATILITY[regime] * weekend
        deviations = scale * np.sqrt(_HOUR_SHARE)
        moves = deviations * random.standard_normal(24)
        if regime is Regime.TRENDING:
            moves = moves + (1.0 if direction < 0.5 else -1.0) * 0.9 * scale * _HOUR_SHARE
        jumps = self._draw_jumps(random, regime, direction) if self._jumps else ()
        total = float(moves.sum()) + sum(jump.size for jump in jumps)
        return Skeleton(regime, moves, deviations, jumps, total)

    def _draw_jumps(self, random: np.random.Generator, regime: Regime, direction: float) -> tuple[Jump, ...]:
        jumps = []
        if regime is Regime.CRASH:
            size = (-1.0 if direction < 0.62 else 0.8) * float(random.uniform(0.03, 0.075))
            hour, seconds = int(random.integers(1, 22)), int(random.integers(120, 1500))
            jumps.append(Jump(hour, int(random.integers(0, HOUR_SECONDS - seconds)), seconds, size))
            jumps.append(Jump(hour + 1, 300, 3000, -size * float(random.uniform(0.15, 0.45))))
        for _ in range(int(random.poisson(1.2))):
            size = self._sigma * float(random.uniform(0.15, 0.45)) * (1.0 if random.random() < 0.5 else -1.0)
            jumps.append(
                Jump(int(random.integers(0, 24)), int(random.integers(0, 3500)), int(random.integers(1, 60)), size)
            )
        return tuple(jumps)

    def level(self, day: int) -> float:
        """The log at midnight UTC when ``day`` begins."""
        found = self._levels.get(day)
        if found is None:
            totals = np.array([self.skeleton(day - 1 - back).total for back in range(_MEMORY_DAYS)])
            found = self._levels[day] = float(totals @ _TAPER)
        return found

    def _drift(self, day: int) -> float:
        return self.level(day + 1) - self.level(day) - self.skeleton(day).total

    def at_hour(self, day: int, hour: int) -> float:
        """The log at a whole UTC hour, equal to the path's, without computing the path."""
        skeleton = self.skeleton(day)
        jumped = sum(jump.size for jump in skeleton.jumps if jump.hour < hour)
        return self.level(day) + float(skeleton.moves[:hour].sum()) + jumped + self._drift(day) * hour / 24.0

    def path(self, day: int) -> Array:
        """The log at each of the day's 86,400 seconds."""
        skeleton = self.skeleton(day)
        steps = self._generator(day, 1).standard_normal((24, HOUR_SECONDS))
        steps *= (skeleton.deviations / np.sqrt(HOUR_SECONDS))[:, None]
        steps += ((skeleton.moves - steps.sum(axis=1)) / HOUR_SECONDS)[:, None]
        for jump in skeleton.jumps:
            steps[jump.hour, jump.second : jump.second + jump.seconds] += jump.size / jump.seconds
        steps += self._drift(day) / DAY_SECONDS
        path = np.empty(DAY_SECONDS)
        path[0] = 0.0
        np.cumsum(steps.ravel()[:-1], out=path[1:])
        path += self.level(day)
        return path


class VolatilityLevel:
    """Multiplier of the implied volatility surface: clusters with the driver's day moves, leans against falls, and
    jumps when the index does.
    """

    _MEMORY = 24
    _DECAY = 0.86 ** np.arange(_MEMORY)

    def __init__(self, driver: Driver, seed: int, tag: int) -> None:
        self._driver = driver
        self._entropy = (abs(seed), int(seed < 0), tag)
        self._shocks: dict[int, float] = {}

    def _shock(self, day: int) -> float:
        found = self._shocks.get(day)
        if found is None:
            found = self._shocks[day] = self._draw_shock(day)
        return found

    def _draw_shock(self, day: int) -> float:
        move = self._driver.skeleton(day).total / DAILY_SIGMA
        noise = np.random.Generator(np.random.PCG64([*self._entropy, day + DAY_SECONDS])).standard_normal()
        return float(np.clip(0.07 * (abs(move) - 0.72) - 0.02 * move + 0.025 * noise, -0.4, 0.4))

    def level(self, day: int) -> float:
        """Log of the multiplier at midnight UTC when ``day`` begins; cheap."""
        shocks = np.array([self._shock(day - 1 - back) for back in range(self._MEMORY)])
        return float(np.clip(shocks @ self._DECAY, -0.45, 0.9))

    def path(self, day: int, log_path: Array) -> Array:
        """The multiplier at each of the day's 1,440 minutes and at its end, given the driver's path of that day."""
        minutes = np.append(log_path[::60], log_path[-1])
        gap = minutes - _exponential_mean(minutes, half_life=60.0)
        response = 5.0 * np.abs(gap) - 2.0 * gap
        clock = np.arange(MINUTES + 1) / MINUTES
        taper = np.clip(np.minimum(clock, 1.0 - clock) * 12.0, 0.0, 1.0)
        base = self.level(day) + (self.level(day + 1) - self.level(day)) * clock
        return np.asarray(np.exp(np.clip(base + response * taper, -0.5, 1.2)))


def _exponential_mean(values: Array, *, half_life: float) -> Array:
    weight = 1.0 - 0.5 ** (1.0 / half_life)
    means, mean = [], float(values[0])
    for value in values.tolist():
        mean += weight * (value - mean)
        means.append(mean)
    return np.array(means)


class DayCache:
    """The few newest days of something expensive."""

    def __init__(self, kept: int = _KEPT_PATHS) -> None:
        self._days: OrderedDict[int, tuple[Array, Array]] = OrderedDict()
        self._kept = kept

    def get(self, day: int) -> tuple[Array, Array] | None:
        """What was kept for ``day``, or None."""
        return self._days.get(day)

    def put(self, day: int, value: tuple[Array, Array]) -> None:
        """Keep ``value`` and forget the oldest beyond the limit."""
        self._days[day] = value
        while len(self._days) > self._kept:
            self._days.popitem(last=False)
