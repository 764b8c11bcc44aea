"""``manage.py delta_simulator``: the simulated exchange behind Delta Exchange's own REST and WebSocket protocol."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from datetime import UTC, datetime
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from trading.strategy.schedule import at_ist, parse_ist_time, trading_day
from trading.venues.delta_server.build import build_app

# By name, as daphne itself loads applications: the simulator is a program of its own that only starts from here.


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "Serve the simulated exchange over Delta Exchange's REST and WebSocket protocol."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and what kind of exchange to be."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default 127.0.0.1).")
        parser.add_argument("--port", type=int, default=9400, help="Port to listen on (default 9400).")
        parser.add_argument("--seed", type=int, default=7, help="Which market (default 7).")
        parser.add_argument("--speed", type=float, default=1.0, help="Venue seconds per second, 1 to 600 (default 1).")
        parser.add_argument("--start", default="", help="IST time of day a fresh account begins at (default: now).")
        parser.add_argument("--balance", default="10000", help="Dollars a fresh account begins with (default 10000).")
        parser.add_argument("--api-key", default="", help="The key that may connect (default: a new one, printed).")
        parser.add_argument("--api-secret", default="", help="Its secret (default: a new one, printed).")
        parser.add_argument("--faults", default="", help="File of faults to begin with, one per line.")
        parser.add_argument("--path", default="", help="The account's SQLite file (default: in the data directory).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Build, say where and with which key, serve."""
        key = options["api_key"] or secrets.token_hex(12)
        secret = options["api_secret"] or secrets.token_hex(24)
        path = options["path"] or str(settings.DATA_DIR / "delta_simulator.sqlite3")
        try:
            app = build_app(
                path=path,
                seed=options["seed"],
                speed=options["speed"],
                start=starting_time(options["start"]),
                balance=options["balance"],
                api_key=key,
                api_secret=secret,
                faults=Path(options["faults"]).read_text() if options["faults"] else "",
            )
        except (ValueError, InvalidOperation, OSError, sqlite3.Error) as error:
            raise CommandError(str(error) or type(error).__name__) from error
        self._tell(app, f"{options['host']}:{options['port']}", path, key, secret)
        serve(app, options["host"], options["port"])

    def _tell(self, app: Any, address: str, path: str, key: str, secret: str) -> None:
        now = app.server.exchange.now()
        lines = (
            f"REST        http://{address}/v2",
            f"Sockets     ws://{address}/public  ws://{address}/private",
            f"Control     http://{address}/_control/",
            f"API key     {key}",
            f"API secret  {secret}",
            f"Account     {path}",
            f"Venue time  {now:%Y-%m-%d %H:%M:%S} UTC, {app.server.speed:g} venue seconds per second",
            "Serving (Ctrl-C ends it)",
        )
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def starting_time(text: str) -> datetime:
    """Today at an IST time of day, or now when none is given. ValueError for what is not a time."""
    now = datetime.now(UTC)
    return at_ist(trading_day(now), parse_ist_time(text)) if text else now


def serve(app: Any, host: str, port: int) -> None:
    """Serve with daphne until told to stop; then say goodbye and close the account's file. CommandError when the
    address is taken.
    """
    # daphne installs its reactor when it is imported.
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import twisted_loop
    from twisted.internet import reactor as twisted_reactor
    from twisted.internet.defer import Deferred

    from trading.management.simulator_server import SimulatorServer

    reactor: Any = twisted_reactor
    server_class: Any = SimulatorServer

    def end() -> Deferred[None]:
        return Deferred.fromFuture(asyncio.ensure_future(app.close(), loop=twisted_loop))

    asyncio.set_event_loop(twisted_loop)
    endpoints = build_endpoint_description_strings(host=host, port=port)
    server = server_class(app, endpoints=endpoints, server_name="delta-simulator", websocket_handshake_timeout=10)
    # Tasks that are still there when the interpreter ends crash it: all of them end before the reactor does.
    reactor.addSystemEventTrigger("before", "shutdown", end)
    server.run()
    if not server.listening_addresses:
        raise CommandError(f"Cannot listen on {host}:{port}. Is a simulator running there already?")
