"""What an idle live session costs of the exchange's request weights, by the simulator's own meter. The aim is 300."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from trading.engine.account import READ_SECONDS
from trading.strategy.types import Phase
from trading.tests.wire_rig import WireRig

pytestmark = pytest.mark.django_db(transaction=True)
WINDOW_SECONDS = 300
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}


async def test_an_idle_live_session_spends_less_than_270_of_the_exchanges_weight_in_five_minutes() -> None:
    rig = WireRig(chores={})
    try:
        await rig.start(**CALM)
        await rig.until_live()
        # The engine's own cadences are in wall seconds, which here are the exchange's.
        rig.engine._wall = rig.wire.time.mono
        rig.engine._due.clear()
        for _ in range(60):
            await rig.step()
        limiter = rig.wire.server.limiter
        limiter._windows.clear()
        for _ in range(WINDOW_SECONDS - 1):
            await rig.step()
        spent = {bucket: window.used for bucket, window in limiter._windows.items()}
        logging.getLogger(__name__).info("Weight of five idle minutes: %s", spent)
        assert rig.phase is Phase.LIVE
        assert rig.engine.desk.reads >= WINDOW_SECONDS // READ_SECONDS
        assert rig.wire.venue.health().connected
        assert 0 < sum(spent.values()) <= 270
    finally:
        await rig.close()
