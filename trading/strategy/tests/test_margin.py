"""The account must carry the entry, by a figure that was read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.strategy.events import ChainRead, LoadChain, Tick
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.samples import NOW, full_chain
from trading.strategy.types import ExitReason, MarginSeen, Phase


def chosen() -> tuple[str, ...]:
    """What the desk sells of the full chain."""
    return Desk().live().state.symbols


def shown(seen: MarginSeen | None, **changes: int) -> Desk:
    """A desk that was shown the full chain with this margin."""
    desk = Desk(**changes)
    desk.send(Tick(NOW))
    desk.taken(LoadChain)
    desk.send(ChainRead(NOW, full_chain(), margin=seen))
    return desk


def test_it_enters_when_exactly_as_much_is_free_as_is_needed_and_remembers_the_figure() -> None:
    desk = shown(MarginSeen(chosen(), Decimal("812.40"), Decimal("812.40")))
    assert len(desk.placed()) == 2
    assert desk.state.margin_required == Decimal("812.40")


def test_it_refuses_with_both_figures_when_a_cent_is_missing() -> None:
    desk = shown(MarginSeen(chosen(), Decimal("1812.40"), Decimal("1812.39")))
    assert desk.placed() == []
    assert desk.state.phase is Phase.SELECTING
    assert desk.said("selection_refused") == ["Not enough margin: needs $1,812.40, $1,812.39 is free."]


@pytest.mark.parametrize(
    ("required", "available", "error", "words"),
    [
        (None, None, "HTTP 502", "HTTP 502"),
        (Decimal(100), None, "", "no figure"),
        (None, Decimal(100), "", "no figure"),
        (Decimal(100), Decimal(1000), "the balance is 300 s old", "300 s old"),
    ],
)
def test_what_could_not_be_read_is_not_enough(
    required: Decimal | None, available: Decimal | None, error: str, words: str
) -> None:
    desk = shown(MarginSeen(chosen(), required, available, error))
    assert desk.placed() == []
    assert "could not be read" in desk.state.selection_summary
    assert words in desk.state.selection_summary


def test_a_margin_of_other_strikes_says_nothing_about_these() -> None:
    desk = shown(MarginSeen(("C-BTC-1-050926", "P-BTC-1-050926"), Decimal(1), Decimal(1000)))
    assert desk.placed() == []
    assert "strikes changed" in desk.state.selection_summary


def test_it_asks_again_within_the_window_and_enters_once_there_is_enough() -> None:
    desk = shown(MarginSeen(chosen(), error="timed out"))
    desk.wait(6)
    assert desk.taken(LoadChain) == [LoadChain("BTC")]
    desk.send(ChainRead(desk.now, full_chain(), margin=MarginSeen(chosen(), Decimal(500), Decimal(9000))))
    assert len(desk.placed()) == 2


def test_it_gives_the_day_up_with_the_figures_when_the_window_closes() -> None:
    desk = shown(MarginSeen(chosen(), Decimal(900), Decimal(10)), entry_window_seconds=60)
    desk.wait(61)
    assert desk.state.exit_reason is ExitReason.NO_ENTRY
    assert desk.said("entry_window_closed") == ["No entry: Not enough margin: needs $900.00, $10.00 is free."]


def test_a_venue_that_is_not_to_be_asked_does_not_keep_it_out() -> None:
    desk = shown(None)
    assert len(desk.placed()) == 2
    assert desk.state.margin_required is None
