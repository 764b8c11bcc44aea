"""``manage.py serve``: pages, API, sockets and the engine in one process and one event loop (the embedded layout)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from django.core.management import BaseCommand, CommandParser

log = logging.getLogger("trading.serve")


class Command(BaseCommand):
    """daphne and the engine together; both end cleanly on SIGTERM and SIGINT."""

    help = "Serve the platform with the engine and the simulated venue in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default 127.0.0.1).")
        parser.add_argument("--port", type=int, default=8001, help="Port to listen on (default 8001).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        # daphne installs its reactor when it is imported; the engine joins that loop.
        from daphne.endpoints import build_endpoint_description_strings
        from daphne.server import Server, twisted_loop

        from deltastrangle.asgi import application

        asyncio.set_event_loop(twisted_loop)
        endpoints = build_endpoint_description_strings(host=options["host"], port=options["port"])
        server = Server(application, endpoints=endpoints, server_name="delta-strangle", websocket_handshake_timeout=10)
        self._embed_engine(twisted_loop)
        self.stdout.write(f"Serving on http://{options['host']}:{options['port']} (Ctrl-C ends it)")
        server.run()

    def _embed_engine(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the engine with the reactor, and have the reactor wait for its clean end."""
        from twisted.internet import reactor
        from twisted.internet.defer import Deferred

        from trading.worker import run_engine

        stop = asyncio.Event()
        engine = loop.create_task(run_engine(stop))

        def end() -> Deferred[None]:
            stop.set()
            return Deferred.fromFuture(asyncio.ensure_future(engine, loop=loop))

        cast(Any, reactor).addSystemEventTrigger("before", "shutdown", end)
