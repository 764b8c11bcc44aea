"""``ob_updates``: an incremental book per contract with a sequence and a checksum (``spec/delta_exchange.md`` §7.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from trading.venues.delta_server.frames import changes, checksum, image
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.clock import micros

CHANNEL = "ob_updates"


@dataclass(slots=True)
class Book:
    """What was last told of a contract."""

    asks: list[tuple[str, str]]
    bids: list[tuple[str, str]]
    sequence: int


class Books:
    """The books somebody follows; all followers of a contract see the same sequence."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server
        self._books: dict[str, Book] = {}

    def reset(self) -> None:
        """Begin every sequence anew."""
        for book in self._books.values():
            book.sequence = 0

    def send(self, sessions: list[Session]) -> None:
        """A snapshot for those who have none yet, a change for the others."""
        wanted: dict[str, list[Session]] = {}
        for session in sessions:
            for token in session.subscriptions[CHANNEL]:
                for symbol in self._server.catalogue.resolve(token):
                    wanted.setdefault(symbol, []).append(session)
        for symbol, listeners in wanted.items():
            self._send_one(symbol, listeners)

    def _send_one(self, symbol: str, sessions: list[Session]) -> None:
        item = self._server.catalogue.find(symbol)
        if item is None:
            return
        now = self._server.exchange.now()
        picture = image(self._server.exchange.market.depth(item, now))
        asks, bids = picture["a"], picture["b"]
        book = self._books.get(symbol)
        followers = [session for session in sessions if (CHANNEL, symbol) in session.sent]
        if book is None:
            book = self._books[symbol] = Book(asks, bids, 0)
        changed = {"a": changes(book.asks, asks), "b": changes(book.bids, bids)}
        if changed["a"] or changed["b"]:
            book.asks, book.bids, book.sequence = asks, bids, book.sequence + 1
            text = json.dumps(self._frame("update", symbol, changed, book, micros(now)))
            for session in followers:
                session.put(text, CHANNEL)
        for session in sessions:
            if (CHANNEL, symbol) not in session.sent:
                session.sent[(CHANNEL, symbol)] = (None, 0.0)
                session.put(json.dumps(self._frame("snapshot", symbol, picture, book, micros(now))), CHANNEL)

    def _frame(self, action: str, symbol: str, sides: Json, book: Book, at: int) -> Json:
        return {
            "type": CHANNEL,
            "action": action,
            "sy": symbol,
            "a": sides["a"],
            "b": sides["b"],
            "seq": book.sequence,
            "ts": at,
            "cs": checksum(book.asks, book.bids),
        }
