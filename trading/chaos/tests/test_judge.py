"""The judge finds every kind of wrong in a run that had none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from trading.chaos.evidence import Evidence, LedgerOrder, Seen
from trading.chaos.judge import Kind, judge
from trading.chaos.plan import plan_of
from trading.chaos.tests.books import (
    CALL,
    SECOND,
    evidence,
    expired,
    fill,
    order,
    with_book,
    with_session,
    with_truth,
)
from trading.strategy.types import Side
from trading.venues.simulated.records import PositionRecord

PLAN = replace(plan_of(1, kill=False, faults=False), configuration={"naked_leg_seconds": 30, "quantity": 10})


def wrong(some: Evidence) -> set[Kind]:
    return {violation.kind for violation in judge(PLAN, some).violations}


def test_it_finds_nothing_in_a_run_without_a_flaw() -> None:
    verdict = judge(PLAN, evidence())
    assert (verdict.violations, verdict.naked) == ((), ())


def test_an_order_accepted_twice_is_a_duplicate() -> None:
    right = evidence()
    assert wrong(with_truth(right, orders=(*right.truth.orders, right.truth.orders[0]))) == {Kind.DUPLICATE}


def test_an_order_larger_than_its_intent_is_a_duplicate() -> None:
    right = evidence()
    name = right.truth.orders[0].client_order_id
    intended = {**right.book.orders, name: replace(right.book.orders[name], size=9)}
    assert wrong(with_book(right, orders=intended)) == {Kind.DUPLICATE}


def test_more_outstanding_than_asked_is_a_duplicate_even_if_it_was_never_filled() -> None:
    assert wrong(evidence(seen=Seen(most={CALL: 11}))) == {Kind.DUPLICATE}


def test_an_order_that_was_never_intended_is_an_orphan() -> None:
    right = evidence()
    assert wrong(with_truth(right, orders=(*right.truth.orders, order(9, CALL, Side.BUY)))) == {Kind.ORPHAN}


def test_what_a_closed_session_left_at_the_venue_is_an_orphan() -> None:
    left = PositionRecord(CALL, 1, 0, -3, Decimal(100), Decimal(0))
    assert wrong(with_truth(evidence(), positions=(left,))) == {Kind.ORPHAN}
    assert wrong(replace(evidence(), pending=1)) == {Kind.ORPHAN}


def test_buying_back_more_than_was_sold_is_an_orphan() -> None:
    right = evidence()
    more = order(3, CALL, Side.BUY, size=11, name=right.truth.orders[2].client_order_id)
    fills = (*right.truth.fills[:2], fill(more, at=100), right.truth.fills[3])
    assert Kind.ORPHAN in wrong(with_truth(right, fills=fills))


@pytest.mark.parametrize("change", [{"price": Decimal("100.1")}, {"commission": Decimal("0.0200001")}, {"size": 9}])
def test_a_digit_that_differs_between_ledger_and_exchange_is_a_disagreement(change: dict[str, object]) -> None:
    right = evidence()
    first, *others = right.book.fills
    assert wrong(with_book(right, fills=(replace(first, **change), *others))) == {Kind.DISAGREEMENT}  # type: ignore[arg-type]


def test_a_fill_that_only_one_side_knows_is_a_disagreement() -> None:
    right = evidence()
    assert wrong(with_book(right, fills=right.book.fills[1:])) == {Kind.DISAGREEMENT}
    assert Kind.DISAGREEMENT in wrong(with_truth(right, fills=right.truth.fills[1:]))


@pytest.mark.parametrize("change", [{"status": "rejected"}, {"status": "intent"}, {"filled": 9}])
def test_an_order_with_another_end_in_the_ledger_is_a_disagreement(change: dict[str, object]) -> None:
    right = evidence()
    name = right.truth.orders[0].client_order_id
    rows = {**right.book.orders, name: replace(right.book.orders[name], **change)}  # type: ignore[arg-type]
    assert wrong(with_book(right, orders=rows)) == {Kind.DISAGREEMENT}


def test_an_order_that_never_got_there_must_be_rejected_in_the_ledger() -> None:
    right = evidence()
    assert wrong(with_book(right, orders={**right.book.orders, "lost": LedgerOrder(10, 0, "rejected")})) == set()
    for row in (LedgerOrder(10, 0, "intent"), LedgerOrder(10, 0, "closed"), LedgerOrder(10, 3, "rejected")):
        assert wrong(with_book(right, orders={**right.book.orders, "lost": row})) == {Kind.DISAGREEMENT}


@pytest.mark.parametrize("price", [Decimal(0), Decimal("123.4")], ids=["worthless", "in the money"])
def test_a_leg_that_expired_is_right_when_the_ledger_has_the_exchanges_price(price: Decimal) -> None:
    assert judge(PLAN, expired(put_price=price)).violations == ()


@pytest.mark.parametrize("change", [{"price": Decimal(1)}, {"size": 9}, {"symbol": CALL}])
def test_another_settlement_in_the_ledger_than_at_the_exchange_is_a_disagreement(change: dict[str, object]) -> None:
    right = expired()
    (row,) = right.book.settlements
    assert wrong(with_book(right, settlements=(replace(row, **change),))) == {Kind.DISAGREEMENT}  # type: ignore[arg-type]
    assert wrong(with_book(right, settlements=())) == {Kind.DISAGREEMENT}


def test_a_session_that_does_not_know_what_it_settled_at_still_has_every_order_and_fill() -> None:
    declared = with_session(with_book(expired(), settlements=()), exit_reason="closed_outside", realised=Decimal(0))
    assert untold(declared) == set()
    assert untold(with_book(declared, fills=declared.book.fills[1:])) == {Kind.DISAGREEMENT}


def test_a_leg_that_expired_was_naked_no_longer_than_it_lived() -> None:
    right = expired()
    orders = tuple(replace(one, settlement=150) for one in right.truth.orders)
    (naked,) = judge(PLAN, with_truth(right, orders=orders)).naked
    assert (naked.seconds, naked.entering) == (50.0, False)


def test_cash_that_the_ledger_does_not_explain_is_a_disagreement() -> None:
    assert wrong(with_session(evidence(), realised=Decimal("-0.0800001"))) == {Kind.DISAGREEMENT}


def untold(some: Evidence) -> set[Kind]:
    """What is wrong where the exchange keeps a settlement price to itself for long."""
    return {violation.kind for violation in judge(replace(PLAN, price_after=2400.0), some).violations}


def test_a_session_that_says_it_does_not_know_does_not_claim_to_agree_but_may_say_so_only_where_nobody_told_it() -> (
    None
):
    declared = with_session(evidence(), exit_reason="closed_outside", realised=Decimal(0))
    assert untold(declared) == set()
    assert wrong(declared) == {Kind.DISAGREEMENT}


def test_a_leg_naked_for_longer_than_its_budget_is_a_violation_and_its_time_is_told() -> None:
    verdict = judge(PLAN, evidence(put_sold_at=32.0))
    assert [violation.kind for violation in verdict.violations] == [Kind.NAKED]
    assert [(naked.seconds, naked.guarded, naked.entering) for naked in verdict.naked] == [(31.0, 31.0, True)]
    assert wrong(evidence(put_sold_at=30.0)) == set()


def test_time_in_which_nobody_guarded_is_told_but_not_held_against_the_entry() -> None:
    dead = Seen(down=[(10 * SECOND, 15 * SECOND)])
    verdict = judge(PLAN, evidence(put_sold_at=32.0, seen=dead))
    assert verdict.violations == ()
    assert [(naked.seconds, naked.guarded) for naked in verdict.naked] == [(31.0, 26.0)]


def test_a_session_that_is_not_closed_or_holds_something_has_not_ended_flat() -> None:
    assert wrong(with_session(evidence(), status="running", phase="attention")) == {Kind.NOT_FLAT}
    assert wrong(with_session(evidence(), open_contracts=1)) == {Kind.NOT_FLAT}
    assert wrong(with_book(evidence(), sessions=())) >= {Kind.NOT_FLAT}


def test_a_tape_that_replays_differently_and_a_run_that_stalls_are_violations() -> None:
    assert wrong(evidence(seen=Seen(replays=["x: different"], troubles=["not over"]))) == {Kind.REPLAY, Kind.HARNESS}
