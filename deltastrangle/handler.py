"""Serving HTTP over ASGI with synchronous code: one thread a request, lent and given back with its connection open.

Django's own handler makes a thread for every request, and so opens and closes a database connection in each; and it
walks the middleware on the event loop, stepping into that thread and back for every one of them, and for the signals
before and after. Here the thread is borrowed, and the whole way from the first signal over middleware and view to the
last is one step into it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from typing import IO, Any, Final

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.db import connections
from django.http import FileResponse
from django.urls import set_script_prefix

MOST_IDLE: Final = 8
"""So many threads wait for requests; how many work is not bounded, as in Django's own handler."""

_numbers = count(1)


class OneThread(ThreadPoolExecutor):
    """A thread, and whether it is at rest."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix=f"request-{next(_numbers)}")
        self.last: Future[Any] | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` after all that was submitted before."""
        self.last = super().submit(fn, *args, **kwargs)
        return self.last


class Threads:
    """Threads to borrow."""

    def __init__(self) -> None:
        self._idle: deque[OneThread] = deque()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Whatever Django runs in "the request's thread" runs in one thread of ours, and in no other request's."""
        thread = self._idle.pop() if self._idle else OneThread()
        try:
            async with ThreadSensitiveContext(executor=thread):
                yield
        finally:
            self._take_back(thread)

    def _take_back(self, thread: OneThread) -> None:
        """Once it is at rest: a client that hangs up leaves the view running."""
        if thread.last is None or thread.last.done():
            self._rest(thread)
        else:
            thread.last.add_done_callback(lambda _: self._rest(thread))

    def _rest(self, thread: OneThread) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append(thread)
            return
        thread.submit(connections.close_all)
        thread.shutdown(wait=False)


class ThreadHandler(ASGIHandler):
    """Django's handler with borrowed threads, synchronous middleware and one step into the thread."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = Threads()
        self._answer = sync_to_async(self._answered, thread_sensitive=True)

    def load_middleware(self, is_async: bool = False) -> None:
        """The synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request; raises ValueError for what is no HTTP."""
        if scope["type"] != "http":
            raise ValueError(f"HTTP only, not {scope['type']}")
        async with self._threads.lent():
            await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer; a client that hangs up before it has sent its body gets nothing."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        response = await self._answer(scope, body)
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def _answered(self, scope: Any, body: IO[bytes]) -> Any:
        """The response, all made in the request's thread; what is not streamed is over and closed there, too."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = type(self)
        response._resource_closers.append(body.close)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        return response

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        """Send part by part until the end, or until the client hangs up."""
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait((sending, leaving))
            await sync_to_async(response.close)()
        if not sending.cancelled():
            sending.result()
