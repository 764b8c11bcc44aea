"""The private socket: authentication, and the frames of orders, trades, positions and margins (§1.4 and §7.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from trading.engine.ports import Balance
from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import Row, inner, need_moment, need_text, need_whole, text, whole
from trading.venues.delta.parse_account import DOLLARS, SeenOrder, order, wallet
from trading.venues.delta.signing import Signer
from trading.venues.delta.stream import Stream, StreamBroken, Waits

CATEGORIES = ("call_options", "put_options")


def channels(symbols: Sequence[str]) -> dict[str, Sequence[str]]:
    """By category, so that nothing of ours is missed, and by symbol, which alone brings snapshots."""
    both = [*CATEGORIES, *symbols]
    return {"orders": both, "v2/user_trades": both, "positions": both, "margins": ()}


class PrivateStream(Stream):
    """A stream that authenticates first."""

    def __init__(
        self,
        config: DeltaConfig,
        clock: VenueClock,
        *,
        on_frame: Callable[[Row], None],
        on_change: Callable[[bool], None],
        on_skipped: Callable[[str], None],
        waits: Waits | None = None,
    ) -> None:
        super().__init__("private", config.ws_private_url, config, on_frame=on_frame, on_change=on_change, waits=waits)
        self._clock = clock
        self._on_skipped = on_skipped
        self._signer = Signer(config.api_key, config.api_secret)

    def skipped(self, frame: Row) -> None:
        """What an unreadable frame told of the account never comes again: it has to be read."""
        self._on_skipped(f"a frame of {frame.get('type')} could not be read")

    async def greet(self) -> None:
        """Authenticate. Raises DeltaError with the exchange's reason."""
        await self.send(self._signer.ws_auth(self._clock.signing_seconds(), self.config.ws_auth))
        try:
            async with asyncio.timeout(self.config.ack_timeout):
                reply = await self._auth_reply()
        except TimeoutError:
            raise StreamBroken("no answer to the authentication") from None
        if reply.get("success") is True or (text(reply, "type") == "success"):
            return
        code = text(reply, "status") or text(reply, "message") or "unnamed"
        message = self._signer.scrub(text(reply, "message"))
        detail = f"{code.replace('_', ' ').capitalize()}: {message}" if message else ""
        raise DeltaError(code, detail, status=whole(reply, "status_code") or 0)

    async def _auth_reply(self) -> Row:
        while True:
            frame = await self.receive()
            if frame.get("type") in ("key-auth", "auth", "success", "error"):
                return frame


@dataclass(frozen=True, slots=True)
class SeenTrade:
    """A frame of ``v2/user_trades``: an execution without its fee. ``position`` is what is held after it."""

    fill_id: str
    order_id: str
    client_order_id: str
    symbol: str
    size: int
    position: int | None
    at: datetime


class Listener(Protocol):
    """Who hears what the private frames say."""

    def order_seen(self, seen: SeenOrder) -> None:
        """The newest state of an order."""

    def trade_seen(self, trade: SeenTrade) -> None:
        """An execution, still without its commission."""

    def wallet_seen(self, balance: Balance) -> None:
        """The dollar wallet after a change."""

    def position_seen(self, symbol: str, size: int) -> None:
        """Signed contracts held of an option, as the stream tells them."""

    def gap_seen(self, what: str) -> None:
        """Frames were missed; the account has to be read again."""


@dataclass(slots=True)
class Sequences:
    """The newest sequence number per channel and symbol."""

    newest: dict[tuple[str, str], int] = field(default_factory=dict)

    def missed(self, channel: str, symbol: str, number: int | None) -> bool:
        """Take a number in; True when frames before it are missing or the count began anew. Repeated and late frames
        are not gaps.
        """
        if number is None:
            return False
        key = (channel, symbol)
        last = self.newest.get(key)
        restarted = last is not None and number == 1 and last > 1
        self.newest[key] = number if restarted else max(number, last or 0)
        return restarted or (last is not None and number > last + 1)

    def reset(self) -> None:
        """A new connection counts from what it sees first."""
        self.newest.clear()


class PrivateFrames:
    """Reads private frames and tells the listener."""

    def __init__(self, listener: Listener) -> None:
        self.sequences = Sequences()
        self.positions: dict[str, int] = {}
        self._listener = listener

    def take(self, frame: Row) -> None:
        """One frame. Raises BadField when it makes no sense."""
        match frame.get("type"):
            case "orders":
                self._orders(frame)
            case "v2/user_trades":
                self._trade(frame)
            case "positions":
                self._positions(frame)
            case "margins":
                if text(frame, "asset_symbol") in DOLLARS:
                    self._listener.wallet_seen(wallet(frame))

    def _orders(self, frame: Row) -> None:
        symbol = text(frame, "symbol")
        if frame.get("action") == "snapshot":
            number = whole(inner(frame, "meta"), "seq_no")
            if number is not None:
                self.sequences.newest["orders", symbol] = number
            for row in frame.get("result") or ():
                self._listener.order_seen(order({"symbol": symbol, **row}))
            return
        if self.sequences.missed("orders", symbol, whole(frame, "seq_no")):
            self._listener.gap_seen(f"orders of {symbol}")
        self._listener.order_seen(order(frame))

    def _trade(self, frame: Row) -> None:
        symbol = need_text(frame, "sy")
        if self.sequences.missed("v2/user_trades", symbol, whole(frame, "se")):
            self._listener.gap_seen(f"trades of {symbol}")
        trade = SeenTrade(
            fill_id=need_text(frame, "f"),
            order_id=need_text(frame, "o"),
            client_order_id=text(frame, "c"),
            symbol=symbol,
            size=need_whole(frame, "s"),
            position=whole(frame, "po"),
            at=need_moment(frame, "t"),
        )
        if trade.position is not None:
            self.positions[symbol] = trade.position
        self._listener.trade_seen(trade)

    def _positions(self, frame: Row) -> None:
        rows: Sequence[Mapping[str, object]] = frame.get("result") or (frame,)
        if frame.get("action") == "snapshot" and not frame.get("result"):
            rows = ({"symbol": text(frame, "symbol"), "size": 0},)
        for row in rows:
            symbol = text(row, "symbol") or text(row, "product_symbol")
            size = whole(row, "size")
            if size is None and frame.get("action") == "delete":
                size = 0
            if symbol and size is not None:
                self.positions[symbol] = size
                self._listener.position_seen(symbol, size)
