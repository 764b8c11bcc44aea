"""Two orders at once: the first leaves before the second is made; one that cannot leave keeps nobody for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from trading.venues.delta.doorway import Departing, Doorway
from trading.venues.delta.limits import Priority
from trading.venues.delta.tests.support import good
from trading.venues.delta.tests.test_transport import Line

HOURS = 3600.0


class Desk:
    """Writes through one doorway; ``said`` is what happened, in order."""

    def __init__(self, patience: float) -> None:
        self.said: list[str] = []
        self.doorway = Doorway(patience)

    async def write(self, name: str, work: Callable[[], object], answered: asyncio.Event) -> None:
        """Make a request, write it in two turns of the loop, and wait for its answer."""
        async with self.doorway.passage() as left:
            self.said.append(f"{name} made")
            work()
            await asyncio.sleep(0)
            async for _chunk in Departing(b"{}", left):
                self.said.append(f"{name} written")
                await asyncio.sleep(0)
            await answered.wait()


async def test_the_second_order_is_made_once_the_first_has_left_and_not_once_it_is_answered() -> None:
    desk, answered = Desk(HOURS), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in ("call", "put", "stop"):
            group.create_task(desk.write(name, bool, answered))
        while len(desk.said) < 6:
            await asyncio.sleep(0)
        answered.set()
    assert desk.said == ["call made", "call written", "put made", "put written", "stop made", "stop written"]


async def test_an_order_that_fails_before_it_leaves_lets_the_next_one_go() -> None:
    desk, answered = Desk(HOURS), asyncio.Event()
    answered.set()

    def fail() -> None:
        raise ConnectionError("no route")

    first, second = await asyncio.gather(
        desk.write("call", fail, answered), desk.write("put", bool, answered), return_exceptions=True
    )
    assert isinstance(first, ConnectionError)
    assert second is None
    assert desk.said[-1] == "put written"


async def test_an_order_that_cannot_connect_keeps_the_next_one_only_for_so_long() -> None:
    doorway, release = Doorway(patience=0.0), asyncio.Event()

    async def stuck() -> None:
        async with doorway.passage():
            await release.wait()

    hanging = asyncio.create_task(stuck())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), doorway.passage():
        assert not hanging.done()
    release.set()
    await hanging


async def test_an_order_that_is_given_up_while_it_waits_keeps_nobody() -> None:
    doorway, release = Doorway(patience=HOURS), asyncio.Event()

    async def hold() -> None:
        async with doorway.passage():
            await release.wait()

    first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    assert second.cancelled()
    async with asyncio.timeout(5), doorway.passage():
        assert not first.done(), "the one given up is not waited for, although the first has not left"
        release.set()
    await first


async def test_what_leaves_is_the_whole_body_with_its_length() -> None:
    line = Line()
    line.exchange.on("POST /v2/orders", good({"id": 1}))
    await line.rest.place({"size": 3}, priority=Priority.CLOSE)
    request = line.exchange.requests[0]
    assert request.content == b'{"size":3}'
    assert request.headers["content-length"] == "10"
    assert request.headers["host"] == httpx.URL(line.transport.config.rest_url).netloc.decode()
