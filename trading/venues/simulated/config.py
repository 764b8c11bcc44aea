"""Settings of one simulated exchange account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from trading.venues.simulated.margin import IsolatedMargin, MarginFormula

DEFAULT_START = datetime(2026, 9, 4, 3, 40, tzinfo=UTC)
MIN_SPEED = 1.0
MAX_SPEED = 600.0


@dataclass(frozen=True, slots=True)
class SimulatedConfig:
    """What a simulated account is made of.

    ``seed`` chooses the market; ``start`` (aware UTC) is the venue time of a fresh account and ``speed`` how many
    venue seconds pass in a wall second (1 to 600). ``balance`` is the first deposit in dollars; ``path`` the
    account's SQLite file. Rates are fractions, GST included on top by ``gst_rate`` (``spec/delta_exchange.md`` §8).
    ``duplicate_client_id_code`` is documented nowhere, hence a setting. ``settlement_fee_rate`` is a fraction of the
    payoff; India's is not confirmed, so it is zero. A post-only order that would trade is refused, or with
    ``accept_crossing_post_only`` accepted and cancelled: the exchange does both.
    """

    seed: int = 7
    start: datetime = DEFAULT_START
    speed: float = 1.0
    balance: Decimal = Decimal(10_000)
    path: str = ":memory:"
    underlyings: tuple[str, ...] = ("BTC", "ETH")
    taker_rate: Decimal = Decimal("0.0001")
    maker_rate: Decimal = Decimal("0.0001")
    premium_cap_rate: Decimal = Decimal("0.035")
    gst_rate: Decimal = Decimal("0.18")
    settlement_fee_rate: Decimal = Decimal(0)
    margin: MarginFormula = field(default_factory=IsolatedMargin)
    max_open_orders: int = 100
    duplicate_client_id_code: str = "bad_schema"
    accept_crossing_post_only: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a naive start, a speed outside 1 to 600, or a negative balance."""
        if self.start.tzinfo is None:
            raise ValueError("start must be an aware time")
        if not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise ValueError(f"speed must be between {MIN_SPEED:g} and {MAX_SPEED:g}, not {self.speed:g}")
        if self.balance < 0:
            raise ValueError("balance cannot be negative")
