"""What one seed stands for: a configuration, faults of the wire, commands of the operator, kills of the worker.

Everything follows from the seed and the two switches; there is no other randomness in a run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from trading.strategy.settling import PATIENCE_SECONDS

MORNING: Final = datetime(2026, 9, 4, 3, 55, tzinfo=UTC)
AFTERNOON: Final = datetime(2026, 9, 4, 11, 0, tzinfo=UTC)
"""16:30 IST; what expires that day settles an hour later."""
MARKETS: Final = 6
HOURS: Final = (0, 2)
"""Few markets and hours: a job computes what happened in a market before a session once, not once per seed."""
LONGEST_RUN: Final = 1200.0
FAULTS_END_SECONDS: Final = 240.0
LEASE_SECONDS: Final = 3.0


class Point(StrEnum):
    """Where a worker may die. The last four count every effect while the session is in that state."""

    BEFORE_COMMIT = "before commit"
    IN_COMMIT = "in commit"
    AFTER_COMMIT = "after commit"
    BEFORE_SEND = "before send"
    AFTER_SEND = "after send"
    AFTER_ACK = "after acknowledgement"
    IN_CANCEL = "during cancel"
    IN_QUERY = "during query"
    ENTERING = "during entering"
    LIVE = "while live"
    EXITING = "during exit"
    RECOVERY = "during recovery"


@dataclass(frozen=True, slots=True)
class Kill:
    """The worker dies at the ``nth`` passage of ``point`` in its life. The next one is started ``restart_after`` venue
    seconds later and finds a lease that lapses ``lease_left`` venue seconds after the death.
    """

    point: Point
    nth: int
    restart_after: float
    lease_left: float


@dataclass(frozen=True, slots=True)
class Command:
    """What the operator asks, ``after`` venue seconds from the start."""

    action: str
    after: float


class Loss(StrEnum):
    """What a power cut does to the database file besides ending the worker."""

    NOTHING = "nothing"
    TORN = "torn tail"
    COMMITS = "last commits"


@dataclass(frozen=True, slots=True)
class Cut:
    """The power fails ``after`` venue seconds from the start, ``delay`` wall seconds into the work of that moment. The
    next worker starts ``restart_after`` venue seconds later.
    """

    after: float
    delay: float
    loss: Loss
    restart_after: float = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's run. ``faults`` are in the wire simulator's own words. ``price_after``: venue seconds from an expiry
    until the exchange tells what it settled at.
    """

    seed: int
    market: int
    begins: datetime
    configuration: Mapping[str, Any]
    faults: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    kills: tuple[Kill, ...] = ()
    cuts: tuple[Cut, ...] = ()
    price_after: float = 0.0

    @property
    def longest(self) -> float:
        """Venue seconds after which it should be over: deaths, a session and its successor, the wait for a price."""
        waits = PATIENCE_SECONDS if self.price_after else 0.0
        return LONGEST_RUN + sum(kill.restart_after for kill in self.kills) + waits + self.hold

    @property
    def hold(self) -> float:
        """Seconds that a session may be live for at most."""
        return int(self.configuration["max_hold_minutes"]) * 60.0

    @property
    def quantity(self) -> int:
        """Contracts asked for per leg."""
        return int(self.configuration["quantity"])


def plan_of(seed: int, *, kill: bool, faults: bool, cut: bool = False, expiry: bool = False) -> Plan:
    """The plan of a seed. Kills change neither the configuration nor the faults, but may add the fault that leads to
    their point. With ``cut`` the power fails instead of kills. With ``expiry`` the options expire the same day, and the
    first death lasts for about an hour: across the settlement, mostly.
    """
    if expiry:
        return _expiring(seed, kill=kill, faults=faults)
    dice = random.Random(f"plan {seed}")
    kills = _kills(random.Random(f"kills {seed}")) if kill and not cut else ()
    chosen = _faults(random.Random(f"faults {seed}")) if faults else ()
    begins = MORNING + timedelta(hours=dice.choice(HOURS), minutes=dice.randrange(0, 40), seconds=dice.randrange(0, 60))
    return Plan(
        seed=seed,
        market=dice.randrange(1, MARKETS + 1),
        begins=begins,
        configuration=_configuration(seed, dice),
        commands=_commands(dice),
        faults=(*chosen, *_baits(kills)),
        kills=kills,
        cuts=_cuts(random.Random(f"cuts {seed}")) if cut else (),
    )


def _expiring(seed: int, *, kill: bool, faults: bool) -> Plan:
    dice = random.Random(f"expiry {seed}")
    morning = plan_of(seed, kill=kill, faults=faults)
    point = dice.choice(ABSENCES)
    away = Kill(point, dice.randrange(1, min(NTH[point], 4) + 1), round(dice.uniform(2700, 4800), 1), LEASE_SECONDS)
    shaped = tuple(shape(dice, 0.0) for shape in dice.sample(SETTLEMENT_FAULTS, dice.choice([0, 1, 1, 2])))
    changes = {
        "days_to_expiry": 0,
        "exit_time_ist": "17:10",
        "max_hold_minutes": dice.choice([4, 9, 15]),
        "delta_range_low": dice.choice(["0.05", "0.15"]),
        "delta_range_high": dice.choice(["0.30", "0.65"]),
    }
    return replace(
        morning,
        begins=AFTERNOON + timedelta(minutes=dice.randrange(0, 20), seconds=dice.randrange(0, 60)),
        configuration={**morning.configuration, **changes},
        faults=(*morning.faults, *(shaped if faults else ()), *_baits((away,))),
        kills=(away, *morning.kills[1:]),
        price_after=dice.choice([0.0, 0.0, 0.0, 1200.0, 2400.0]) if faults else 0.0,
    )


