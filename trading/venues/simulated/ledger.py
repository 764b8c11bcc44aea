"""The account's own SQLite file. Whoever opens it sees what was committed, so the account outlives the process that
trades on it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from trading.strategy.types import ZERO, OrderType, Side, TimeInForce
from trading.venues.simulated.records import (
    FillRecord,
    FillType,
    OrderRecord,
    OrderState,
    PositionRecord,
    Transaction,
)

FIRST_ORDER_ID = 34_500_001
_BUSY_SECONDS = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, client_order_id TEXT NOT NULL, symbol TEXT NOT NULL, product_id INTEGER NOT NULL,
    settlement INTEGER NOT NULL, side TEXT NOT NULL, size INTEGER NOT NULL, unfilled INTEGER NOT NULL,
    order_type TEXT NOT NULL, limit_price TEXT, time_in_force TEXT NOT NULL, post_only INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    reason TEXT NOT NULL, cost TEXT NOT NULL, commission TEXT NOT NULL, sequence INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_open ON orders (id) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS orders_client ON orders (client_order_id);
CREATE UNIQUE INDEX IF NOT EXISTS orders_sequence ON orders (sequence);
CREATE TABLE IF NOT EXISTS fills (
    id TEXT PRIMARY KEY, order_id TEXT NOT NULL, client_order_id TEXT NOT NULL, symbol TEXT NOT NULL,
    product_id INTEGER NOT NULL, side TEXT NOT NULL, size INTEGER NOT NULL, price TEXT NOT NULL,
    commission TEXT NOT NULL, cashflow TEXT NOT NULL, role TEXT NOT NULL, fill_type TEXT NOT NULL,
    at INTEGER NOT NULL, sequence INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS fills_client ON fills (client_order_id);
CREATE INDEX IF NOT EXISTS fills_at ON fills (at);
CREATE UNIQUE INDEX IF NOT EXISTS fills_sequence ON fills (sequence);
CREATE TABLE IF NOT EXISTS positions (
    symbol TEXT PRIMARY KEY, product_id INTEGER NOT NULL, settlement INTEGER NOT NULL, size INTEGER NOT NULL,
    entry_price TEXT NOT NULL, realized TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS transactions (
    sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, amount TEXT NOT NULL, balance TEXT NOT NULL,
    symbol TEXT NOT NULL
);
"""

# Columns of orders that files written before stops existed lack.
_ADDED = {
    "stop_type": "TEXT NOT NULL DEFAULT ''",
    "stop_price": "TEXT",
    "stop_trigger": "TEXT NOT NULL DEFAULT ''",
    "trail_amount": "TEXT",
    "parent_id": "INTEGER NOT NULL DEFAULT 0",
    "bracket": "TEXT NOT NULL DEFAULT ''",
}
_PENDING_INDEX = "CREATE INDEX IF NOT EXISTS orders_pending ON orders (id) WHERE state = 'pending'"
_DECIMALS = {
    *("limit_price", "cost", "commission", "price", "cashflow", "entry_price", "realized", "amount", "balance"),
    *("stop_price", "trail_amount"),
}
_CASTS: dict[str, Any] = {
    "side": Side,
    "order_type": OrderType,
    "time_in_force": TimeInForce,
    "state": OrderState,
    "fill_type": FillType,
    "post_only": bool,
    "reduce_only": bool,
}
_Row = TypeVar("_Row", OrderRecord, FillRecord, PositionRecord, Transaction)


_COLUMNS: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in (OrderRecord, FillRecord, PositionRecord, Transaction)
}


def _load(kind: type[_Row], row: sqlite3.Row) -> _Row:
    values: dict[str, Any] = {}
    for name in _COLUMNS[kind]:
        value = row[name]
        if name in _DECIMALS and value is not None:
            value = Decimal(value)
        elif name in _CASTS:
            value = _CASTS[name](value)
        values[name] = value
    return kind(**values)


def _store(row: Any) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in _COLUMNS[type(row)]:
        value = getattr(row, name)
        values[name] = str(value) if isinstance(value, (Decimal, str)) else value
    return values


