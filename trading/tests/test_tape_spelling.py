"""Equal is not the same: what a venue spells differently is on the tape, for the digest of the state is of its text.

Found by ``manage.py chaos --seeds 144 --kill --faults``: a mark of 109.1987, then of 109.19870000.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from trading.engine.chain import changes_nothing
from trading.strategy.codec import dumps
from trading.strategy.decide import decide
from trading.strategy.events import MarketSeen
from trading.strategy.tests.desk import Desk
from trading.strategy.types import Quote


def live_desk() -> Desk:
    return Desk().live()


def quotes_of(desk: Desk) -> tuple[Quote, ...]:
    return tuple(leg.quote for leg in desk.state.legs if leg.quote is not None)


def respelt(quote: Quote) -> Quote:
    assert quote.mark is not None
    return replace(quote, mark=Decimal(f"{quote.mark:f}{'' if '.' in str(quote.mark) else '.'}000"))


def test_a_quote_that_is_seen_twice_changes_nothing() -> None:
    desk = live_desk()
    event = MarketSeen(desk.now, quotes_of(desk), None)
    desk.send(event)
    assert changes_nothing(desk.state, event, decide(desk.state, event))


def test_a_quote_that_spells_its_mark_differently_changes_the_text_of_the_state() -> None:
    desk = live_desk()
    desk.send(MarketSeen(desk.now, quotes_of(desk), None))
    event = MarketSeen(desk.now, tuple(respelt(quote) for quote in quotes_of(desk)), None)
    decision = decide(desk.state, event)
    assert decision.state == desk.state
    assert dumps(decision.state) != dumps(desk.state)
    assert not changes_nothing(desk.state, event, decision)
