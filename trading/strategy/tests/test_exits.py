"""The exit rules one by one, their order, and what they do without prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.events import RuleResult, Verdict
from trading.strategy.exits import look
from trading.strategy.judging import ExitContext
from trading.strategy.pnl import LegBook, totals
from trading.strategy.tests.samples import CALL, NOW, PUT, SPOT, later, leg, params, requoted
from trading.strategy.trailing import TrailState, parse_rules
from trading.strategy.types import ExitReason

D = Decimal
ORDER = tuple(ExitReason)[:10]
LADDER = parse_rules({"0.2": 0, "0.3": 0.1})
EVERYTHING: dict[str, Any] = {
    "trailing_rules": LADDER,
    "leg_stop_multiple": D(2),
    "underlying_stop_pct": D(2),
    "delta_stop": D("0.25"),
    "daily_loss_limit": D(5),
}


def context(*legs: LegBook, seconds: float = 0, **changes: Any) -> ExitContext:
    """A session in profit, every rule switched on and none near; any field of it or of its parameters changed."""
    held = legs or (leg(CALL), leg(PUT))
    now = later(seconds)
    chosen = params(**{**EVERYTHING, **{k: changes.pop(k) for k in list(changes) if hasattr(params(), k)}})
    base = ExitContext(
        params=chosen,
        totals=totals(held, spot=SPOT, now=now, stale_seconds=chosen.stale_quote_seconds),
        legs=held,
        spot=SPOT,
        entry_spot=SPOT,
        trail=TrailState(D(15), None),
        now=now,
        exit_at=NOW + timedelta(hours=5),
        guard_at=NOW + timedelta(hours=7),
        newest_quote_age_seconds=seconds,
    )
    return replace(base, **changes)


def priced(call: str, put: str = "80") -> tuple[LegBook, LegBook]:
    """Both legs, sold at 100, offered at these prices."""
    return tuple(  # type: ignore[return-value]
        requoted(leg(kind), bid=D(ask) - 1, ask=D(ask), mark=D(ask)) for kind, ask in ((CALL, call), (PUT, put))
    )


def result(ctx: ExitContext, rule: ExitReason) -> RuleResult:
    """The result of one rule."""
    return next(found for found in look(ctx).results if found.rule is rule)


def acting(ctx: ExitContext) -> ExitReason | None:
    """The rule that ends the session."""
    found = look(ctx).acting
    return found.rule if found else None


def test_all_ten_are_evaluated_in_their_documented_order() -> None:
    seen = look(context())
    assert tuple(found.rule for found in seen.results) == ORDER
    assert {found.verdict for found in seen.results} == {Verdict.HOLD}
    assert seen.acting is None


def test_optional_rules_are_off_until_they_are_set() -> None:
    bare = context(
        trailing_rules=(), leg_stop_multiple=None, underlying_stop_pct=None, delta_stop=None, daily_loss_limit=None
    )
    off = {found.rule for found in look(bare).results if found.verdict is Verdict.OFF}
    assert off == {
        ExitReason.TRAILING_SL,
        ExitReason.LEG_STOP,
        ExitReason.UNDERLYING_STOP,
        ExitReason.DELTA_STOP,
        ExitReason.DAILY_LOSS,
    }
    assert result(context(trailing_sl_enabled=False), ExitReason.TRAILING_SL).verdict is Verdict.OFF


def test_max_loss_is_judged_gross_at_its_limit() -> None:
    assert acting(context(*priced("139.9", "140"))) is None
    found = look(context(*priced("140", "140"))).acting
    assert found is not None
    assert (found.rule, found.value, found.threshold, found.unit) == (ExitReason.MAX_LOSS, D(-40), D(-40), "%")
    assert found.progress == 1.0
    assert found.detail == "gross -40.0 % against a limit of −40.0 %"


def test_max_profit_is_judged_net_of_every_fee() -> None:
    target: dict[str, Any] = {"max_profit_pct": D(20), "trailing_sl_enabled": False}
    assert acting(context(*priced("80", "80"), **target)) is None
    assert acting(context(*priced("73", "73"), **target)) is None
    assert acting(context(*priced("72.9", "72.9"), **target)) is ExitReason.MAX_PROFIT


def test_trailing_acts_at_the_locked_level_and_not_before() -> None:
    net = context().totals.net_pct
    assert acting(context(trail=TrailState(D(30), net - D("0.01")))) is None
    found = result(context(trail=TrailState(D(30), net)), ExitReason.TRAILING_SL)
    assert (found.verdict, found.value, found.threshold) == (Verdict.ACT, net, net)


def test_break_even_acts() -> None:
    losing = context(*priced("100", "100"), trail=TrailState(D(25), D(0)))
    found = result(losing, ExitReason.TRAILING_SL)
    assert found.verdict is Verdict.ACT
    assert found.threshold == 0
    assert acting(losing) is ExitReason.TRAILING_SL


def test_trailing_shows_how_far_the_profit_fell_from_its_peak() -> None:
    net = context().totals.net_pct
    half = result(context(trail=TrailState(net + 10, net - 10)), ExitReason.TRAILING_SL)
    assert half.progress == pytest.approx(0.5)
    unlocked = result(context(), ExitReason.TRAILING_SL)
    assert (unlocked.verdict, unlocked.threshold, unlocked.progress) == (Verdict.HOLD, None, 0.0)
    assert "peak +15.0 %" in unlocked.detail


def test_a_leg_at_a_multiple_of_its_entry_acts_and_is_named() -> None:
    calm = context(*priced("20", "199"), max_loss_pct=D(90))
    assert acting(calm) is None
    found = look(context(*priced("20", "200"), max_loss_pct=D(90))).acting
    assert found is not None
    assert (found.rule, found.value, found.threshold, found.unit) == (ExitReason.LEG_STOP, D(2), D(2), "x")
    assert "P-BTC-78000" in found.detail


def test_a_known_leg_stops_even_while_the_other_has_no_price() -> None:
    call, put = priced("200")
    blind = replace(put, quote=None)
    assert acting(context(call, blind)) is ExitReason.LEG_STOP
    waiting = result(context(priced("150")[0], blind), ExitReason.LEG_STOP)
    assert (waiting.verdict, waiting.detail) == (Verdict.UNKNOWN, "put: no quote yet")


def test_a_closed_leg_no_longer_stops() -> None:
    gone = replace(priced("300")[0], size_open=0, size_closed=10, exit_price=D(90))
    assert result(context(gone, priced("80")[1]), ExitReason.LEG_STOP).verdict is Verdict.HOLD


@pytest.mark.parametrize(("spot", "acts"), [("78000", False), ("77910", True), ("81090", True), ("81089", False)])
def test_the_underlying_may_move_so_far_either_way(spot: str, acts: bool) -> None:
    assert (acting(context(spot=D(spot))) is ExitReason.UNDERLYING_STOP) is acts


@pytest.mark.parametrize("missing", [{"spot": None}, {"entry_spot": None}, {"entry_spot": D(0)}])
def test_the_underlying_stop_is_unknown_without_its_prices(missing: dict[str, Any]) -> None:
    assert result(context(**missing), ExitReason.UNDERLYING_STOP).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("delta", "acts"), [(0.36, False), (0.37, True), (-0.13, True), (-0.12, False)])
def test_net_delta_has_a_corridor(delta: float, acts: bool) -> None:
    lopsided = (requoted(leg(CALL), delta=delta), leg(PUT))
    assert (acting(context(*lopsided)) is ExitReason.DELTA_STOP) is acts


def test_the_delta_stop_is_unknown_without_a_delta() -> None:
    assert result(context(requoted(leg(CALL), delta=None), leg(PUT)), ExitReason.DELTA_STOP).verdict is Verdict.UNKNOWN


def test_time_exit_acts_at_its_instant() -> None:
    at = later(100)
    assert acting(context(exit_at=at, seconds=99.9, stale_quote_seconds=1000)) is None
    found = look(context(exit_at=at, seconds=100, stale_quote_seconds=1000)).acting
    assert found is not None
    assert (found.rule, found.value, found.threshold, found.unit) == (ExitReason.TIME_EXIT, D(0), D(0), "s")
    assert found.detail == "exit at 09:31:40 IST"


def test_time_exit_comes_first_only_when_it_is_really_earlier() -> None:
    at = later(-10)
    assert acting(context(exit_at=at - timedelta(seconds=1), guard_at=at)) is ExitReason.TIME_EXIT
    together = context(exit_at=at, guard_at=at)
    assert acting(together) is ExitReason.SETTLEMENT_GUARD
    assert result(together, ExitReason.TIME_EXIT).verdict is Verdict.OFF


def test_the_clock_rules_fill_their_meter_over_the_last_hour() -> None:
    assert result(context(exit_at=later(1800)), ExitReason.TIME_EXIT).progress == pytest.approx(0.5)
    assert result(context(), ExitReason.TIME_EXIT).progress == 0.0


def test_data_is_stale_at_its_limit() -> None:
    assert acting(context(newest_quote_age_seconds=59.9)) is None
    assert acting(context(newest_quote_age_seconds=60.0)) is ExitReason.STALE_DATA
    assert result(context(newest_quote_age_seconds=None), ExitReason.STALE_DATA).verdict is Verdict.UNKNOWN


def test_the_day_ends_at_its_loss_limit_with_this_session_counted() -> None:
    net = context().totals.net
    assert acting(context(realised_today=-5 - net + D("0.01"))) is None
    found = look(context(realised_today=-5 - net)).acting
    assert found is not None
    assert (found.rule, found.value, found.threshold, found.unit) == (ExitReason.DAILY_LOSS, D(-5), D(-5), "$")


def test_price_rules_are_unknown_and_never_hold_without_prices() -> None:
    blind = context(leg(CALL), requoted(leg(PUT), ask=None), realised_today=D(-100), trail=TrailState(D(90), D(80)))
    unknown = {found.rule for found in look(blind).results if found.verdict is Verdict.UNKNOWN}
    assert unknown == {
        ExitReason.MAX_LOSS,
        ExitReason.MAX_PROFIT,
        ExitReason.TRAILING_SL,
        ExitReason.LEG_STOP,
        ExitReason.DAILY_LOSS,
    }
    assert acting(blind) is None
    assert result(blind, ExitReason.MAX_LOSS).detail == "put: no offer"


def test_clock_and_staleness_still_guard_without_prices() -> None:
    blind = {"seconds": 100.0, "newest_quote_age_seconds": 100.0}
    assert acting(context(**blind)) is ExitReason.STALE_DATA
    assert acting(context(**blind, exit_at=later(100))) is ExitReason.TIME_EXIT


def test_the_first_in_order_wins_when_all_act_at_once() -> None:
    worst = context(
        *priced("250", "250"),
        spot=D(70_000),
        exit_at=NOW,
        newest_quote_age_seconds=100.0,
        realised_today=D(-100),
        trail=TrailState(D(30), D(10)),
    )
    seen = look(worst)
    assert seen.acting == seen.results[0]
    remaining = [found.rule for found in seen.results if found.verdict is Verdict.ACT]
    assert remaining == [rule for rule in ORDER if rule in remaining]
    assert len(remaining) == 7


ASKS = st.decimals(D("0.1"), 400, places=1).map(str)


@given(ASKS, ASKS, st.none() | st.decimals(60_000, 100_000, places=1), st.floats(0, 30_000))
def test_a_meter_is_full_exactly_when_its_rule_acts(call: str, put: str, spot: Decimal | None, seconds: float) -> None:
    ctx = context(*priced(call, put), spot=spot, seconds=seconds, trail=TrailState(D(90), D(-50)))
    for found in look(ctx).results:
        assert 0.0 <= found.progress <= 1.0
        if found.verdict is Verdict.ACT:
            assert found.progress == 1.0
            assert found.value is not None
            assert found.detail
        if found.verdict in (Verdict.HOLD, Verdict.ACT):
            assert found.value is not None
            assert found.detail
