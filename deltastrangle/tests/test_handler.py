"""HTTP over ASGI: one borrowed thread a request, given back when it is at rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from deltastrangle.csv_export import stream_csv
from deltastrangle.exceptions import Conflict
from deltastrangle.handler import MOST_IDLE, OneThread, ThreadHandler

seen: list[str] = []
bodies: list[Any] = []
gate, inside = threading.Event(), threading.Semaphore(0)


def _thread(request: HttpRequest) -> HttpResponse:
    seen.append(threading.current_thread().name)
    return HttpResponse(seen[-1])


def _held(request: HttpRequest) -> HttpResponse:
    inside.release()
    assert gate.wait(10)
    return _thread(request)


def _conflict(request: HttpRequest) -> HttpResponse:
    raise Conflict("No.")


def _csv(request: HttpRequest) -> Any:
    names = ([threading.current_thread().name] for _ in range(1))
    seen.append(threading.current_thread().name)
    return stream_csv(("thread",), names, filename="threads.csv")


def _body(request: HttpRequest) -> HttpResponse:
    bodies.append(request._stream)
    return HttpResponse(request.read())


def _endless(request: HttpRequest) -> Any:
    return stream_csv(("number",), ([number] for number in count()), filename="endless.csv")


urlpatterns = [
    path("thread", _thread),
    path("held", _held),
    path("api/conflict", _conflict),
    path("csv", _csv),
    path("endless", _endless),
    path("body", _body),
]
pytestmark = pytest.mark.usefixtures("routes")


@pytest.fixture
def routes() -> Iterator[None]:
    seen.clear()
    gate.clear()
    with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["here"]):
        yield
    gate.set()


def asked(handler: ThreadHandler, at: str) -> ApplicationCommunicator:
    """A request for ``at`` that is on its way."""
    scope = {"type": "http", "method": "GET", "path": at, "query_string": b"", "headers": [(b"host", b"here")]}
    return ApplicationCommunicator(handler, scope)


async def answer(request: ApplicationCommunicator) -> tuple[int, bytes]:
    """Its status and body."""
    start = await request.receive_output(10)
    body, more = b"", True
    while more:
        part = await request.receive_output(10)
        body, more = body + part.get("body", b""), part.get("more_body", False)
    await request.wait(10)
    return start["status"], body


async def get(handler: ThreadHandler, at: str) -> tuple[int, bytes]:
    """The answer to one request."""
    request = asked(handler, at)
    await request.send_input({"type": "http.request"})
    return await answer(request)


def run(scenario: Callable[[ThreadHandler], Any]) -> Any:
    """Play ``scenario`` in a loop of its own."""
    return asyncio.run(scenario(ThreadHandler()))


def test_requests_one_after_the_other_share_a_thread() -> None:
    async def scenario(handler: ThreadHandler) -> list[bytes]:
        return [(await get(handler, "/thread"))[1] for _ in range(5)]

    assert len(set(run(scenario))) == 1


def test_requests_at_the_same_time_have_threads_of_their_own() -> None:
    async def scenario(handler: ThreadHandler) -> list[tuple[int, bytes]]:
        requests = [asyncio.create_task(get(handler, "/held")) for _ in range(MOST_IDLE + 2)]
        for _ in requests:
            assert await asyncio.to_thread(inside.acquire, timeout=10)
        gate.set()
        return await asyncio.gather(*requests)

    answers = run(scenario)
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == MOST_IDLE + 2


def test_a_thread_whose_client_hung_up_is_lent_again_only_when_its_view_has_ended() -> None:
    async def scenario(handler: ThreadHandler) -> bytes:
        left = asked(handler, "/held")
        await left.send_input({"type": "http.request"})
        assert await asyncio.to_thread(inside.acquire, timeout=10)
        await left.send_input({"type": "http.disconnect"})
        while_it_runs = (await get(handler, "/thread"))[1]
        gate.set()
        await left.wait(10)
        return while_it_runs

    while_it_runs = run(scenario)
    assert seen == [while_it_runs.decode(), seen[1]]
    assert seen[1] != seen[0]


def test_all_of_a_request_is_one_step_into_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    submit = OneThread.submit

    def counted(thread: OneThread, *args: Any, **kwargs: Any) -> Any:
        steps.append("step")
        return submit(thread, *args, **kwargs)

    def told(sender: object, **kwargs: object) -> None:
        seen.append(threading.current_thread().name)

    monkeypatch.setattr(OneThread, "submit", counted)
    for signal in (request_started, request_finished):
        signal.connect(told)
    try:
        status, body = run(lambda handler: get(handler, "/thread"))
    finally:
        for signal in (request_started, request_finished):
            signal.disconnect(told)
    assert (status, steps) == (200, ["step"])
    assert seen == [body.decode()] * 3


def test_a_stream_ends_when_its_client_hangs_up() -> None:
    closed = threading.Event()

    def told(sender: object, **kwargs: object) -> None:
        closed.set()

    async def scenario(handler: ThreadHandler) -> None:
        left = asked(handler, "/endless")
        await left.send_input({"type": "http.request"})
        assert (await left.receive_output(10))["status"] == 200
        assert (await left.receive_output(10))["more_body"]
        assert not closed.is_set()
        await left.send_input({"type": "http.disconnect"})
        await left.wait(10)

    request_finished.connect(told)
    try:
        run(scenario)
    finally:
        request_finished.disconnect(told)
    assert closed.is_set()


def test_a_client_that_hangs_up_before_its_body_gets_nothing() -> None:
    async def scenario(handler: ThreadHandler) -> bool:
        left = asked(handler, "/thread")
        await left.send_input({"type": "http.request", "body": b"half", "more_body": True})
        await left.send_input({"type": "http.disconnect"})
        await left.wait(10)
        return bool(await left.receive_nothing())

    assert run(scenario)
    assert seen == []


def test_the_body_of_a_request_reaches_its_view_and_is_closed_after_it() -> None:
    async def scenario(handler: ThreadHandler) -> tuple[int, bytes]:
        request = asked(handler, "/body")
        await request.send_input({"type": "http.request", "body": b"first, ", "more_body": True})
        await request.send_input({"type": "http.request", "body": b"second"})
        return await answer(request)

    assert run(scenario) == (200, b"first, second")
    assert bodies[-1].closed


def test_errors_of_services_are_answered_as_ever() -> None:
    status, body = run(lambda handler: get(handler, "/api/conflict"))
    assert (status, b"No." in body) == (409, True)


def test_a_streamed_table_is_made_in_the_requests_own_thread() -> None:
    status, body = run(lambda handler: get(handler, "/csv"))
    assert (status, body.decode().split()) == (200, ["thread", seen[0]])


def test_only_http_is_served() -> None:
    async def scenario(handler: ThreadHandler) -> None:
        await handler({"type": "websocket"}, None, None)

    with pytest.raises(ValueError, match="websocket"):
        run(scenario)
