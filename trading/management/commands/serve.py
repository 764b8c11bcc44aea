"""``manage.py serve``: pages, API, sockets and the engine in one process and one event loop (the embedded layout)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

log = logging.getLogger("trading.serve")


class Command(BaseCommand):
    """daphne and the engine together; both end cleanly on SIGTERM and SIGINT."""

    help = "Serve the platform with the engine and the simulated venue in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default 127.0.0.1).")
        parser.add_argument("--port", type=int, default=8001, help="Port to listen on (default 8001).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop. Exits 1 when the address is taken, and when the engine cannot run."""
        # daphne installs its reactor when it is imported; the engine joins that loop.
        from daphne.endpoints import build_endpoint_description_strings
        from daphne.server import Server, twisted_loop

        from deltastrangle.asgi import application

        self.failure: BaseException | None = None
        asyncio.set_event_loop(twisted_loop)
        address = f"{options['host']}:{options['port']}"
        endpoints = build_endpoint_description_strings(host=options["host"], port=options["port"])
        server = Server(application, endpoints=endpoints, server_name="delta-strangle", websocket_handshake_timeout=10)
        self._embed_engine(twisted_loop, address)
        server.run()
        if not server.listening_addresses:
            raise CommandError(f"Cannot listen on {address}. Is the platform running there already?")
        if self.failure is not None:
            raise CommandError(f"The engine cannot run. {self.failure}") from self.failure

    def _embed_engine(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        """Start the engine with the reactor, and have the reactor wait for its clean end."""
        from twisted.internet import reactor as twisted_reactor
        from twisted.internet.defer import Deferred

        from trading.worker import run_engine

        reactor: Any = twisted_reactor
        stop = asyncio.Event()
        ended = loop.create_future()

        def over(engine: asyncio.Task[None]) -> None:
            self.failure = engine.exception()
            ended.set_result(None)
            if self.failure is not None:
                log.critical("The engine failed", exc_info=self.failure, extra={"event": "engine_failed"})
            if not stop.is_set():
                reactor.stop()

        def begin() -> None:
            self.stdout.write(f"\nOpen {self.style.SUCCESS(f'http://{address}/')}  (Ctrl-C ends it)\n")
            self.stdout.flush()
            loop.create_task(run_engine(stop)).add_done_callback(over)

        def end() -> Deferred[None]:
            stop.set()
            return Deferred.fromFuture(ended)

        reactor.callWhenRunning(begin)
        reactor.addSystemEventTrigger("before", "shutdown", end)
