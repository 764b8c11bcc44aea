"""HTTP over ASGI: one borrowed thread a request, given back when it is at rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from deltastrangle.csv_export import stream_csv
from deltastrangle.exceptions import Conflict
from deltastrangle.handler import MOST_IDLE, ThreadHandler

seen: list[str] = []
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


urlpatterns = [path("thread", _thread), path("held", _held), path("api/conflict", _conflict), path("csv", _csv)]
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