EXITS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {},
    {"max_loss_pct": "6"},
    {"max_profit_pct": "3"},
    {"leg_stop_multiple": "1.1"},
    {"underlying_stop_pct": "0.1"},
    {"trailing_sl_enabled": True, "trailing_rules": {"0.01": 0.0, "0.03": 0.02}},
)


def _configuration(seed: int, dice: random.Random) -> dict[str, Any]:
    underlying, contract_size = dice.choice([("BTC", "0.001"), ("BTC", "0.001"), ("ETH", "0.01")])
    return {
        "name": f"Chaos {seed}",
        "mode": "testnet",
        "underlying": underlying,
        "contract_size": contract_size,
        "quantity": dice.choice([1, 3, 10, 40, 250]),
        "trade_time_ist": "09:00",
        "exit_time_ist": "16:30",
        "max_hold_minutes": dice.choice([2, 3, 4, 6, 9]),
        "days_to_expiry": 1,
        "delta_range_low": "0.08",
        "delta_range_high": "0.20",
        "max_loss_pct": "1000",
        "max_profit_pct": "100",
        "trailing_sl_enabled": False,
        "naked_leg_seconds": dice.choice([20, 30, 45]),
        "order_timeout_seconds": dice.choice([2, 3, 5]),
        **dice.choice(EXITS),
    }


def _commands(dice: random.Random) -> tuple[Command, ...]:
    what = dice.choice(["", "", "", "", "stop", "panic", "restart"])
    return (Command(what, round(dice.uniform(2, 200), 1)),) if what else ()


def _kills(dice: random.Random) -> tuple[Kill, ...]:
    return tuple(_kill(dice, first=number == 0) for number in range(dice.choice([1, 1, 2, 2, 3, 4])))


def _cuts(dice: random.Random) -> tuple[Cut, ...]:
    """Two, mostly while orders are under way: in the first seconds."""
    times = sorted(dice.choice([dice.uniform(0, 2), dice.uniform(0, 8), dice.uniform(0, 200)]) for _ in range(2))
    losses = [Loss.NOTHING, Loss.TORN]
    return tuple(Cut(round(at, 1), round(dice.uniform(0.0, 0.03), 4), dice.choice(losses)) for at in times)


NTH: Final[Mapping[Point, int]] = {
    Point.BEFORE_COMMIT: 8,
    Point.IN_COMMIT: 50,
    Point.AFTER_COMMIT: 8,
    Point.BEFORE_SEND: 4,
    Point.AFTER_SEND: 4,
    Point.AFTER_ACK: 4,
    Point.IN_CANCEL: 2,
    Point.IN_QUERY: 1,
    Point.ENTERING: 8,
    Point.LIVE: 8,
    Point.EXITING: 6,
    Point.RECOVERY: 6,
}
"""How late in a life a point may be meant: about as often as it is passed in a session."""


def _kill(dice: random.Random, *, first: bool) -> Kill:
    points = [point for point in Point if not (first and point is Point.RECOVERY)]
    if not first:
        points += [Point.RECOVERY] * 3
    point = dice.choice(points)
    return Kill(
        point=point,
        nth=dice.randrange(1, NTH[point] + 1),
        restart_after=round(dice.uniform(0.3, 2.5), 2),
        lease_left=round(dice.uniform(LEASE_SECONDS * 2 / 3, LEASE_SECONDS), 2),
    )


def _baits(kills: tuple[Kill, ...]) -> tuple[str, ...]:
    """Nobody dies in the midst of a cancel or of a query where none is needed: an entry that fills in part needs the
    one, an answer that is lost the other.
    """
    points = {kill.point for kill in kills}
    cancel = "partial:side=sell,count=4,fraction=0"
    query = "timeout_after:nth=1"
    return (cancel,) * (Point.IN_CANCEL in points) + (query,) * (Point.IN_QUERY in points)


