"""While the strangle is open."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from trading.strategy.codec import dumps, loads
from trading.strategy.events import ReadPositions, Tick, Verdict
from trading.strategy.state import SessionState
from trading.strategy.tests.desk import Desk
from trading.strategy.types import ExitReason, OptionType, Phase, TrailingRule

CALL, PUT = OptionType.CALL, OptionType.PUT


def requote(desk: Desk, factor: str) -> None:
    """Both legs quoted around ``factor`` times their entry price."""
    for leg in desk.state.legs:
        assert leg.entry_price is not None
        middle = (leg.entry_price * Decimal(factor)).quantize(Decimal("0.1"))
        desk.quote(leg.option_type, bid=middle - Decimal("0.1"), ask=middle, mark=middle)


@pytest.mark.parametrize(
    ("factor", "changes", "reason"),
    [
        ("1.5", {}, ExitReason.MAX_LOSS),
        ("0.1", {}, ExitReason.MAX_PROFIT),
        ("1.35", {"leg_stop_multiple": Decimal("1.3")}, ExitReason.LEG_STOP),
        ("1.35", {"daily_loss_limit": Decimal("0.5")}, ExitReason.DAILY_LOSS),
    ],
)
def test_it_closes_by_the_rule_that_prices_break(factor: str, changes: dict[str, object], reason: ExitReason) -> None:
    desk = Desk(**changes).live()
    requote(desk, factor)
    desk.close_everything()
    assert desk.state.exit_reason is reason


def test_it_closes_when_the_underlying_runs_away() -> None:
    desk = Desk(underlying_stop_pct=Decimal(2)).live()
    desk.spot(81_200)
    assert desk.state.exit_reason is ExitReason.UNDERLYING_STOP


def test_it_closes_when_the_net_delta_is_breached() -> None:
    desk = Desk(delta_stop=Decimal("0.2")).live()
    desk.quote(CALL, delta=0.45)
    assert desk.state.exit_reason is ExitReason.DELTA_STOP


def test_it_exits_at_the_frozen_instant_and_not_a_look_earlier() -> None:
    desk = Desk(max_hold_minutes=10).live()
    assert desk.state.exit is not None
    desk.wait((desk.state.exit.exit_at - desk.now).total_seconds() - 1)
    assert desk.state.phase is Phase.LIVE
    desk.wait(1)
    assert desk.state.exit_at == desk.state.exit.exit_at
    assert desk.state.exit_reason is ExitReason.TIME_EXIT


def test_it_closes_when_its_quotes_go_stale() -> None:
    desk = Desk(stale_quote_seconds=20).live()
    desk.wait(19, requote=False)
    assert desk.state.phase is Phase.LIVE
    desk.wait(2, requote=False)
    assert desk.state.exit_reason is ExitReason.STALE_DATA


def test_a_book_without_offers_is_as_blind_as_a_silent_one() -> None:
    desk = Desk(stale_quote_seconds=20).live()
    for _ in range(21):
        desk.now += timedelta(seconds=1)
        desk.quote(PUT)
        desk.quote(CALL, ask=None, ask_size=0)
    assert desk.state.exit_reason is ExitReason.STALE_DATA


def test_it_does_not_judge_prices_by_a_crossed_book() -> None:
    desk = Desk().live()
    decision = None
    for leg in desk.state.legs:
        desk.quote(leg.option_type, bid=Decimal(5000), ask=Decimal(4000))
    decision = desk.send(Tick(desk.now))
    assert desk.state.phase is Phase.LIVE
    verdicts = {r.rule: r.verdict for r in decision.trace}
    assert verdicts[ExitReason.MAX_LOSS] is Verdict.UNKNOWN


def test_break_even_trailing_fires() -> None:
    desk = Desk(trailing_rules=(TrailingRule(Decimal(20), Decimal(0)),)).live()
    requote(desk, "0.6")
    assert desk.state.trail.level_pct == 0
    assert desk.said("trailing_raised")
    requote(desk, "1.0")
    assert desk.state.exit_reason is ExitReason.TRAILING_SL


def test_every_rule_is_told_with_its_verdict_in_the_fixed_order() -> None:
    desk = Desk().live()
    trace = desk.send(Tick(desk.now)).trace
    assert [r.rule for r in trace] == list(ExitReason)[:10]


def test_it_compares_itself_with_the_venue_regularly() -> None:
    desk = Desk().live()
    desk.taken(ReadPositions)
    desk.wait(60)
    assert Counter(read.whole for read in desk.taken(ReadPositions)) == {True: 1, False: 9}
    desk.positions()
    assert desk.state.reconciled_at == desk.now


def test_its_state_survives_being_written_and_read() -> None:
    desk = Desk(trailing_rules=(TrailingRule(Decimal(20), Decimal(0)),)).live()
    desk.wait(3)
    assert loads(SessionState, dumps(desk.state)) == desk.state


def test_a_state_saved_before_settlements_and_glances_were_known_is_taken_up() -> None:
    """A session that is open across the upgrade."""
    desk = Desk().live()
    saved = json.loads(dumps(desk.state))
    for name in ("whole_read_at", "settling_since", "settlement_asked_at", "settlement_note"):
        del saved[name]
    for leg in saved["legs"]:
        for name in ("settled", "settled_value", "settled_fees", "settled_at"):
            del leg[name]
    desk.state = loads(SessionState, json.dumps(saved))
    desk.wait(1)
    assert (desk.state.phase, desk.state.held) == (Phase.LIVE, 20)
