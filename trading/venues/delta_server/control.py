"""The control API: faults, the venue's truth, its clock, and cutting sockets off. Not part of Delta's protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from trading.venues.delta_server.control_page import page
from trading.venues.delta_server.faults import Armed
from trading.venues.delta_server.formats import iso, plain
from trading.venues.delta_server.hub import Hub
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import Json, Request, Response, WireError, encode
from trading.venues.simulated.clock import micros
from trading.venues.simulated.records import ExchangeError

_STYLE: Final = Path(__file__).with_name("control.css")
_POLICY: Final = {"content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'"}


class Control:
    """Answers everything under ``/_control``. It is open to whoever reaches the port: bind to loopback."""

    def __init__(self, server: DeltaServer, hub: Hub) -> None:
        self._server = server
        self._hub = hub
        self._routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/_control"): self._page,
            ("GET", "/_control/control.css"): self._style,
            ("GET", "/_control/faults"): self._faults,
            ("POST", "/_control/faults"): self._inject,
            ("DELETE", "/_control/faults"): self._lift,
            ("POST", "/_control/faults/lift"): self._lift,
            ("GET", "/_control/truth"): lambda request: reply(truth(self._server)),
            ("GET", "/_control/clock"): lambda request: reply(self._clock()),
            ("POST", "/_control/clock"): self._advance,
            ("POST", "/_control/disconnect"): self._disconnect,
            ("POST", "/_control/positions"): self._seed,
        }

    async def answer(self, request: Request) -> Response:
        """The answer to a control request; bad input is HTTP 400 with a sentence."""
        handler = self._routes.get((request.method, request.path.rstrip("/")))
        if handler is None:
            return reply({"detail": "no such control"}, 404)
        try:
            response = handler(request)
        except WireError:
            return reply({"detail": "the body is not a JSON object"}, 400)
        except (ValueError, ArithmeticError, ExchangeError) as error:
            return reply({"detail": str(error) or type(error).__name__}, 400)
        self._hub.step()
        if is_form(request) and response.status == 200:
            return Response(303, b"", "text/plain", {"location": "/_control/"})
        return response

    def _page(self, request: Request) -> Response:
        armed = [armed_row(item) for item in self._server.faults.armed]
        text = page(truth(self._server), self._clock(), armed, len(self._hub.sessions))
        return Response(200, text.encode(), "text/html; charset=utf-8", _POLICY)

    def _style(self, request: Request) -> Response:
        return Response(200, _STYLE.read_bytes(), "text/css; charset=utf-8")

    def _faults(self, request: Request) -> Response:
        return reply([armed_row(item) for item in self._server.faults.armed])

    def _inject(self, request: Request) -> Response:
        numbers = self._server.faults.inject(fault_text(values_of(request)))
        return reply({"numbers": numbers})

    def _lift(self, request: Request) -> Response:
        number = values_of(request).get("number") or request.params.get("number")
        return reply({"lifted": self._server.faults.lift(int(number) if number else None)})

    def _clock(self) -> Json:
        now = self._server.exchange.now()
        wall = self._server.clocks.wall()
        return {
            "venue_time": iso(now),
            "venue_micros": micros(now),
            "wall_seconds": wall,
            "speed": self._server.speed,
            "skew_seconds": self._server.skew(),
        }

    def _advance(self, request: Request) -> Response:
        """Let ``advance`` seconds of venue time pass at once."""
        self._server.exchange.advance(float(values_of(request).get("advance") or 0))
        return reply(self._clock())

    def _disconnect(self, request: Request) -> Response:
        """Cut the public, the private or all sockets off."""
        kind = str(values_of(request).get("socket") or "all")
        if kind not in ("public", "private", "all"):
            raise ValueError("socket is public, private or all")
        chosen = [session for session in self._hub.sessions if kind in ("all", session.kind)]
        return reply({"disconnected": self._hub.drop(chosen)})

    def _seed(self, request: Request) -> Response:
        """Put a foreign position into the account, as if traded elsewhere."""
        values = values_of(request)
        symbol = str(values.get("symbol") or "")
        quote = self._server.exchange.quote(symbol)
        price = values.get("price") or (quote.mark if quote else None)
        if price is None:
            raise ValueError(f"{symbol} is not listed")
        self._server.exchange.seed_position(symbol, int(values.get("size") or 0), Decimal(str(price)))
        return reply({"symbol": symbol})


def reply(value: object, status: int = 200) -> Response:
    """Plain JSON, without the exchange's envelope."""
    return Response(status, encode(value))


def is_form(request: Request) -> bool:
    """Whether a page's form sent it."""
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def values_of(request: Request) -> dict[str, Any]:
    """The fields of a form or of a JSON body."""
    return dict(parse_qsl(request.body.decode())) if is_form(request) else request.json()


def fault_text(values: dict[str, Any]) -> str:
    """Faults as text: given as ``text``, or as a ``name`` with the other keys as its own."""
    if "name" not in values:
        text = str(values.get("text") or "")
        if not text.strip():
            raise ValueError("give text, or a name with its keys")
        return text
    pairs = ",".join(f"{key}={value}" for key, value in values.items() if key != "name" and value not in (None, ""))
    return f"{values['name']}:{pairs}"


def armed_row(item: Armed) -> Json:
    """A fault in force."""
    spec = item.spec
    aims = {
        field.name: getattr(spec, field.name)
        for field in fields(spec)
        if field.name != "kind" and getattr(spec, field.name) != field.default
    }
    return {"number": item.number, "name": spec.kind.value, "left": item.left, "struck": item.struck, **aims}


def truth(server: DeltaServer) -> Json:
    """Everything the exchange knows of the account: orders, fills, positions, wallet entries and cash."""
    found = server.exchange.truth()
    return {
        "cash": plain(found.cash),
        "orders": [record(row) for row in found.orders],
        "fills": [record(row) for row in found.fills],
        "positions": [record(row) for row in found.positions],
        "transactions": [record(row) for row in found.transactions],
    }


def record(row: Any) -> Json:
    """A ledger row as JSON: decimals as text, times as microseconds."""
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return value.value if isinstance(value, Enum) else value