ABSENCES: Final = (
    Point.BEFORE_COMMIT,
    Point.AFTER_COMMIT,
    Point.AFTER_SEND,
    Point.AFTER_ACK,
    Point.IN_CANCEL,
    Point.ENTERING,
    Point.LIVE,
    Point.LIVE,
    Point.LIVE,
    Point.EXITING,
    Point.EXITING,
)
"""Where the death that lasts for an hour happens: mostly where something is held."""
Shape = Callable[[random.Random, float], str]
FAULTS: Final[tuple[Shape, ...]] = (
    lambda d, at: f"timeout_before:method=POST,path=/v2/orders,nth={d.randrange(1, 5)}",
    lambda d, at: f"timeout_after:nth={d.randrange(1, 5)}",
    lambda d, at: f"timeout_after:nth=1,reduce_only={d.choice(['true', 'false'])}",
    lambda d, at: f"error_after:nth={d.randrange(1, 5)}",
    lambda d, at: f"error_after:count={d.randrange(1, 3)},method=DELETE,path=/v2/orders",
    lambda d, at: f"reject:leg={d.choice(['call', 'put'])},count={d.randrange(1, 3)},code=bad_schema",
    lambda d, at: f"reject:leg={d.choice(['call', 'put'])},side=sell,code=insufficient_margin",
    lambda d, at: f"reject:reduce_only=true,count={d.randrange(1, 4)},code=no_position_for_reduce_only",
    lambda d, at: f"partial:count={d.randrange(1, 4)},fraction={d.choice([0, 0.3, 0.6])}",
    lambda d, at: f"partial:leg=put,side=sell,for={FAULTS_END_SECONDS:g},fraction=0",
    lambda d, at: f"rate_limit:count={d.randrange(1, 6)},seconds={d.choice([0.5, 2])},after={at:g}",
    lambda d, at: f"rate_limit:count={d.randrange(1, 3)},seconds=2,method=POST,path=/v2/orders",
    lambda d, at: f"server_error:after={at:g},for={d.choice([2, 5, 10])}",
    lambda d, at: f"server_error:path=/v2/positions,after={at:g},for={d.choice([10, 40])}",
    lambda d, at: f"server_error:path=/v2/fills,count={d.randrange(1, 6)}",
    lambda d, at: f"truncated:count={d.randrange(1, 4)},after={at:g}",
    lambda d, at: f"truncated:count=1,method={d.choice(['POST', 'DELETE'])},path=/v2/orders",
    lambda d, at: f"not_success:count={d.randrange(1, 4)},after={at:g}",
    lambda d, at: f"not_success:count=1,method={d.choice(['POST', 'DELETE'])},path=/v2/orders",
    lambda d, at: f"unknown_fields:after={at:g},for=60",
    lambda d, at: f"swapped_types:after={at:g},for=60",
    lambda d, at: f"slow:method=POST,path=/v2/orders,seconds={d.choice([0.5, 2, 4])},count={d.randrange(1, 4)}",
    lambda d, at: f"slow:seconds={d.choice([0.3, 1])},after={at:g},for=20",
    lambda d, at: f"skew:seconds={d.choice([-5, -3, 3, 5])}",
    lambda d, at: f"maintenance:after={at:g},for={d.choice([5, 15])}",
    lambda d, at: f"public_silent:after={at:g},for={d.choice([5, 30, 60])}",
    lambda d, at: f"private_silent:after={at:g},for={d.choice([5, 30, 60])}",
    lambda d, at: f"public_drop:after={at:g}",
    lambda d, at: f"private_drop:after={at:g}",
    lambda d, at: f"duplicate_frames:for={FAULTS_END_SECONDS:g}",
    lambda d, at: f"reorder_frames:for={FAULTS_END_SECONDS:g}",
    lambda d, at: f"drop_frames:channel=v2/user_trades,for={FAULTS_END_SECONDS:g}",
    lambda d, at: f"drop_frames:channel=orders,for={FAULTS_END_SECONDS:g}",
    lambda d, at: f"seq_reset:after={at:g}",
    lambda d, at: f"ip_refused:count={d.randrange(1, 4)},after={at:g}",
    lambda d, at: f"stale:after={at:g},for={d.choice([10, 30])}",
    lambda d, at: f"crossed:after={at:g},for={d.choice([10, 30])}",
    lambda d, at: f"one_sided:empty={d.choice(['bid', 'ask', 'both'])},after={at:g},for={d.choice([10, 30])}",
)
"""Every fault of the wire simulator, each counted or timed so that it is over when ``FAULTS_END_SECONDS`` have passed
(refusals that name one side of one leg may stay: they only keep an entry from happening).
"""


SETTLEMENT_FAULTS: Final[tuple[Shape, ...]] = (
    lambda d, at: f"server_error:path=/v2/wallet/transactions,count={d.randrange(1, 8)}",
    lambda d, at: f"truncated:path=/v2/wallet/transactions,count={d.randrange(1, 4)}",
    lambda d, at: f"not_success:path=/v2/wallet/transactions,count={d.randrange(1, 4)}",
    lambda d, at: f"timeout_after:path=/v2/wallet/transactions,method=GET,nth={d.randrange(1, 3)}",
    lambda d, at: f"server_error:path=/v2/products,count={d.randrange(1, 6)}",
    lambda d, at: f"rate_limit:count={d.randrange(1, 6)},seconds=2,path=/v2/wallet/transactions",
)


def _faults(dice: random.Random) -> tuple[str, ...]:
    chosen = dice.sample(FAULTS, dice.choice([1, 1, 2, 2, 3, 4]))
    return tuple(
        shape(dice, round(dice.choice([0.0, dice.uniform(0, 20), dice.uniform(0, 160)]), 1)) for shape in chosen
    )
