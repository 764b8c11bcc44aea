"""Whose is what the account holds, as a pure function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.ownership import (
    OrderOwner,
    Owned,
    flatten_order_id,
    order_name,
    order_owner,
    share_of,
    shares,
)
from trading.strategy.execution import client_order_id
from trading.strategy.types import OptionType, Position, Purpose

SYMBOLS = ("C-BTC-1-010126", "P-BTC-1-010126", "C-ETH-1-010126")
SIZES = st.integers(-60, 60)
POSITIONS = st.dictionaries(st.sampled_from(SYMBOLS), SIZES).map(
    lambda sizes: [Position(symbol, size) for symbol, size in sizes.items()]
)
OWNED = st.dictionaries(st.sampled_from(SYMBOLS), st.tuples(st.integers(0, 40), SIZES)).map(
    lambda legs: [Owned("delta-strangle-1", symbol, held, baseline) for symbol, (held, baseline) in legs.items()]
)


@given(POSITIONS, OWNED)
def test_the_parts_add_up_to_what_the_account_holds(positions: list[Position], owned: list[Owned]) -> None:
    held = {one.symbol: one.held for one in owned}
    sizes = {position.symbol: position.size for position in positions}
    for share in shares(positions, owned):
        assert share.foreign + share.missing - share.held == share.size
        assert (share.held, share.size) == (held.get(share.symbol, 0), sizes.get(share.symbol, 0))
        assert share.missing >= 0


@given(POSITIONS, OWNED)
def test_nothing_that_is_held_is_left_out(positions: list[Position], owned: list[Owned]) -> None:
    named = {share.symbol for share in shares(positions, owned)}
    assert named == {p.symbol for p in positions if p.size} | {o.symbol for o in owned if o.held}


@given(POSITIONS, OWNED)
def test_closing_what_is_foreign_never_touches_the_sessions_part(positions: list[Position], owned: list[Owned]) -> None:
    for share in shares(positions, owned):
        towards_zero = share.closable if share.foreign < 0 else -share.closable
        left = share.size + towards_zero
        assert share.closable <= abs(share.foreign)
        assert left * share.size >= 0, "an order that only reduces cannot turn the position"
        if share.foreign < 0:
            assert -left >= min(share.held, -share.size), "the session's own contracts are still there"


@given(POSITIONS, OWNED)
def test_contracts_the_account_no_longer_shows_are_missing_and_never_foreign(
    positions: list[Position], owned: list[Owned]
) -> None:
    baselines = {one.symbol: one.baseline for one in owned if one.held}
    for share in shares(positions, owned):
        if share.symbol in baselines and share.foreign > 0:
            assert share.foreign <= max(baselines[share.symbol], 0)


def test_an_option_that_nobody_has_is_nobodys() -> None:
    share = share_of("C-BTC-1-010126", [], [])
    assert (share.size, share.foreign, share.missing, share.closable) == (0, 0, 0, 0)


def test_a_long_position_against_the_sessions_short_cannot_be_closed_by_reducing() -> None:
    share = share_of(SYMBOLS[0], [Position(SYMBOLS[0], -6)], [Owned("s", SYMBOLS[0], 10, 4)])
    assert (share.foreign, share.missing, share.closable) == (4, 0, 0)


@pytest.mark.parametrize("strategy_id", ["delta-strangle-20261122223525", "delta-strangle-20261122223525-2"])
@given(leg=st.sampled_from(OptionType), purpose=st.sampled_from(Purpose), number=st.integers(1, 999))
def test_a_client_order_id_of_ours_is_taken_apart_as_it_was_made(
    strategy_id: str, leg: OptionType, purpose: Purpose, number: int
) -> None:
    name = order_name(client_order_id(strategy_id, leg, purpose, number))
    assert name is not None
    assert (name.strategy_id, name.leg, name.purpose, name.number) == (strategy_id, leg, purpose, number)


@pytest.mark.parametrize("text", ["", "mine-1", "ds1-XX-e1", "ds1-CE-q1", "ds1-CE-e", "xds1-CE-e1", "ds1-CE-e1\n"])
def test_any_other_client_order_id_is_foreign(text: str) -> None:
    assert order_owner(text, ["delta-strangle-1"]) is OrderOwner.FOREIGN


def test_an_order_of_ours_whose_session_is_not_open_is_an_orphan() -> None:
    ours = client_order_id("delta-strangle-1", OptionType.CALL, Purpose.ENTRY, 1)
    assert order_owner(ours, ["delta-strangle-1"]) is OrderOwner.SESSION
    assert order_owner(ours, ["delta-strangle-1-2"]) is OrderOwner.ORPHAN
    assert order_owner(ours, []) is OrderOwner.ORPHAN
    assert order_owner(flatten_order_id("261122223525abcdef01", 1), []) is OrderOwner.FLATTEN


def test_the_id_of_a_flattening_order_fits_the_exchange() -> None:
    assert len(flatten_order_id("261122223525abcdef01", 5)) <= 32
