"""What an installation holds, seen from outside the processes: rows of its SQLite, and the account at its venue."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading.strategy.types import Side
from trading.tests.process.processes import Process
from trading.venues.simulated.ledger import Ledger


class Eyes:
    """Reads, never writes."""

    def __init__(self, data: Path) -> None:
        self._database = data / "delta_strangle.sqlite3"
        self._venue = data / "simulated_venue.sqlite3"

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a SELECT."""
        with closing(sqlite3.connect(self._database, timeout=5)) as connection:
            connection.execute("PRAGMA query_only=ON")
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """Every session, oldest first."""
        return self.rows("SELECT * FROM trading_strategysession ORDER BY id")

    @property
    def session(self) -> dict[str, Any]:
        """The newest session."""
        return self.sessions[-1]

    @property
    def lease(self) -> dict[str, Any]:
        """The engine lease: owner, fencing_token, expires_at."""
        return self.rows("SELECT * FROM trading_enginelease")[0]

    @property
    def picture(self) -> dict[str, Any]:
        """The newest runtime snapshot, with ``owner`` and ``age`` in seconds; empty before the first."""
        found = self.rows("SELECT * FROM trading_runtimesnapshot")
        if not found:
            return {}
        at = datetime.fromisoformat(found[0]["updated_at"]).replace(tzinfo=UTC)
        age = (datetime.now(UTC) - at).total_seconds()
        return {**json.loads(found[0]["payload"]), "owner": found[0]["owner"], "age": age}

    def guarded_by(self, process: Process) -> bool:
        """Whether ``process`` publishes the open session as its own."""
        picture = self.picture
        own = f":{process.pid}-" in picture.get("owner", "")
        return own and picture.get("session_id") == self.session["id"] and picture["age"] < 2

    def phase(self, *phases: str) -> bool:
        """Whether the newest session is in one of these phases."""
        return bool(self.sessions) and self.session["phase"] in phases

    @contextmanager
    def account(self) -> Iterator[Ledger]:
        """The account at the simulated venue, as the venue has it."""
        ledger = Ledger(str(self._venue))
        try:
            yield ledger
        finally:
            ledger.close()


def assert_settled(eyes: Eyes, *, asked: int = 100) -> None:
    """Every session is over and flat, no order was sent twice, and our ledger has what the venue has, to the digit."""
    assert {session["status"] for session in eyes.sessions} == {"stopped"}
    ours = {row["client_order_id"]: row for row in eyes.rows("SELECT * FROM trading_orderledger")}
    with eyes.account() as account:
        assert (account.positions(), account.open_orders()) == ([], [])
        sent = [order.client_order_id for order in account.orders()]
        assert len(sent) == len(set(sent)), "an order was sent twice"
        assert set(sent) <= set(ours), "the venue has an order that was never intended"
        assert eyes_fills(eyes) == {fill.id: (fill.client_order_id, fill.size, fill.price) for fill in account.fills()}
        sold = [order for order in account.orders() if order.side is Side.SELL]
        assert all(sum(o.filled for o in sold if o.symbol == symbol) <= asked for symbol in {o.symbol for o in sold})
        earned = account.cash() - account.transactions()[0].amount
    assert earned == realised(eyes)


def eyes_fills(eyes: Eyes) -> Mapping[str, tuple[str, int, Decimal]]:
    """Our fills by id: order, contracts and price."""
    rows = eyes.rows(
        "SELECT f.fill_id, f.quantity, f.price, o.client_order_id FROM trading_fillledger f"
        " JOIN trading_orderledger o ON o.id = f.order_id"
    )
    return {row["fill_id"]: (row["client_order_id"], row["quantity"], Decimal(str(row["price"]))) for row in rows}


def realised(eyes: Eyes) -> Decimal:
    """Dollars that the legs of all sessions made, net of fees."""
    rows = eyes.rows("SELECT realized_pnl FROM trading_positionledger")
    return sum((Decimal(str(row["realized_pnl"])) for row in rows), Decimal(0))