class Ledger:
    """Rows of one account. Reads see committed state; every write happens inside :meth:`transaction`."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._upgrade()

    def _upgrade(self) -> None:
        with self.transaction():
            known = {row["name"] for row in self._connection.execute("PRAGMA table_info(orders)")}
            for name, kind in _ADDED.items():
                if name not in known:
                    self._connection.execute(f"ALTER TABLE orders ADD COLUMN {name} {kind}")
            self._connection.execute(_PENDING_INDEX)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all. Nested use joins the outer transaction."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _all(self, kind: type[_Row], where: str, values: Sequence[object] = ()) -> list[_Row]:
        names = ", ".join(_COLUMNS[kind])
        with self._lock:
            rows = self._connection.execute(f"SELECT {names} FROM {_TABLES[kind]} {where}", values).fetchall()
        return [_load(kind, row) for row in rows]

    def _scalar(self, statement: str, values: Sequence[object] = ()) -> Any:
        with self._lock:
            row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _put(self, row: OrderRecord | FillRecord | PositionRecord | Transaction) -> None:
        values = _store(row)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self._connection.execute(f"INSERT OR REPLACE INTO {_TABLES[type(row)]} ({names}) VALUES ({marks})", values)

    def meta(self, key: str) -> str | None:
        """A named setting of the account."""
        found = self._scalar("SELECT value FROM meta WHERE key = ?", (key,))
        return None if found is None else str(found)

    def set_meta(self, key: str, value: str) -> None:
        """Keep a named setting."""
        self._connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def next_order_id(self) -> int:
        """An id no order has had."""
        return int(self._scalar("SELECT COALESCE(MAX(id) + 1, ?) FROM orders", (FIRST_ORDER_ID,)))

    def last_order_change(self) -> int:
        """Sequence of the newest change to any order; 0 before the first."""
        return int(self._scalar("SELECT COALESCE(MAX(sequence), 0) FROM orders"))

    def last_fill(self) -> int:
        """Sequence of the newest fill; 0 before the first."""
        return int(self._scalar("SELECT COALESCE(MAX(sequence), 0) FROM fills"))

    def put_order(self, order: OrderRecord) -> None:
        """Insert or replace an order; the caller gave it the next sequence."""
        self._put(order)

    def order(self, order_id: int) -> OrderRecord | None:
        """The order with this exchange id."""
        return _first(self._all(OrderRecord, "WHERE id = ?", (order_id,)))

    def order_by_client_id(self, client_order_id: str) -> OrderRecord | None:
        """The newest order with this client id."""
        return _first(self._all(OrderRecord, "WHERE client_order_id = ? ORDER BY id DESC LIMIT 1", (client_order_id,)))

    def open_orders(self) -> list[OrderRecord]:
        """Resting orders, oldest first."""
        return self._all(OrderRecord, "WHERE state = 'open' ORDER BY id")

    def pending_orders(self) -> list[OrderRecord]:
        """Untriggered stops, oldest first."""
        return self._all(OrderRecord, "WHERE state = 'pending' ORDER BY id")

    def legs_of(self, parent_id: int) -> list[OrderRecord]:
        """Every order that belongs to the bracket of ``parent_id``."""
        return self._all(OrderRecord, "WHERE parent_id = ? ORDER BY id", (parent_id,))

    def page(self, kind: type[_Row], where: str, values: Sequence[object]) -> list[_Row]:
        """Rows of a table by a condition of our own making; ``values`` fill its question marks."""
        return self._all(kind, where, values)

    def orders(self) -> list[OrderRecord]:
        """Every order ever accepted, oldest first."""
        return self._all(OrderRecord, "ORDER BY id")

    def orders_changed_since(self, sequence: int) -> list[OrderRecord]:
        """Orders changed after ``sequence``, in order of change."""
        return self._all(OrderRecord, "WHERE sequence > ? ORDER BY sequence", (sequence,))

    def add_fill(self, fill: FillRecord) -> None:
        """Append a fill."""
        self._put(fill)

    def fills(self) -> list[FillRecord]:
        """Every fill, oldest first."""
        return self._all(FillRecord, "ORDER BY sequence")

    def fills_since(self, sequence: int) -> list[FillRecord]:
        """Fills after ``sequence``."""
        return self._all(FillRecord, "WHERE sequence > ? ORDER BY sequence", (sequence,))

    def fills_from(self, at: int) -> list[FillRecord]:
        """Fills at or after ``at`` (microseconds)."""
        return self._all(FillRecord, "WHERE at >= ? ORDER BY sequence", (at,))

    def fills_of(self, client_order_ids: Iterable[str]) -> list[FillRecord]:
        """Fills of these client order ids."""
        ids = tuple(client_order_ids)
        marks = ", ".join("?" for _ in ids)
        return self._all(FillRecord, f"WHERE client_order_id IN ({marks}) ORDER BY sequence", ids) if ids else []

    def position(self, symbol: str) -> PositionRecord | None:
        """The row of an option ever held; its size may be 0."""
        return _first(self._all(PositionRecord, "WHERE symbol = ?", (symbol,)))

    def positions(self) -> list[PositionRecord]:
        """What is held now."""
        return self._all(PositionRecord, "WHERE size != 0 ORDER BY symbol")

    def put_position(self, position: PositionRecord) -> None:
        """Insert or replace a position."""
        self._put(position)

    def due_settlements(self, until: int) -> list[int]:
        """Settlement instants (Unix seconds) at or before ``until`` that still have a position or a resting order, in
        order.
        """
        with self._lock:
            rows = self._connection.execute(
                "SELECT settlement FROM positions WHERE size != 0 AND settlement <= ? "
                "UNION SELECT settlement FROM orders WHERE state IN ('open', 'pending') AND settlement <= ? ORDER BY 1",
                (until, until),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def cash(self) -> Decimal:
        """Dollars in the wallet."""
        found = self._scalar("SELECT balance FROM transactions ORDER BY sequence DESC LIMIT 1")
        return ZERO if found is None else Decimal(found)

    def book(self, *, at: int, kind: str, amount: Decimal, symbol: str = "") -> None:
        """Append a wallet entry of ``amount`` dollars."""
        last = int(self._scalar("SELECT COALESCE(MAX(sequence), 0) FROM transactions"))
        self._put(Transaction(last + 1, at, kind, amount, self.cash() + amount, symbol))

    def transactions(self) -> list[Transaction]:
        """Every wallet entry, oldest first."""
        return self._all(Transaction, "ORDER BY sequence")


_TABLES: dict[type, str] = {
    OrderRecord: "orders",
    FillRecord: "fills",
    PositionRecord: "positions",
    Transaction: "transactions",
}


def _first(rows: Sequence[_Row]) -> _Row | None:
    return rows[0] if rows else None
