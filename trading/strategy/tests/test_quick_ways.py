"""What the hot path leaves out changes nothing: the same figures to the last digit, verdicts and state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy import exits
from trading.strategy.codec import dumps, loads
from trading.strategy.decide import decide
from trading.strategy.events import Event, MarketSeen, QuoteSeen, SpotSeen, Tick, Verdict
from trading.strategy.exits import TELLERS, look
from trading.strategy.guarding import book_of
from trading.strategy.judging import JUDGES, ExitContext
from trading.strategy.pnl import LegBook, totals
from trading.strategy.state import LegState, SessionState
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.plainly import plain_acts, plain_leg, plain_totals
from trading.strategy.tests.samples import NOW, SPOT, params
from trading.strategy.tests.test_pnl import books
from trading.strategy.trailing import TrailState, advance, parse_rules
from trading.strategy.types import OptionType, Quote, TrailingRule

D = Decimal
CALL, PUT = OptionType.CALL, OptionType.PUT
LADDER = parse_rules({"0.05": 0, "0.2": 0.1})
DERIVED = [name for name, value in vars(LegState).items() if isinstance(value, cached_property)]
LIMITS = {
    "leg_stop_multiple": st.none() | st.sampled_from([D("1.2"), D(2), D(20)]),
    "underlying_stop_pct": st.none() | st.sampled_from([D("0.5"), D(2)]),
    "delta_stop": st.none() | st.sampled_from([D("0.000001"), D("0.1"), D("0.3")]),
    "daily_loss_limit": st.none() | st.sampled_from([D("0.5"), D(50)]),
    "trailing_rules": st.sampled_from([(), LADDER]),
    "trailing_sl_enabled": st.booleans(),
    "max_loss_pct": st.sampled_from([D(10), D(200)]),
    "max_profit_pct": st.sampled_from([D(10), D(90)]),
}
MILLISECONDS = st.integers(-100_000, 100_000).map(lambda count: timedelta(milliseconds=count))


@st.composite
def contexts(draw: st.DrawFn) -> ExitContext:
    """A look at one or two legs, near and far from every threshold."""
    held = tuple(draw(st.lists(books(), min_size=1, max_size=2)))
    chosen = params(**draw(st.fixed_dictionaries(LIMITS)))
    now = NOW + abs(draw(MILLISECONDS))
    figures = totals(held, spot=SPOT, now=now, stale_seconds=60)
    level = draw(st.none() | st.just(figures.net_pct) | st.decimals(-50, 50, places=1))
    return ExitContext(
        params=chosen,
        totals=figures,
        legs=held,
        spot=draw(st.none() | st.decimals(70_000, 90_000, places=1)),
        entry_spot=draw(st.none() | st.just(SPOT)),
        trail=TrailState(D(60), level),
        now=now,
        exit_at=now + draw(MILLISECONDS),
        guard_at=now + draw(MILLISECONDS),
        newest_quote_age_seconds=draw(st.none() | st.sampled_from([59.9994, 59.9996, 60.0]) | st.floats(0, 120)),
        realised_today=draw(st.decimals(-60, 60, places=2)),
    )


@given(st.lists(books(), min_size=1, max_size=2), st.none() | st.just(SPOT), st.integers(-5, 70))
def test_totals_are_what_the_formulas_give_digit_for_digit(
    legs: list[LegBook], spot: Decimal | None, seconds: int
) -> None:
    now = NOW + timedelta(seconds=seconds)
    seen = totals(legs, spot=spot, now=now, stale_seconds=60)
    plain = plain_totals(legs, spot, now, 60)
    assert {name: repr(getattr(seen, name)) for name in plain} == {name: repr(value) for name, value in plain.items()}
    for book, valued in zip(legs, seen.legs, strict=True):
        by_definition = plain_leg(book, spot, now, 60)
        assert {name: repr(getattr(valued, name)) for name in by_definition} == {
            name: repr(value) for name, value in by_definition.items()
        }


@given(contexts())
def test_a_rule_acts_exactly_when_the_figures_it_tells_say_so(ctx: ExitContext) -> None:
    seen = look(ctx)
    assert seen.verdicts == tuple(result.verdict for result in seen.results)
    for result in seen.results:
        if result.verdict in (Verdict.ACT, Verdict.HOLD):
            assert (result.verdict is Verdict.ACT) == plain_acts(result), result
            assert result.value is not None, result
        else:
            assert result.detail or result.verdict is Verdict.OFF
    acting = [result for result in seen.results if result.verdict is Verdict.ACT]
    assert seen.acting == (acting[0] if acting else None)


def test_judges_and_tellers_are_the_same_ten_rules() -> None:
    assert [judge.__name__ for judge in JUDGES] == [tell.__name__ for tell in TELLERS]


def test_no_sentence_is_written_for_a_look_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def share(value: Decimal, limit: Decimal) -> float:
        written.append(f"{value} of {limit}")
        return 0.0

    monkeypatch.setattr(exits, "_share", share)
    desk = Desk().live()
    written.clear()
    decision = desk.send(Tick(desk.now))
    assert decision.verdicts.count(Verdict.HOLD) >= 4
    assert not written
    assert [result.verdict for result in decision.trace] == list(decision.verdicts)
    assert written


@st.composite
def events(draw: st.DrawFn, state: SessionState, now: datetime) -> Event:
    """A quote or two, an index price, or only time."""
    quotes = tuple(draw(_quotes(leg, now)) for leg in state.legs)
    spot = draw(st.none() | st.decimals(79_000, 80_000, places=1))
    kinds: list[Event] = [Tick(now), QuoteSeen(now, quotes[0]), SpotSeen(now, spot or SPOT)]
    return draw(st.sampled_from([MarketSeen(now, quotes, spot), MarketSeen(now, quotes[1:], spot), *kinds]))


@st.composite
def _quotes(draw: st.DrawFn, leg: LegState, now: datetime) -> Quote:
    assert leg.quote is not None
    ask = draw(st.none() | st.decimals(50, 130, places=1))
    return replace(
        leg.quote,
        at=now - timedelta(seconds=draw(st.sampled_from([0, 1, 9]))),
        ask=ask,
        bid=ask - draw(st.sampled_from([D("0.1"), D(-1)])) if ask else None,
        mark=draw(st.none() | st.decimals(50, 130, places=2)),
    )


@given(st.data())
def test_what_a_state_carries_is_what_a_fresh_copy_derives(data: st.DataObject) -> None:
    """Quotes and orders in any order: nothing derived is ever out of date, and a state read back decides the same."""
    rules = {"trailing_rules": (TrailingRule(D(5), D(2)),), "leg_stop_multiple": D("1.25")}
    desk = Desk(**rules, venue_stop_multiple=D(3)).live()
    for _ in range(8):
        desk.now += timedelta(milliseconds=250)
        event = data.draw(events(desk.state, desk.now))
        fresh = loads(SessionState, dumps(desk.state))
        again, decision = decide(fresh, event), desk.send(event)
        assert (again.state, again.actions, again.trace, again.totals) == (
            decision.state,
            decision.actions,
            decision.trace,
            decision.totals,
        )
        for leg in desk.state.legs:
            assert {name: getattr(leg, name) for name in DERIVED} == {
                name: getattr(replace(leg), name) for name in DERIVED
            }
            assert leg.terms == book_of(leg).terms
        for order in desk.placed():
            desk.fill(order, size=data.draw(st.integers(1, order.size)), price=D(99))


def test_the_highest_and_lowest_index_price_are_remembered() -> None:
    desk = Desk().live()
    for price in (79_600, 79_400, 79_500):
        desk.spot(price)
    desk.send(MarketSeen(desk.now, (), D(79_550)))
    state = desk.state
    assert (state.spot, state.spot_high, state.spot_low) == (D(79_550), D(79_600), D(79_400))


@given(st.lists(st.decimals(-50, 50, places=2), max_size=12))
def test_the_ladder_is_left_alone_only_when_nothing_of_it_changes(seen: list[Decimal]) -> None:
    trail = TrailState()
    for net in seen:
        after = advance(LADDER, trail, net)
        assert (after is trail) == (after == trail)
        trail = after
    assert trail.peak_pct == max([D(0), *seen])
