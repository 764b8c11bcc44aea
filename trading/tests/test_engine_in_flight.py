"""An order whose request has not come back: the venue's "never had it" is no proof, and no second order follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trading.models import OrderLedger, StrategySession
from trading.tests.scene import Scene, assert_settled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """09:25 IST."""
    made = Scene()
    yield made
    await made.close()


async def test_a_request_still_on_its_way_is_waited_for_and_not_repeated(scene: Scene) -> None:
    arrives, asked = asyncio.Event(), asyncio.Event()
    started = await scene.ask("start", configuration_id=await scene.configure(), now=True)

    async def hold(what: str) -> None:
        if what.startswith("place ") and what.endswith("e1"):
            await arrives.wait()
        if what.startswith("query "):
            asked.set()

    scene.point = hold
    for _ in range(400):
        scene.clock.advance(0.5)
        await scene.engine.step()
        await asyncio.sleep(0.001)
        if asked.is_set() and await OrderLedger.objects.acount() >= 2:
            break
    assert asked.is_set()
    for _ in range(20):
        await scene.engine.step()
        await asyncio.sleep(0.005)
    arrives.set()
    await scene.until_live()
    assert {order.attempt async for order in OrderLedger.objects.filter(purpose="entry")} == {1}
    assert max(scene.peak.values()) == 10
    await scene.ask("stop")
    await scene.until_closed()
    await assert_settled(scene, await StrategySession.objects.aget(pk=started.session_id))
