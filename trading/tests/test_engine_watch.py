"""A subscription that fails is tried again: a session without quotes is blind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from trading.engine.ports import VenueUnavailable
from trading.strategy.types import Phase
from trading.tests.rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("error", [VenueUnavailable("the socket is gone"), RuntimeError("a bug")])
async def test_a_failed_subscription_is_repeated_until_it_holds_and_then_no_more(error: Exception) -> None:
    rig = Rig()
    asked: list[tuple[str, ...]] = []
    watch = rig.venue.watch

    async def unsteady(underlying: str, symbols: Sequence[str]) -> None:
        asked.append(tuple(symbols))
        if len(asked) <= 3:
            raise error
        await watch(underlying, symbols)

    rig.venue.watch = unsteady  # type: ignore[method-assign]
    await rig.start(max_hold_minutes=10)
    await rig.until_live()
    for _ in range(20):
        await rig.step(1)
    assert rig.phase is Phase.LIVE
    assert len(asked) == 4
    assert len(set(asked)) == 1
    assert rig.engine.session is not None
    assert all(leg.quote is not None and leg.quote.at == rig.clock.now() for leg in rig.engine.session.state.legs)
    await rig.close()
