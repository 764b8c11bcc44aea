"""The simulated surface against the captured chain of 4 September 2026, where that capture is at hand.

Tolerances: implied volatility within 6.5 % of the captured one inside two standard deviations on each of the first
three dailies (9 % further out); marks of these options within 12 % or 12 dollars; median spread within a factor of
1.7 of the captured one.
"""

from __future__ import annotations

import csv
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trading.strategy.pricing import price
from trading.strategy.types import OptionType
from trading.venues.simulated import quoting
from trading.venues.simulated.market import Market
from trading.venues.simulated.products import parse_symbol
from trading.venues.simulated.surface import Slice, slice_at

CAPTURE = Path(__file__).resolve().parents[5] / "shared" / "data" / "delta_chain_2026-09-04.csv"
SPOT = 79_521.0
DAILIES = ("050926", "060926", "070926")
LATER = ("110926", "180926", "250926", "301026", "271126")

pytestmark = pytest.mark.skipif(not CAPTURE.exists(), reason="the captured chain is not part of the repository")


@dataclass(frozen=True)
class Row:
    """One captured option."""

    symbol: str
    strike: float
    mark: float
    iv: float
    spread: float
    at: float
    settlement: float

    def smile(self) -> Slice:
        """Our smile of its expiry at that moment."""
        return slice_at(self.at, self.settlement, 1.0)

    def deviations(self) -> float:
        """Distance from the money in standard deviations."""
        smile = self.smile()
        return abs(self.strike / SPOT - 1.0) / smile.deviation


def captured(expiry: str) -> list[Row]:
    """The captured options of one expiry with both sides quoted."""
    with CAPTURE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"].endswith(expiry)]
    settlement = datetime.strptime(expiry, "%d%m%y").replace(hour=12, tzinfo=UTC).timestamp()
    return [
        Row(
            row["symbol"],
            float(row["strike"]),
            float(row["mark_price"]),
            float(row["mark_vol"]),
            float(row["best_ask"]) - float(row["best_bid"]),
            int(row["timestamp"]) / 1e6,
            settlement,
        )
        for row in rows
        if row["best_bid"] and row["best_ask"] and row["product_trading_status"] == "operational"
    ]


@pytest.mark.parametrize(
    ("expiry", "tolerance"), [*((name, 0.065) for name in DAILIES), *((name, 0.09) for name in LATER)]
)
def test_implied_volatility_agrees_with_the_capture(expiry: str, tolerance: float) -> None:
    near = [row for row in captured(expiry) if row.deviations() < 2.0]
    assert len(near) > 10
    for row in near:
        assert row.smile().iv(SPOT, row.strike) == pytest.approx(row.iv, rel=tolerance), row.symbol


@pytest.mark.parametrize("expiry", DAILIES)
def test_marks_of_the_dailies_agree_with_the_capture(expiry: str) -> None:
    for row in captured(expiry):
        smile = row.smile()
        mark = price(OptionType.CALL, SPOT, row.strike, smile.years, smile.iv(SPOT, row.strike))
        assert mark == pytest.approx(row.mark, rel=0.12, abs=12.0), row.symbol


@pytest.mark.parametrize("expiry", [*DAILIES, *LATER])
def test_spreads_are_of_the_captured_order(expiry: str) -> None:
    market = Market(1)
    ratios = []
    for row in captured(expiry):
        instrument = market.contract(row.symbol)
        name = parse_symbol(row.symbol)
        assert instrument is not None
        assert name is not None
        scene = quoting.Scene(1, int(row.at), SPOT, 1.0)
        quote = quoting.quote(scene, instrument, row.smile(), datetime.fromtimestamp(row.at, UTC))
        if quote.bid is not None and quote.ask is not None and row.spread > 0:
            ratios.append(float(quote.ask - quote.bid) / row.spread)
    assert 1 / 1.7 < statistics.median(ratios) < 1.7
    assert statistics.quantiles(ratios, n=20)[0] > 0.35
    assert statistics.quantiles(ratios, n=20)[-1] < 3.0
