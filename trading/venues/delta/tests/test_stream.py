"""Sockets that stay up, against a real one on this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from trading.venues.delta.clock import VenueClock
from trading.venues.delta.fields import BadField, Row
from trading.venues.delta.private_stream import PrivateStream, Sequences
from trading.venues.delta.stream import Stream
from trading.venues.delta.tests.support import KEY, SECRET, ManualTime, Socket, config, l1, socket, until


class Ear:
    """What a stream told."""

    def __init__(self) -> None:
        self.frames: list[Row] = []
        self.changes: list[bool] = []
        self.missed: list[str] = []

    def hear(self, frame: Row) -> None:
        if frame.get("sy") == "nonsense":
            raise BadField("no such thing")
        self.frames.append(frame)


@asynccontextmanager
async def running(server: Socket, ear: Ear, *, private: bool = False, **changes: Any) -> AsyncIterator[Stream]:
    """A stream to ``server``, up and running; its pauses take no time."""
    time = ManualTime()
    settings = config(ws_public_url=server.url, ws_private_url=server.url, **changes)
    stream: Stream
    if private:
        clock = VenueClock(wall=time.wall, mono=time.mono)
        stream = PrivateStream(
            settings,
            clock,
            on_frame=ear.hear,
            on_change=ear.changes.append,
            on_skipped=ear.missed.append,
            waits=time.waits,
        )
    else:
        stream = Stream(
            "public", server.url, settings, on_frame=ear.hear, on_change=ear.changes.append, waits=time.waits
        )
    await stream.subscribe({"ob_l1": ["A", "B"], "system_status": ()})
    task = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_subscribes_checks_the_acknowledgement_and_delivers_frames() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear) as stream:
        await until(lambda: stream.up)
        assert server.received == [
            {"type": "enable_heartbeat"},
            {
                "type": "subscribe",
                "payload": {"channels": [{"name": "ob_l1", "symbols": ["A", "B"]}, {"name": "system_status"}]},
            },
        ]
        await server.push({"type": "heartbeat"}, l1())
        await until(lambda: ear.frames)
        assert [frame["type"] for frame in ear.frames] == ["ob_l1"]


async def test_a_refused_channel_is_named_and_the_rest_goes_on() -> None:
    ear = Ear()
    async with socket() as server:
        server.refuse["ob_l1"] = "subscription forbidden"
        async with running(server, ear) as stream:
            await until(lambda: stream.up)
            assert stream.refused == {"ob_l1": "subscription forbidden"}


async def test_only_differences_of_subscriptions_are_sent() -> None:
    async with socket() as server, running(server, Ear()) as stream:
        await until(lambda: stream.up)
        await stream.subscribe({"ob_l1": ["B", "C"], "system_status": (), "spot_price": ["X"]})
        (gone,) = await server.heard("unsubscribe")
        _, fresh = await server.heard("subscribe", 2)
    assert gone["payload"]["channels"] == [{"name": "ob_l1", "symbols": ["A"]}]
    assert fresh["payload"]["channels"] == [
        {"name": "ob_l1", "symbols": ["C"]},
        {"name": "spot_price", "symbols": ["X"]},
    ]


async def test_it_comes_back_and_subscribes_again() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear) as stream:
        await until(lambda: stream.up)
        await server.drop()
        await server.heard("subscribe", 2)
        await until(lambda: stream.up and len(ear.changes) == 3)
        assert ear.changes == [True, False, True]


async def test_silence_is_answered_with_a_ping_and_then_taken_for_death() -> None:
    ear = Ear()
    async with socket() as server:
        server.silent = True
        async with running(server, ear, ping_seconds=0.01, silence_seconds=0.03) as stream:
            await server.heard("ping")
            await server.heard("enable_heartbeat", 2)
            assert not stream.up
            assert stream.problem == "silent for 0.03 s"


async def test_a_missing_acknowledgement_breaks_the_stream() -> None:
    async with socket() as server:
        server.silent = True
        async with running(server, Ear(), ack_timeout=-1.0) as stream:
            await server.heard("subscribe")
            await server.push({"type": "heartbeat"})
            await until(lambda: "no acknowledgement of ob_l1" in stream.problem)


async def test_a_frame_that_makes_no_sense_is_left_out() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear) as stream:
        await until(lambda: stream.up)
        await server.push({"type": "ob_l1", "sy": "nonsense"}, l1())
        await until(lambda: ear.frames)
        assert stream.up


async def test_a_frame_that_is_not_json_breaks_the_stream() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear) as stream:
        await until(lambda: stream.up)
        await server.push('{"type":"ob_l')
        await server.heard("subscribe", 2)


async def test_an_acknowledgement_that_makes_no_sense_is_left_out() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear) as stream:
        await until(lambda: stream.up)
        await server.push({"type": "subscriptions", "channels": ["ob_l1", None]})
        await server.push({"type": "subscriptions", "channels": "all"}, l1("A"))
        await until(lambda: ear.frames)
        assert stream.whole


async def test_a_private_frame_that_makes_no_sense_is_something_missed() -> None:
    ear = Ear()
    async with socket() as server, running(server, ear, private=True) as stream:
        await until(lambda: stream.up)
        await server.push({"type": "orders", "sy": "nonsense"})
        await until(lambda: ear.missed)
        assert ear.missed == ["a frame of orders could not be read"]
        assert stream.up


async def test_too_many_connections_are_waited_out_for_minutes() -> None:
    def full(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "")

    async def nobody(connection: ServerConnection) -> None:
        raise AssertionError("no connection was to be accepted")

    time = ManualTime()
    async with serve(nobody, "127.0.0.1", 0, process_request=full) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        settings = config(ws_public_url=f"ws://{host}:{port}")
        stream = Stream("public", settings.ws_public_url, settings, on_frame=Ear().hear, waits=time.waits)
        task = asyncio.create_task(stream.run())
        await until(lambda: time.slept)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert 300 <= time.slept[0] <= 600
    assert "too many connections" in stream.problem


def test_pauses_double_with_jitter_up_to_the_last_and_respect_the_cap() -> None:
    time = ManualTime()
    stream = Stream("public", "ws://x", config(connects_per_window=2), on_frame=Ear().hear, waits=time.waits)
    assert [stream.pause(failures) for failures in (1, 2, 3, 9)] == [0.75, 1.5, 3.0, 22.5]
    stream._connects.extend([time.mono(), time.mono()])
    assert stream.pause(1) == 300
    time.advance(301)
    assert stream.pause(1) == 0.75


async def test_it_authenticates_before_it_subscribes_and_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with socket() as server, running(server, Ear(), private=True) as stream:
        await until(lambda: stream.up)
    first = server.received[0]
    assert first["type"] == "key-auth"
    assert first["payload"]["api-key"] == KEY
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
    assert first["payload"]["signature"] not in caplog.text


@pytest.mark.parametrize(
    ("code", "status", "message", "words"),
    [
        (404, "api_key_not_found", "", "separate"),
        (401, "invalid_signature", "", "check the secret"),
        (401, "ip_not_whitelisted", "IP 203.0.113.9 is not whitelisted", "203.0.113.9"),
        (408, "request_expired", "", "time service"),
        (500, "internal_server_error", "", "fault"),
        (400, "incomplete_payload", "", "Trading stops"),
    ],
)
async def test_a_failed_authentication_says_why_and_what_to_do(
    code: int, status: str, message: str, words: str
) -> None:
    async with socket() as server:
        server.auth = {"type": "key-auth", "success": False, "status_code": code, "status": status, "message": message}
        async with running(server, Ear(), private=True) as stream:
            await server.heard("key-auth", 2)
            assert words in stream.problem
            assert not stream.up


async def test_the_global_way_of_authentication_works_too() -> None:
    async with socket() as server:
        server.auth = {"type": "success", "message": "Authenticated"}
        async with running(server, Ear(), private=True, ws_auth="auth") as stream:
            await until(lambda: stream.up)
            assert server.received[0]["type"] == "auth"


def test_gaps_and_restarts_of_a_count_are_missed_frames_but_repeats_are_not() -> None:
    numbers = Sequences()
    seen = [numbers.missed("orders", "X", number) for number in (7, 8, 8, 10, 9, 11, 1, 2, None)]
    assert seen == [False, False, False, True, False, False, True, False, False]
    assert not numbers.missed("orders", "Y", 40)
