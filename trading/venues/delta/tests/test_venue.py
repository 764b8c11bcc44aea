"""The venue as a whole: real sockets on this machine, REST from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from trading.engine.ports import Venue
from trading.strategy.events import FillSeen, OrderReported, QuoteSeen
from trading.venues.delta.dry_run import DryRunVenue
from trading.venues.delta.health import figures
from trading.venues.delta.tests.desk import Desk
from trading.venues.delta.tests.support import (
    PUT,
    Socket,
    config,
    fill_row,
    good,
    intent,
    l1,
    order_row,
    socket,
    trade_frame,
    until,
)


class Patient:
    """Sleeps that end only when the test lets chores go on; reconnects do not wait."""

    async def sleep(self, seconds: float) -> None:
        await (asyncio.sleep(0) if seconds <= 1.0 else asyncio.Event().wait())


@asynccontextmanager
async def connected(public: Socket, private: Socket, **changes: Any) -> AsyncIterator[Desk]:
    """A connected venue with both streams up."""
    desk = Desk(ws_public_url=public.url, ws_private_url=private.url, **changes)
    desk.time.sleep = Patient().sleep  # type: ignore[method-assign]
    desk.venue = type(desk.venue)(
        desk.venue.config, http=desk.exchange.transport, wall=desk.time.wall, waits=desk.time.waits
    )
    await desk.venue.connect()
    try:
        await until(lambda: desk.venue.health().connected)
        yield desk
    finally:
        await desk.venue.close()


def test_both_venues_speak_the_engines_port() -> None:
    venues: list[Venue] = [Desk().venue, DryRunVenue(config())]
    assert [venue.name for venue in venues] == ["delta custom", "dry run on delta custom"]


async def test_frames_of_both_sockets_become_events() -> None:
    async with socket() as public, socket() as private, connected(public, private) as desk:
        desk.exchange.on("POST /v2/orders", good(order_row()))
        await desk.venue.watch("BTC", [PUT])
        await desk.venue.place(intent())
        await desk.events()
        desk.exchange.on("GET /v2/fills", good([fill_row()]))
        await public.push(l1(bp="390", ts=desk.at(1)))
        await private.push(trade_frame())
        seen: list[object] = []
        while not (any(isinstance(e, QuoteSeen) for e in seen) and any(isinstance(e, FillSeen) for e in seen)):
            await asyncio.wait_for(desk.venue.wait(5), 5)
            seen += await desk.venue.poll()
        channels = [message["payload"]["channels"] for message in await private.heard("subscribe", 2)]
        assert channels[0][0] == {"name": "orders", "symbols": ["call_options", "put_options"]}
        assert channels[1][0] == {"name": "orders", "symbols": [PUT]}


async def test_a_dropped_private_socket_is_caught_up_over_rest() -> None:
    async with socket() as public, socket() as private, connected(public, private) as desk:
        desk.exchange.on("POST /v2/orders", good(order_row()))
        await desk.venue.place(intent())
        await desk.events()
        desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="closed", unfilled_size=0)))
        desk.exchange.on("GET /v2/fills", good([fill_row()]))
        await private.drop()
        await private.heard("key-auth", 2)
        await until(lambda: desk.venue.health().connected)
        events = await desk.events()
        assert any(isinstance(event, OrderReported) and event.report.filled == 10 for event in events)
        assert len([event for event in events if isinstance(event, FillSeen)]) == 1


async def test_a_silent_public_socket_is_said_and_closing_is_clean() -> None:
    async with socket() as public, socket() as private:
        async with connected(public, private) as desk:
            await desk.venue.connect()
            assert len(public.connections) == 1
            desk.venue.market.stream._down("gone")
            health = desk.venue.health()
            assert not health.connected
            assert "public stream down (gone), REST stands in" in health.detail
        assert not desk.venue.health().connected
        assert figures(desk.venue.link)["signed_weight"]
