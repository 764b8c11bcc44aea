"""Every field of a configuration in one table, for the rules, the forms, the API schema and the docs.

Pure data. Percent fields are percent (0.5 is half a percent) and are never multiplied: nothing in the platform guesses
a unit. The one map of fractions is ``trailing_rules``, as the reference's API has it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trading.configuration_spec import Field, Group, Kind, decimal, integer
from trading.strategy.types import ExpiryRule, Repeat, StrikeMode


def _premium(side: str, bound: str) -> Field:
    """A premium bound of the price mode."""
    other = "max" if bound == "min" else "min"
    return decimal(
        f"{side}_option_price_{bound}",
        f"{bound.capitalize()} {side} premium",
        Group.STRIKES,
        "0..1000000",
        8,
        unit="USD",
        step="0.5",
        optional=True,
        when=("strike_selection_mode", StrikeMode.PRICE.value),
        related=(f"{side}_option_price_{other}",),
        help=f"Mid price of the {side} per unit of the underlying.",
    )


_UNDERLYINGS = (("BTC", "BTC"), ("ETH", "ETH"))
_MODES = (("paper", "Paper"), ("dry_run", "Dry run"), ("testnet", "Testnet"), ("live", "Live"))
_REPEATS = ((Repeat.ONCE.value, "Once"), (Repeat.DAILY.value, "Daily on chosen weekdays"))
_EXPIRIES = ((ExpiryRule.DTE.value, "Days to expiry"), (ExpiryRule.FIXED.value, "Fixed date"))
_STRIKES = (
    (StrikeMode.DELTA.value, "Target delta"),
    (StrikeMode.PRICE.value, "Premium band"),
    (StrikeMode.EXPECTED_MOVE.value, "Expected move"),
)
WEEKDAYS: Final = ((0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun"))
_CLOCKS = ("trade_time_ist", "exit_time_ist", "entry_window_seconds")


def _others(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


_IDENTITY = (
    Field(
        "name",
        "Configuration name",
        Kind.TEXT,
        Group.IDENTITY,
        "Up to 50 characters, unlike any other configuration.",
        required=True,
        initial="",
        maximum=Decimal(50),
    ),
    Field("underlying", "Underlying", Kind.CHOICE, Group.IDENTITY, default="BTC", choices=_UNDERLYINGS),
    Field(
        "mode",
        "Mode",
        Kind.CHOICE,
        Group.IDENTITY,
        "Where sessions trade: the simulated venue (paper), live data with simulated fills (dry run), testnet or live.",
        default="paper",
        choices=_MODES,
    ),
)

_SCHEDULE = (
    Field(
        "repeat",
        "Repeat",
        Kind.CHOICE,
        Group.SCHEDULE,
        "One session, or one each chosen day.",
        default="once",
        choices=_REPEATS,
    ),
    Field(
        "weekdays",
        "Weekdays",
        Kind.WEEKDAYS,
        Group.SCHEDULE,
        "IST trading days; in the API 0 is Monday.",
        default=(0, 1, 2, 3, 4, 5, 6),
        when=("repeat", Repeat.DAILY.value),
    ),
    Field(
        "trade_time_ist",
        "Entry time",
        Kind.TIME,
        Group.SCHEDULE,
        "When the entry window opens.",
        unit="IST",
        required=True,
        initial="09:30",
        related=_others("trade_time_ist", _CLOCKS),
    ),
    integer(
        "entry_window_seconds",
        "Entry window",
        Group.SCHEDULE,
        "10..21600",
        unit="s",
        default=300,
        related=_others("entry_window_seconds", _CLOCKS),
        help="A start after the window waits for the next trading day, unless it says now.",
    ),
    Field(
        "exit_time_ist",
        "Exit time",
        Kind.TIME,
        Group.SCHEDULE,
        "Both legs are bought back at this time of the entry day at the latest.",
        unit="IST",
        required=True,
        initial="15:20",
        related=_others("exit_time_ist", _CLOCKS),
    ),
    integer(
        "max_hold_minutes",
        "Longest hold",
        Group.SCHEDULE,
        "1..1440",
        unit="min",
        optional=True,
        help="Exit this long after entry, if that is before the exit time. Empty: no limit.",
    ),
    Field(
        "expiry_rule",
        "Expiry",
        Kind.CHOICE,
        Group.SCHEDULE,
        default="dte",
        choices=_EXPIRIES,
        related=("expiry_date",),
    ),
    integer(
        "days_to_expiry",
        "Days to expiry",
        Group.SCHEDULE,
        "0..30",
        unit="days",
        default=1,
        when=("expiry_rule", ExpiryRule.DTE.value),
        help="The first listed expiry at least this many IST days away.",
    ),
    Field(
        "expiry_date",
        "Expiry date",
        Kind.DATE,
        Group.SCHEDULE,
        "DD-MM-YYYY, today or later. Used with a fixed date only.",
        optional=True,
        when=("expiry_rule", ExpiryRule.FIXED.value),
    ),
)

_STRIKE_FIELDS = (
    Field(
        "strike_selection_mode",
        "Strike selection",
        Kind.CHOICE,
        Group.STRIKES,
        "Largest delta in a band, premium in a band, or a multiple of the expected move.",
        default="delta",
        choices=_STRIKES,
    ),
    decimal(
        "delta_range_low",
        "Delta low",
        Group.STRIKES,
        "0..1",
        4,
        unit="|Δ|",
        step="0.01",
        required=True,
        initial="0.10",
        related=("delta_range_high",),
        help="Absolute delta of a leg, at least.",
    ),
    decimal(
        "delta_range_high",
        "Delta high",
        Group.STRIKES,
        "0..1",
        4,
        unit="|Δ|",
        step="0.01",
        required=True,
        initial="0.15",
        related=("delta_range_low",),
        help="Absolute delta of a leg, at most; above the low end.",
    ),
    _premium("call", "min"),
    _premium("call", "max"),
    _premium("put", "min"),
    _premium("put", "max"),
    decimal(
        "expected_move_multiple",
        "Expected-move multiple",
        Group.STRIKES,
        "0.1..5",
        3,
        unit="×",
        step="0.1",
        optional=True,
        when=("strike_selection_mode", StrikeMode.EXPECTED_MOVE.value),
        help="Strikes at or beyond spot ± this many times S·IV·√T.",
    ),
)

_GATES = (
    decimal(
        "max_spread_pct",
        "Widest spread",
        Group.GATES,
        "0<..200",
        4,
        unit="% of mid",
        optional=True,
        step="0.5",
        help="Refuse a strike whose bid and ask are further apart. Percent: 0.5 is half a percent. Empty: no gate.",
    ),
    integer(
        "min_open_interest",
        "Open interest, at least",
        Group.GATES,
        "0..1000000000",
        unit="contracts",
        optional=True,
        help="Empty: no gate.",
    ),
    integer(
        "min_depth",
        "Depth, at least",
        Group.GATES,
        "1..1000000",
        unit="contracts",
        optional=True,
        help="Size at the best bid and the best ask. Empty: no gate.",
    ),
    decimal(
        "min_credit",
        "Credit, at least",
        Group.GATES,
        "0..1000000",
        8,
        unit="USD",
        step="0.5",
        optional=True,
        help="Premium of both legs net of fees and the spread paid to get out. Empty: no gate.",
    ),
    decimal(
        "min_iv_pct",
        "Implied volatility, at least",
        Group.GATES,
        "0<..500",
        4,
        unit="%",
        step="1",
        optional=True,
        help="Percent a year. Empty: no gate.",
    ),
)

_SIZE = (
    integer(
        "quantity",
        "Contracts per leg",
        Group.SIZE,
        "1..50000",
        unit="contracts",
        required=True,
        initial=1,
        help="Whole contracts sold in the call and in the put.",
    ),
    decimal(
        "contract_size",
        "Contract size",
        Group.SIZE,
        "0<..1000",
        8,
        unit="of underlying",
        step="0.001",
        required=True,
        initial="0.001",
        help="Units of the underlying per contract; must equal the product's.",
    ),
)

_EXITS = (
    decimal(
        "max_loss_pct",
        "Max loss",
        Group.EXITS,
        "0<..1000",
        4,
        unit="% of credit",
        step="1",
        required=True,
        initial="40",
        help="Exit at this gross loss. Percent of the credit collected: 0.5 is half a percent.",
    ),
    decimal(
        "max_profit_pct",
        "Max profit",
        Group.EXITS,
        "0<..100",
        4,
        unit="% of credit",
        step="1",
        required=True,
        initial="80",
        help="Exit at this net profit. Percent of the credit collected: 0.5 is half a percent.",
    ),
    decimal(
        "leg_stop_multiple",
        "Leg stop",
        Group.EXITS,
        "1<..20",
        3,
        unit="× entry price",
        step="0.1",
        optional=True,
        help="Exit when closing a leg costs this many times what it was sold for. Empty: off.",
        related=("venue_stop_multiple",),
    ),
    decimal(
        "venue_stop_multiple",
        "Stop resident at the venue",
        Group.EXITS,
        "1<..50",
        3,
        unit="× entry price",
        step="0.1",
        optional=True,
        help="A reduce-only stop order per leg, kept at the venue for when we cannot act; wider than the leg stop. "
        "Empty: off.",
    ),
    decimal(
        "underlying_stop_pct",
        "Underlying stop",
        Group.EXITS,
        "0<..50",
        4,
        unit="%",
        step="0.5",
        optional=True,
        help="Exit when spot has moved this far from entry, either way. Percent: 0.5 is half a percent. Empty: off.",
    ),
    decimal(
        "delta_stop",
        "Delta stop",
        Group.EXITS,
        "0<..2",
        4,
        unit="|net Δ|",
        step="0.05",
        optional=True,
        help="Exit when the net delta of one contract pair reaches this. Empty: off.",
    ),
    integer(
        "settlement_guard_minutes",
        "Settlement guard",
        Group.EXITS,
        "31..240",
        unit="min before 17:30 IST",
        default=35,
        help="Be flat before the 30-minute settlement window opens at 17:00 IST.",
    ),
)

_TRAILING = (
    Field("trailing_sl_enabled", "Trailing stop", Kind.BOOL, Group.TRAILING, "Obey the ladder below.", default=True),
    Field(
        "trailing_rules",
        "Trailing ladder",
        Kind.TRAILING,
        Group.TRAILING,
        "At each peak net profit, lock a level; 0 locks break-even. "
        'In the API a map of fractions: {"0.20": 0.10} locks 10 % at 20 %.',
        default={},
        initial={"0.20": 0.0, "0.30": 0.10, "0.40": 0.15, "0.50": 0.25},
    ),
)

_EXECUTION = (
    integer(
        "naked_leg_seconds",
        "Naked-leg budget",
        Group.EXECUTION,
        "5..300",
        unit="s",
        default=30,
        help="How long one leg may be open without the other before it is unwound.",
    ),
    decimal(
        "naked_leg_delta_usd",
        "Naked delta, at most",
        Group.EXECUTION,
        "0<..1000000000",
        8,
        unit="USD",
        step="1",
        optional=True,
        help="While one leg is ahead of the other: |Δ| × spot of what it is ahead by. Beyond it the entry stops where "
        "it is and the rest is bought back. Empty: only the time counts.",
    ),
    integer(
        "order_attempts",
        "Order attempts",
        Group.EXECUTION,
        "1..10",
        default=4,
        help="Limit orders per leg before giving up.",
    ),
    integer(
        "order_timeout_seconds",
        "Order timeout",
        Group.EXECUTION,
        "1..60",
        unit="s",
        default=5,
        help="How long one attempt may rest before it is re-priced.",
    ),
    decimal(
        "max_slippage_pct",
        "Slippage bound",
        Group.EXECUTION,
        "0<..50",
        4,
        unit="%",
        step="0.5",
        default="10",
        help="Furthest an entry may be filled from the price decided on. Percent: 0.5 is half a percent.",
    ),
    integer(
        "stale_quote_seconds",
        "Stale-quote limit",
        Group.EXECUTION,
        "5..600",
        unit="s",
        default=60,
        help="No entry on older quotes; a live session exits when its quotes get this old.",
    ),
)

_DAY_LIMITS = (
    decimal(
        "daily_loss_limit",
        "Daily loss limit",
        Group.DAY_LIMITS,
        "0<..10000000",
        8,
        unit="USD",
        step="1",
        optional=True,
        help="Exit, and enter no more that IST day, at this loss. Empty: no limit.",
    ),
    integer(
        "max_sessions_per_day",
        "Sessions per day, at most",
        Group.DAY_LIMITS,
        "1..50",
        optional=True,
        help="Per IST day. Empty: no limit.",
    ),
    integer(
        "max_consecutive_losses",
        "Losses in a row, at most",
        Group.DAY_LIMITS,
        "1..50",
        optional=True,
        help="Enter no more that IST day after this many losing sessions in a row. Empty: no limit.",
    ),
)

FIELDS: Final = (
    *_IDENTITY,
    *_SCHEDULE,
    *_STRIKE_FIELDS,
    *_GATES,
    *_SIZE,
    *_EXITS,
    *_TRAILING,
    *_EXECUTION,
    *_DAY_LIMITS,
)
BY_NAME: Final = {spec.name: spec for spec in FIELDS}


def fields_of(group: Group) -> tuple[Field, ...]:
    """The fields of one section, in order."""
    return tuple(spec for spec in FIELDS if spec.group is group)
