"""Bad market data at the entry: a refusal that names its cause, asked again until the window closes, never a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
import pytest_asyncio

from trading.models import StrategySession
from trading.strategy.types import Chain, Phase
from trading.tests.scene import Scene, assert_settled, said

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


async def refused(scene: Scene, session: StrategySession, cause: str) -> None:
    """The session said why, kept asking, and ended without an entry when its window closed."""
    assert scene.phase is Phase.SELECTING
    await scene.until_closed(seconds=10)
    await assert_settled(scene, session)
    assert session.exit_reason == "no_entry"
    assert scene.sent == []
    reasons = await said(session, "selection_refused")
    assert cause in reasons[0]
    assert all(one != next_one for one, next_one in pairwise(reasons)), "the same refusal is said once"
    entry = session.session_metadata["entry"]
    assert any(cause in text for text in (entry["selection_summary"], *entry["refusals"]))
    assert cause in (await said(session, "entry_window_closed"))[0]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        pytest.param("no_chain", "chain is empty", id="no chain"),
        pytest.param("disconnect", "disconnected", id="no link"),
        pytest.param("positions_fail", "positions could not be read", id="no positions"),
        pytest.param("null_greeks", "has no delta", id="null greeks"),
        pytest.param("one_sided:empty=bid", "has no bid", id="no bids"),
        pytest.param("one_sided:empty=ask", "has no offer", id="no offers"),
        pytest.param("one_sided:empty=both", "has no bid", id="no quotes"),
        pytest.param("crossed", "crossed", id="crossed books"),
        pytest.param("null_greeks:leg=put", "has no delta", id="null greeks of the puts"),
        pytest.param("crossed:leg=call", "crossed", id="crossed books of the calls"),
    ],
)
async def test_it_refuses_to_enter_with(scene: Scene, fault: str, cause: str) -> None:
    scene.faults.inject(fault)
    await refused(scene, await scene.start(), cause)


Spoil = Callable[[Chain], Chain]


def spoiled(scene: Scene, spoil: Spoil) -> None:
    """Let every chain that the venue gives be spoiled first."""
    read = scene.venue.chain

    async def chain(underlying: str) -> Chain:
        return spoil(await read(underlying))

    scene.venue.chain = chain  # type: ignore[method-assign]


def without_spot(chain: Chain) -> Chain:
    return replace(chain, spot=None)


def with_unknown_types_only(chain: Chain) -> Chain:
    """What an adapter makes of contract types nobody knows: nothing to choose from, and the names of what it left."""
    return replace(chain, rows=(), skipped=("X-BTC-81000-050926: unknown contract type 'barrier_options'",))


def with_bigger_contracts(chain: Chain) -> Chain:
    rows = tuple(replace(r, instrument=replace(r.instrument, contract_value=Decimal("0.01"))) for r in chain.rows)
    return replace(chain, rows=rows)


def with_old_quotes(chain: Chain) -> Chain:
    first = chain.rows[0].quote.at.replace(hour=0)
    return replace(chain, rows=tuple(replace(r, quote=replace(r.quote, at=first)) for r in chain.rows))


def of_puts_only(chain: Chain) -> Chain:
    return replace(chain, rows=tuple(r for r in chain.rows if r.instrument.option_type == "put"))


def in_an_auction(chain: Chain) -> Chain:
    status = "disrupted_post_only"
    return replace(
        chain, rows=tuple(replace(r, instrument=replace(r.instrument, trading_status=status)) for r in chain.rows)
    )


def that_does_not_parse(chain: Chain) -> Chain:
    raise KeyError("mark_price")


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (without_spot, "no index price"),
        (with_unknown_types_only, "unknown contract type"),
        (with_bigger_contracts, "has contracts of 0.01 BTC, configured 0.001"),
        (with_old_quotes, "old, limit 60 s"),
        (of_puts_only, "lists no call"),
        (in_an_auction, "disrupted_post_only"),
        (that_does_not_parse, "KeyError: 'mark_price'"),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else "",
)
async def test_it_refuses_a_chain(scene: Scene, spoil: Spoil, cause: str) -> None:
    spoiled(scene, spoil)
    await refused(scene, await scene.start(), cause)


async def test_it_enters_when_the_market_recovers_inside_the_window(scene: Scene) -> None:
    scene.faults.inject("no_chain:for=60;null_greeks:after=60,for=60")
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    assert len(await said(session, "selection_refused")) == 2
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"


async def test_one_unusable_listing_does_not_keep_it_from_entering(scene: Scene) -> None:
    def one_without_greeks(chain: Chain) -> Chain:
        first = chain.rows[0]
        rows = (replace(first, quote=replace(first.quote, delta=None, mark=None, bid=None)), *chain.rows[1:])
        return replace(chain, rows=rows, skipped=("BTCUSD: not an option",))

    spoiled(scene, one_without_greeks)
    session = await scene.play()
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"


async def test_the_book_going_bad_between_choice_and_order_ends_without_a_position_or_with_a_strangle(
    scene: Scene,
) -> None:
    scene.faults.inject("one_sided:empty=bid,after=0.5,for=20;partial:purpose=entry,fraction=0,count=2")
    scene.becalm()
    session = await scene.start(order_timeout_seconds=1, max_hold_minutes=3)
    for _ in range(10):
        await scene.step()
        assert scene.phase is Phase.ENTERING
    scene.becalm(False)
    await scene.until_closed()
    await assert_settled(scene, session)


async def test_a_market_that_breaks_while_live_never_stops_the_engine(scene: Scene) -> None:
    session = await scene.start(max_hold_minutes=5, stale_quote_seconds=600)
    await scene.until_live()
    for fault in ("null_greeks", "crossed", "one_sided:empty=both", "stale", "one_sided:empty=ask"):
        scene.faults.clear()
        scene.faults.inject(fault)
        for _ in range(5):
            await scene.step(5)
            assert scene.phase is Phase.LIVE
    scene.faults.clear()
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"
