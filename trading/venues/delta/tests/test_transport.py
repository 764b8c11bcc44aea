"""Reads are repeated, writes never; the clock is set by the exchange's own complaint."""

from __future__ import annotations

import httpx
import pytest

from trading.venues.delta.clock import VenueClock
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.limits import Limits, Priority
from trading.venues.delta.rest import Rest
from trading.venues.delta.tests.support import KEY, WALL, Exchange, ManualTime, bad, config, good
from trading.venues.delta.transport import RoundTrips, Transport

PAGE = httpx.Response(502, content=b"<html>Bad gateway</html>")


class Line:
    """REST over a scripted exchange, with time that moves only in pauses."""

    def __init__(self, **changes: object) -> None:
        self.time = ManualTime()
        self.exchange = Exchange()
        settings = config(**changes)
        self.limits = Limits(
            budget=settings.budget, reserve=settings.reserve, mono=self.time.mono, sleep=self.time.sleep
        )
        self.clock = VenueClock(wall=self.time.wall, mono=self.time.mono)
        self.transport = Transport(
            settings,
            self.clock,
            self.limits,
            http=self.exchange.transport,
            mono=self.time.mono,
            sleep=self.time.sleep,
            jitter=lambda: 0.5,
        )
        self.rest = Rest(settings, self.transport)


@pytest.mark.parametrize(
    "trouble", [PAGE, httpx.ReadTimeout("slow"), httpx.ConnectError("no"), bad("unavailable", 503)]
)
async def test_a_read_is_repeated_with_growing_pauses(trouble: httpx.Response | Exception) -> None:
    line = Line()
    line.exchange.on("GET /v2/wallet/balances", trouble, trouble, good([]))
    assert await line.rest.balances() == []
    assert line.time.slept == [0.25, 0.5]


async def test_a_read_is_given_up_after_a_bounded_number_of_attempts() -> None:
    line = Line(read_attempts=3)
    line.exchange.on("GET /v2/wallet/balances", PAGE)
    with pytest.raises(DeltaError, match="Reads are repeated"):
        await line.rest.balances()
    assert len(line.exchange.requests) == 3


async def test_a_refused_read_is_not_repeated() -> None:
    line = Line()
    line.exchange.on("GET /v2/wallet/balances", bad("invalid_api_key", 401))
    with pytest.raises(DeltaError):
        await line.rest.balances()
    assert len(line.exchange.requests) == 1


@pytest.mark.parametrize("trouble", [PAGE, httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("gone")])
async def test_a_write_is_sent_once_and_its_fate_is_open(trouble: httpx.Response | Exception) -> None:
    line = Line()
    line.exchange.on("POST /v2/orders", trouble)
    with pytest.raises(DeltaError) as caught:
        await line.rest.place({"size": 1}, priority=Priority.CLOSE)
    assert not caught.value.definitive
    assert len(line.exchange.requests) == 1


async def test_a_write_that_found_no_connection_certainly_did_nothing() -> None:
    line = Line()
    line.exchange.on("POST /v2/orders", httpx.ConnectTimeout("no"))
    with pytest.raises(DeltaError) as caught:
        await line.rest.place({"size": 1}, priority=Priority.CLOSE)
    assert caught.value.definitive
    assert caught.value.code == "not_sent"


async def test_an_expired_signature_sets_the_clock_and_signs_again_once() -> None:
    line = Line()
    line.exchange.on("POST /v2/orders", bad("expired_signature", 401, server_time=int(WALL) + 30), good({"id": 1}))
    assert await line.rest.place({"size": 1}, priority=Priority.ENTRY) == {"id": 1}
    first, second = (int(request.headers["timestamp"]) for request in line.exchange.requests)
    assert second - first == 30
    assert line.clock.skew_ms == pytest.approx(30_000)


async def test_an_expired_signature_that_repeats_the_key_still_sets_the_clock_and_shows_no_key() -> None:
    line = Line()
    late = bad("expired_signature", 401, server_time=int(WALL) + 30, request_time=KEY)
    line.exchange.on("GET /v2/wallet/balances", late)
    with pytest.raises(DeltaError) as caught:
        await line.rest.balances()
    assert line.clock.skew_ms == pytest.approx(30_000)
    assert KEY not in str(caught.value)


