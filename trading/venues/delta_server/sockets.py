"""The sockets' protocol: log in, subscribe, acknowledge, beat (``spec/delta_exchange.md`` §1.4 and §7.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from trading.venues.delta_server import private_feed
from trading.venues.delta_server.catalogue import UNDERLYING_OF_INDEX
from trading.venues.delta_server.hub import PRIVATE, PUBLIC, Hub
from trading.venues.delta_server.public_feed import CADENCES, EVENTS
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.products import parse_symbol

Message = MutableMapping[str, Any]
PATHS: Final = {"/public": PUBLIC, "/private": PRIVATE, "/": PRIVATE, "/live": PRIVATE, "": PRIVATE}
BOTH_SOCKETS: Final = ("product_updates", "system_status")
INDEX_CHANNELS: Final = ("spot_price", "spot_30mtwap_price")
BOOK_CHANNELS: Final = ("ob_l2", "ob_updates")
MAX_BOOKS: Final = 100
THROTTLED: Final = 4429
"""Closes a connection too many before it is accepted, which over HTTP is a 429."""
_TOKENLESS: Final = ("product_updates", "system_status", "margins", "mmp_trigger")


async def serve_socket(
    server: DeltaServer,
    hub: Hub,
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Serve one WebSocket until either side ends it."""
    await receive()  # websocket.connect
    client = str((scope.get("client") or ("127.0.0.1",))[0])
    kind = PATHS.get(scope["path"].rstrip("/"))
    if kind is None or not server.limiter.connect(client):
        await send({"type": "websocket.close", "code": 4404 if kind is None else THROTTLED})
        return
    await send({"type": "websocket.accept"})
    session = Session(kind, client, server.config, server.faults, server.clocks.mono())
    hub.sessions.append(session)
    writer = asyncio.ensure_future(_write(session, send))
    try:
        await _read(Talk(server, hub, session), receive)
    finally:
        session.closed = True
        hub.sessions.remove(session)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)


async def _write(session: Session, send: Callable[[Message], Awaitable[None]]) -> None:
    while (frame := await session.outbox.get()) is not None:
        await send({"type": "websocket.send", "text": frame})
    await send({"type": "websocket.close", "code": session.close_code})


