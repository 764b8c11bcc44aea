"""The private streams: what happened to the account, told to those who may know (``spec/delta_exchange.md`` §7.3)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trading.strategy.types import Side
from trading.venues.delta_server.account_routes import balance_row, position_row
from trading.venues.delta_server.formats import plain
from trading.venues.delta_server.order_routes import shown
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.clock import micros
from trading.venues.simulated.records import FillRecord, FillType, OrderRecord, OrderState, PositionRecord

CHANNELS = ("orders", "v2/user_trades", "user_trades", "positions", "margins", "portfolio_margins", "mmp_trigger")
_REASONS = {FillType.NORMAL: "normal", FillType.OTC: "normal"}


@dataclass(frozen=True, slots=True)
class Known:
    """What was last told of an order."""

    state: OrderState
    unfilled: int
    stop: object


class PrivateFeed:
    """Follows the account and numbers what it tells, contract by contract."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server
        self._cursor = server.exchange.cursor()
        self._known = {order.id: _known(order) for order in self._active()}
        self._order_numbers: dict[str, int] = defaultdict(int)
        self._trade_numbers: dict[str, int] = defaultdict(int)

    def _active(self) -> list[OrderRecord]:
        return [*self._server.exchange.open_orders(), *self._server.exchange.pending_orders()]

    def reset_sequences(self) -> None:
        """Begin every sequence anew, as after a restart of the exchange."""
        self._order_numbers.clear()
        self._trade_numbers.clear()

    def step(self, sessions: Iterable[Session]) -> list[FillRecord]:
        """Tell what happened since the last step; returns the new fills."""
        orders, fills = self._server.exchange.since(self._cursor)
        if not orders and not fills:
            return []
        self._cursor = (
            orders[-1].sequence if orders else self._cursor[0],
            fills[-1].sequence if fills else self._cursor[1],
        )
        listeners = list(sessions)
        self._tell_fills(fills, listeners)
        for order in orders:
            self._tell(listeners, "orders", order.symbol, self._order_update(order, fills))
        self._tell_positions(fills, listeners)
        self._margins(listeners)
        return fills

    def _tell(self, sessions: Sequence[Session], channel: str, symbol: str, frame: Json) -> None:
        text = json.dumps(frame, separators=(",", ":"))
        for session in sessions:
            if session.wants(channel, symbol):
                session.put(text, channel)

    def _order_update(self, order: OrderRecord, fills: Sequence[FillRecord]) -> Json:
        before = self._known.get(order.id)
        if order.active:
            self._known[order.id] = _known(order)
        else:
            self._known.pop(order.id, None)
        self._order_numbers[order.symbol] += 1
        row = shown(self._server, order)
        kept = (
            *("client_order_id", "side", "size", "unfilled_size", "average_fill_price", "limit_price", "state"),
            *("cancellation_reason", "order_type", "time_in_force", "reduce_only", "stop_order_type", "stop_price"),
            *("trail_amount", "bracket_stop_loss_price", "bracket_take_profit_price", "product_id", "user_id"),
        )
        action = "delete" if not order.active else "update" if before else "create"
        filled = any(fill.order_id == str(order.id) for fill in fills)
        return {
            "type": "orders",
            "action": action,
            "reason": _reason(order, before, filled=filled),
            "symbol": order.symbol,
            "order_id": order.id,
            **{name: row[name] for name in kept},
            "paid_commission": row["paid_commission"],
            "bracket_order": bool(order.parent_id),
            "seq_no": self._order_numbers[order.symbol],
            "timestamp": order.updated_at,
        }

    def _tell_fills(self, fills: Sequence[FillRecord], sessions: Sequence[Session]) -> None:
        held = {row.symbol: row.size for row in self._server.exchange.positions()}
        later: dict[str, int] = defaultdict(int)
        after: dict[str, int] = {}
        for fill in reversed(fills):
            after[fill.id] = held.get(fill.symbol, 0) - later[fill.symbol]
            later[fill.symbol] += fill.size if fill.side is Side.BUY else -fill.size
        for fill in fills:
            if fill.fill_type in _REASONS:
                self._trade_numbers[fill.symbol] += 1
                number = self._trade_numbers[fill.symbol]
                self._tell(sessions, "v2/user_trades", fill.symbol, self._trade(fill, after[fill.id], number))
                self._tell(sessions, "user_trades", fill.symbol, self._long_trade(fill, number))

    def _trade(self, fill: FillRecord, position: int, number: int) -> Json:
        return {
            "type": "v2/user_trades",
            "sy": fill.symbol,
            "f": fill.id,
            "R": _REASONS[fill.fill_type],
            "u": self._server.config.user_id,
            "o": int(fill.order_id),
            "S": fill.side.value,
            "s": fill.size,
            "p": plain(fill.price),
            "po": position,
            "r": fill.role,
            "c": fill.client_order_id or None,
            "t": fill.at,
            "se": number,
        }

    def _long_trade(self, fill: FillRecord, number: int) -> Json:
        return {
            "type": "user_trades",
            "symbol": fill.symbol,
            "fill_id": fill.id,
            "reason": _REASONS[fill.fill_type],
            "user_id": self._server.config.user_id,
            "order_id": int(fill.order_id),
            "side": fill.side.value,
            "size": fill.size,
            "price": plain(fill.price),
            "role": fill.role,
            "client_order_id": fill.client_order_id or None,
            "timestamp": fill.at,
            "seq_no": number,
        }

    def _tell_positions(self, fills: Sequence[FillRecord], sessions: Sequence[Session]) -> None:
        held = {row.symbol: row for row in self._server.exchange.positions()}
        for symbol in dict.fromkeys(fill.symbol for fill in fills):
            newest = [fill for fill in fills if fill.symbol == symbol][-1]
            row = held.get(symbol) or PositionRecord(
                symbol, newest.product_id, 0, 0, newest.price * 0, newest.price * 0
            )
            full = position_row(self._server, row)
            names = ("size", "margin", "entry_price", "liquidation_price", "bankruptcy_price", "commission")
            self._tell(
                sessions,
                "positions",
                symbol,
                {
                    "type": "positions",
                    "action": "update" if row.size else "delete",
                    "reason": None,
                    "symbol": symbol,
                    "product_id": row.product_id,
                    "user_id": self._server.config.user_id,
                    **{name: full[name] for name in names},
                    "timestamp": newest.at,
                },
            )

    def _margins(self, sessions: Sequence[Session]) -> None:
        chosen = [session for session in sessions if "margins" in session.subscriptions]
        if not chosen:
            return
        now = micros(self._server.exchange.now())
        text = json.dumps({"type": "margins", "action": "update", **balance_row(self._server), "timestamp": now})
        for session in chosen:
            session.put(text, "margins")

    def snapshot(self, session: Session, channel: str, symbols: Iterable[str]) -> None:
        """Send the state of explicitly named contracts, as ``orders`` and ``positions`` do on subscribing."""
        for symbol in symbols:
            if channel == "orders":
                session.put(json.dumps(self._orders_snapshot(symbol)), channel)
            elif channel == "positions":
                held = [row for row in self._server.exchange.positions() if row.symbol == symbol]
                rows = [position_row(self._server, row) for row in held]
                frame = {"type": "positions", "action": "snapshot", "symbol": symbol, "success": True, "result": rows}
                session.put(json.dumps(frame), channel)

    def _orders_snapshot(self, symbol: str) -> Json:
        rows = [shown(self._server, order) for order in self._active() if order.symbol == symbol]
        now = micros(self._server.exchange.now())
        return {
            "type": "orders",
            "action": "snapshot",
            "symbol": symbol,
            "success": True,
            "meta": {"seq_no": self._order_numbers[symbol], "timestamp": now},
            "result": rows,
        }


def _known(order: OrderRecord) -> Known:
    return Known(order.state, order.unfilled, order.stop_price)


def _reason(order: OrderRecord, before: Known | None, *, filled: bool) -> str | None:
    if before is not None and before.state is OrderState.PENDING:
        if order.state is OrderState.PENDING:
            return "stop_update"
        return "stop_cancel" if order.state is OrderState.CANCELLED and not order.filled else "stop_trigger"
    return "fill" if filled else None
