"""Rows of the fault matrix about the market's data and the line to the exchange."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import httpx
import pytest

from trading.strategy.types import Phase, Quote
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import Stage, at, said

pytestmark = pytest.mark.django_db(transaction=True)


Seen = Callable[[Quote, datetime], bool]


async def blind(stage: Stage, fault: str, seen: Seen, legs: Collection[int] = (0, 1)) -> None:
    """A session that sees only such quotes (of these legs) holds on for a while, takes none of them for a price, and
    then closes.
    """
    session = await stage.start(stale_quote_seconds=30, max_loss_pct="5", max_profit_pct="5")
    await stage.until_live()
    await stage.step()
    began = at(stage)
    stage.wire.fault(fault)
    await stage.step()
    for _ in range(23):
        await stage.step()
        assert stage.phase is Phase.LIVE
        quotes = [stage.state.legs[leg].quote for leg in legs]
        assert all(quote is not None and seen(quote, began) for quote in quotes), "the fault is in force"
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "stale_data"
    assert (at(stage) - began).total_seconds() < 60


async def test_stale_quote(stage: Stage) -> None:
    await blind(stage, "stale", lambda quote, began: quote.at <= began + timedelta(seconds=5))


async def test_crossed_quote(stage: Stage) -> None:
    await blind(stage, "crossed", lambda quote, _: bool(quote.bid and quote.ask and quote.bid >= quote.ask))


@pytest.mark.parametrize(
    ("fault", "legs"),
    [("one_sided:empty=ask", (0, 1)), ("one_sided:empty=both", (0, 1)), ("one_sided:empty=ask,leg=put", (1,))],
)
async def test_one_sided_book(stage: Stage, fault: str, legs: tuple[int, ...]) -> None:
    await blind(stage, fault, lambda quote, _: quote.ask is None, legs)


@pytest.mark.parametrize("fault", ["public_silent:for=100", "private_silent:for=100", "public_silent; private_silent"])
async def test_socket_silent_but_open(stage: Stage, fault: str) -> None:
    """Nothing comes any more and nothing says so: quotes are read instead, and so is what became of the closes."""
    session = await stage.start(max_hold_minutes=2)
    await stage.until_live()
    venue = stage.wire.venue
    streams = [s for name, s in (("public", venue.market.stream), ("private", venue.account.stream)) if name in fault]
    stage.wire.fault(fault)
    frames = [stream.frames for stream in streams]
    for _ in range(3):
        await stage.step()
    assert [(stream.up, stream.frames) for stream in streams] == [(True, count) for count in frames], "open and silent"
    for _ in range(20):
        await stage.step()
    began = at(stage) - timedelta(seconds=15)
    assert all(leg.quote and leg.quote.at >= began for leg in stage.state.legs), "REST stands in"
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "time_exit"


@pytest.mark.parametrize("order", ["-PE-e1", "-CE-x1"])
async def test_socket_closed(stage: Stage, order: str) -> None:
    """Both sockets end while an order of the entry, or of the exit, is at the door."""

    hub, cuts = stage.wire.app.hub, []

    def cut(what: str) -> None:
        if what.startswith("placed") and order in what:
            cuts.append(hub.drop(hub.sessions))

    stage.struck_by = cut
    session = await stage.play()
    await end_check(stage, session)
    assert cuts == [2]
    streams = stage.wire.venue.market.stream, stage.wire.venue.account.stream
    await stage.run(lambda: all(stream.up for stream in streams), limit=60)
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "time_exit"


async def test_429_with_reset(stage: Stage) -> None:
    """Each order of the put is refused once, with three seconds to wait: nothing more is signed in that time."""
    session = await stage.start(now=False, max_hold_minutes=2)
    send, signed, told = stage.wire.http.handle_async_request, [], []

    async def heard(request: httpx.Request) -> httpx.Response:
        if "signature" in request.headers:
            signed.append(at(stage))
        response = await send(request)
        if response.status_code == 429:
            told.append((at(stage), float(response.headers["x-rate-limit-reset"]) / 1000))
        return response

    setattr(stage.wire.http, "handle_async_request", heard)  # noqa: B010
    limit = "rate_limit:count=1,seconds=3,method=POST,path=/v2/orders,leg=put"
    stage.wire.fault(f"{limit},side=sell; {limit},side=buy; rate_limit:count=2,seconds=2,path=/v2/positions")
    await stage.step(301)
    await stage.until_closed()
    await end_check(stage, session)
    assert stage.struck
    assert sorted(seconds for _, seconds in told) == [2, 2, 3, 3]
    early = [sent for sent in signed for moment, seconds in told if 0 < (sent - moment).total_seconds() < seconds]
    assert early == [], "it waits for the reset"
    assert session.exit_reason == "time_exit"
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


async def test_signature_expired_while_queued(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Each order of the put waits seven seconds between its signature and the exchange's look at it."""

    async def queue(seconds: float) -> None:
        stage.wire.time.advance(seconds)

    stage.wire.server.sleep = queue
    late = "slow:count=1,seconds=7,method=POST,path=/v2/orders,leg=put"
    session = await stage.play(f"{late},side=sell; {late},side=buy")
    await end_check(stage, session)
    assert stage.struck
    assert [r for r in caplog.records if getattr(r, "event", "") == "delta_clock_set"]
    assert session.exit_reason == "time_exit"
    assert len(stage.exchange.orders()) == 4


@pytest.mark.parametrize("seconds", [-5, 5, -30, 30])
async def test_clock_skew_of_5_s(stage: Stage, seconds: int) -> None:
    session = await stage.play(f"skew:seconds={seconds}")
    await end_check(stage, session)
    assert abs(stage.wire.venue.link.clock.skew_ms - seconds * 1000) <= 1000, "the client goes by the exchange's clock"
    assert session.exit_reason == "time_exit"
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


@pytest.mark.parametrize("seconds", [-30, 30])
async def test_clock_skew_of_5_s_and_more_that_begins_while_live(stage: Stage, seconds: int) -> None:
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault(f"skew:seconds={seconds}")
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert abs(stage.wire.venue.link.clock.skew_ms - seconds * 1000) <= 1000
    assert session.exit_reason == "stopped"
    assert len(stage.exchange.orders()) == 4


async def test_maintenance_announced(stage: Stage) -> None:
    session = await stage.start(stale_quote_seconds=120)
    await stage.until_live()
    stage.wire.fault("maintenance:for=60")
    await stage.step()
    assert "maintenance" in stage.wire.venue.health().detail
    await stage.ask("stop")
    began = at(stage)
    while (at(stage) - began).total_seconds() < 45:
        await stage.step()
        assert stage.phase in (Phase.EXITING, Phase.ATTENTION)
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "stopped"
    assert await said(session, "proof_of_flat")


async def test_maintenance_announced_before_the_entry(stage: Stage) -> None:
    session = await stage.start(now=False, max_hold_minutes=2)
    await stage.step(270)
    stage.wire.fault("maintenance:for=90")
    await stage.step(31)
    await stage.until_closed()
    await end_check(stage, session)
    assert await said(session, "selection_refused")
    assert session.exit_reason == "time_exit"