async def _read(talk: Talk, receive: Callable[[], Awaitable[Message]]) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] == "websocket.receive":
            talk.hear(message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace"))


class Talk:
    """One side of the conversation with one session."""

    def __init__(self, server: DeltaServer, hub: Hub, session: Session) -> None:
        self._server = server
        self._hub = hub
        self._session = session

    def hear(self, text: str) -> None:
        """Act on one message of the client."""
        try:
            message = json.loads(text)
            kind, payload = message["type"], message.get("payload")
        except (ValueError, KeyError, TypeError, AttributeError):
            self._session.say({"type": "error", "message": "malformed message"})
            return
        if not isinstance(payload, dict):
            payload = {}
        if kind == "subscribe":
            self._subscribe(payload)
        elif kind == "unsubscribe":
            self._unsubscribe(payload)
        elif kind == "ping":
            self._session.say({"type": "pong"})
        elif kind == "enable_heartbeat":
            self._session.enable_heartbeats(self._server.clocks.mono())
            self._session.say({"type": "heartbeat"})
        elif kind == "disable_heartbeat":
            self._session.heartbeats = False
        elif kind in ("key-auth", "unauth"):
            self._authenticate(kind, payload)
        else:
            self._session.say({"type": "error", "message": f"unknown message type {kind}"})

    def _authenticate(self, kind: str, payload: Json) -> None:
        session = self._session
        if session.kind == PUBLIC:
            session.say({"type": "error", "message": "authentication is not supported on the public socket"})
            return
        if kind == "unauth":
            session.authenticated = False
            for channel in private_feed.CHANNELS:
                session.unsubscribe(channel, ())
            session.say({"type": "unauth", "success": True})
            return
        status, word = self._server.doorman.socket_login(payload, session.client)
        session.authenticated = status == 200
        answer: Json = {"type": "key-auth", "success": status == 200, "status_code": status, "status": word}
        if status != 200:
            answer["message"] = f"{word}: your address is {session.client}" if "ip" in word else word.replace("_", " ")
        session.say(answer)

    def _subscribe(self, payload: Json) -> None:
        acknowledged, accepted = [], []
        for entry in _channels(payload):
            name, symbols = entry["name"], entry["symbols"]
            error = self._objection(name, symbols)
            if error:
                acknowledged.append({"name": name, "error": error})
                continue
            acknowledged.append({"name": name, "symbols": symbols} if symbols else {"name": name})
            accepted.append((name, symbols))
        self._session.say({"type": "subscriptions", "channels": acknowledged})
        for name, symbols in accepted:
            self._begin(name, symbols)

    def _begin(self, name: str, symbols: list[str]) -> None:
        session = self._session
        session.subscribe(name, symbols)
        if name in private_feed.CHANNELS:
            self._hub.pump_private()
            self._hub.private.snapshot(session, name, [one for one in symbols if parse_symbol(one) is not None])
        elif name == "system_status":
            session.say(self._hub.public.status())

    def _unsubscribe(self, payload: Json) -> None:
        entries = _channels(payload)
        for entry in entries:
            self._session.unsubscribe(entry["name"], entry["symbols"])
        names = [{"name": entry["name"]} for entry in entries]
        self._session.say({"type": "unsubscribed", "channels": names})

    def _objection(self, name: str, symbols: list[str]) -> str:
        """Why a channel cannot be had; empty when it can."""
        public = name in CADENCES or name in EVENTS
        if not public and name not in private_feed.CHANNELS:
            return f"invalid channel {name}"
        if self._session.kind == PUBLIC and not public:
            return f"subscription forbidden on {name}. Unauthorized user"
        if self._session.kind == PRIVATE:
            if public and name not in BOTH_SOCKETS:
                return f"channel {name} is served on the public socket"
            if not public and not self._session.authenticated:
                return f"subscription forbidden on {name}. Unauthorized user"
        return self._bad_symbols(name, symbols)

    def _bad_symbols(self, name: str, symbols: list[str]) -> str:
        if name in _TOKENLESS:
            return ""
        if name in INDEX_CHANNELS or name == "portfolio_margins":
            unknown = [symbol for symbol in symbols if symbol not in UNDERLYING_OF_INDEX]
        else:
            unknown = [symbol for symbol in symbols if not self._known(name, symbol)]
        if unknown:
            return f"invalid symbols: {', '.join(unknown[:5])}"
        if name in BOOK_CHANNELS:
            return self._too_many_books(name, symbols)
        return ""

    def _known(self, name: str, symbol: str) -> bool:
        if name in private_feed.CHANNELS:
            return symbol == "all" or parse_symbol(symbol) is not None or self._server.catalogue.knows(symbol)
        if name == "mark_price" and parse_symbol(symbol) is not None:
            return False
        if name.startswith("candlestick_") and symbol in UNDERLYING_OF_INDEX:
            return True
        return self._server.catalogue.knows(symbol.removeprefix("MARK:"))

    def _too_many_books(self, name: str, symbols: list[str]) -> str:
        if any(parse_symbol(symbol) is None for symbol in symbols):
            return "only product symbols are allowed"
        if name == "ob_l2" and len(symbols) > 1:
            return "only one symbol per subscription"
        held = sum(len(self._session.subscriptions.get(channel, ())) for channel in BOOK_CHANNELS)
        return f"at most {MAX_BOOKS} symbols per connection" if held + len(symbols) > MAX_BOOKS else ""


def _channels(payload: object) -> list[Json]:
    """Names and symbols of the channels in a payload; malformed entries are left out."""
    entries = payload.get("channels") if isinstance(payload, dict) else None
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            symbols = entry.get("symbols")
            symbols = symbols if isinstance(symbols, list) else []
            found.append({"name": entry["name"], "symbols": [str(one) for one in symbols]})
    return found