async def test_a_clock_that_stays_wrong_is_not_tried_for_ever() -> None:
    line = Line()
    line.exchange.on("GET /v2/wallet/balances", bad("expired_signature", 401, server_time=int(WALL)))
    with pytest.raises(DeltaError, match="time service"):
        await line.rest.balances()
    assert len(line.exchange.requests) == 2


@pytest.mark.parametrize("context", [{}, {"server_time": "noon"}])
async def test_an_expired_signature_without_a_time_is_reported(context: dict[str, str]) -> None:
    line = Line()
    line.exchange.on("GET /v2/wallet/balances", bad("expired_signature", 401, **context))
    with pytest.raises(DeltaError):
        await line.rest.balances()
    assert len(line.exchange.requests) == 1


async def test_429_holds_everything_of_its_bucket_back() -> None:
    line = Line()
    throttled = httpx.Response(429, headers={"X-RATE-LIMIT-RESET": "4000"}, content=b"")
    line.exchange.on("GET /v2/wallet/balances", throttled, good([]))
    await line.rest.balances()
    assert line.time.elapsed >= 4
    assert line.limits.signed.left == line.limits.signed.budget - 6
    assert line.limits.unsigned.used == 0


async def test_without_a_key_nothing_signed_leaves() -> None:
    line = Line(api_key="", api_secret="")
    with pytest.raises(DeltaError, match="No key"):
        await line.rest.balances()
    assert line.exchange.requests == []
    await line.rest.settings()


async def test_every_page_is_read_and_an_endless_list_is_an_error() -> None:
    line = Line(max_pages=3)
    line.exchange.on("GET /v2/fills", good([{"id": 1}], after="g3=="), good([{"id": 2}]))
    assert [row["id"] for row in await line.rest.fills(since=5)] == [1, 2]
    assert line.exchange.requests[1].url.params["after"] == "g3=="
    assert b"after=g3%3D%3D" in line.exchange.requests[1].url.raw_path
    line.exchange.on("GET /v2/fills", good([{"id": 1}], after="more"))
    with pytest.raises(DeltaError, match="goes on"):
        await line.rest.fills(since=5)


@pytest.mark.parametrize("result", [None, {"rows": []}, ["x"]])
async def test_a_list_that_is_none_is_not_an_empty_one(result: object) -> None:
    line = Line()
    line.exchange.on("GET /v2/wallet/balances", good(result))
    with pytest.raises(DeltaError, match="Expected a list"):
        await line.rest.balances()


async def test_round_trips_are_measured() -> None:
    trips = RoundTrips()
    assert trips.percentile(0.5) is None
    trips.recent.extend(range(1, 101))
    assert (trips.percentile(0.5), trips.percentile(0.99)) == (51, 100)


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ConnectTimeout])
async def test_how_long_was_waited_in_vain_counts_as_a_round_trip(trouble: type[httpx.TimeoutException]) -> None:
    line = Line(read_attempts=1)

    def hang(request: httpx.Request) -> Exception:
        line.time.advance(5.0)
        return trouble("no answer", request=request)

    line.exchange.on("GET /v2/wallet/balances", hang)
    with pytest.raises(DeltaError):
        await line.rest.balances()
    assert line.transport.round_trips.slowest_since(0.99, line.time.mono() - 300) == pytest.approx(5000)


@pytest.mark.parametrize("trouble", [httpx.ConnectError("no"), httpx.PoolTimeout("full"), httpx.ReadError("gone")])
async def test_what_failed_without_waiting_for_the_exchange_is_no_round_trip(trouble: Exception) -> None:
    line = Line(read_attempts=1)
    line.exchange.on("GET /v2/wallet/balances", trouble)
    with pytest.raises(DeltaError):
        await line.rest.balances()
    assert line.transport.round_trips.percentile(0.5) is None


async def test_what_was_refused_here_is_no_round_trip() -> None:
    line = Line(api_key="", api_secret="")
    with pytest.raises(DeltaError):
        await line.rest.balances()
    assert line.transport.round_trips.percentile(0.5) is None
