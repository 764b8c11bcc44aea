"""Statistics of a series."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import stats
from analytics.fields import MoneyField

amounts = st.decimals(min_value=-10_000, max_value=10_000, places=8)
series = st.lists(amounts, max_size=60)


def D(*texts: str) -> list[Decimal]:
    """Decimals."""
    return [Decimal(text) for text in texts]


def test_a_zero_ends_a_streak() -> None:
    assert stats.streaks(D("1", "1", "0", "1", "-1", "-2", "-3")) == (2, 3)
    assert stats.streaks([]) == (0, 0)


@given(results=series)
def test_a_drawdown_is_the_depth_below_the_highest_sum_so_far(results: list[Decimal]) -> None:
    sums = list(accumulate(results))
    expected = [max([Decimal(0), *sums[: place + 1]]) - value for place, value in enumerate(sums)]
    assert stats.drawdowns(results) == expected


@given(results=series)
def test_a_rolling_win_rate_looks_at_the_newest_ten(results: list[Decimal]) -> None:
    for place, rate in enumerate(stats.rolling_win_rates(results)):
        window = results[max(0, place - 9) : place + 1]
        assert rate == Decimal(sum(value > 0 for value in window) * 100) / len(window)


@given(results=series)
def test_every_result_is_in_one_bucket(results: list[Decimal]) -> None:
    buckets = stats.histogram(results)
    assert sum(bucket.count for bucket in buckets) == len(results)
    assert all(bucket.count > 0 for bucket in buckets)
    assert len(buckets) <= 10
    if results:
        assert (buckets[0].start, buckets[-1].end) == (min(results), max(results))


def test_equal_results_have_one_bucket() -> None:
    assert stats.histogram(D("2", "2")) == [stats.Bucket(Decimal(2), Decimal(2), 2)]


def test_sharpe_and_sortino_of_a_known_series() -> None:
    returns = [0.02, -0.01, 0.03, 0.0]
    assert stats.sharpe(returns) == pytest.approx(0.01 / math.sqrt(0.001 / 3) * math.sqrt(365))
    assert stats.sortino(returns) == pytest.approx(0.01 / math.sqrt(0.0001 / 4) * math.sqrt(365))


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, 0.1, 0.1]])
def test_without_deviation_there_is_no_ratio(returns: list[float]) -> None:
    assert stats.sharpe(returns) is None
    assert stats.sortino(returns) is None


@given(count=st.integers(0, 5000), most=st.integers(2, 600), keep=st.integers(0, 4999))
def test_thinning_keeps_both_ends_and_what_it_is_told(count: int, most: int, keep: int) -> None:
    kept = (keep,) if keep < count else ()
    places = stats.thinned(count, most, kept)
    assert len(places) <= max(most, 3)
    assert set(kept) <= set(places)
    assert places == sorted(set(places))
    if count:
        assert (places[0], places[-1]) == (0, count - 1)


@given(amount=st.decimals(min_value=-(10**9), max_value=10**9, places=8))
def test_money_survives_the_database_exactly(amount: Decimal) -> None:
    field = MoneyField()
    assert field.from_db_value(field.get_prep_value(amount), None, None) == amount


def test_money_of_more_than_eight_decimals_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 8 decimals"):
        MoneyField().get_prep_value(Decimal("0.000000001"))
