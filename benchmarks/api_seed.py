"""A platform with years behind it: one simulated session, told again ten thousand times with other prices."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

BEGAN: Final = datetime(2026, 9, 4, 4, 0, tzinfo=UTC)
APART: Final = timedelta(hours=6)
"""Four sessions a day, one after the other: thirty days have 120."""
NEWEST: Final = 100
"""So many of the newest sessions keep all their P&L points and traces; older ones every ninth point."""
THINNED: Final = 9
AT_ONCE: Final = 5000
CENT: Final = Decimal("0.01")
REASONS: Final = ("time_exit", "max_profit", "trailing_sl", "max_loss", "leg_stop")
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything."""

    sessions: int
    log_rows: int


async def simulate(data: Path) -> None:
    """One session from start to close on the simulated venue: the template of all others."""
    from benchmarks.soak import Soak

    running = Soak(data, 60.0)
    await running.begin()
    await running.day(1)
    await running.end()


class Rows:
    """Rows of one model, copied from a template as the database takes them."""

    def __init__(self, model: Any, found: Iterable[Any]) -> None:
        from django.db.models import DateTimeField

        self.model = model
        self.fields = model._meta.concrete_fields
        self.times = [field.attname for field in self.fields if isinstance(field, DateTimeField)]
        self.template = [{field.attname: getattr(row, field.attname) for field in self.fields} for row in found]

    def copies(self, moved: timedelta, change: Change) -> Iterator[dict[str, Any]]:
        """The template's rows at another time, each after ``change``."""
        for row in self.template:
            copied = dict(row)
            for name in self.times:
                copied[name] = copied[name] and copied[name] + moved
            change(copied)
            yield copied

    def insert(self, rows: Iterable[dict[str, Any]]) -> None:
        """Insert many; faster than ``bulk_create``, which makes an object and a statement's text of each."""
        from django.db import connection, transaction

        names = ", ".join(f'"{field.column}"' for field in self.fields)
        marks = ", ".join(["%s"] * len(self.fields))
        statement = f'INSERT INTO "{self.model._meta.db_table}" ({names}) VALUES ({marks})'
        ready = ([field.get_db_prep_save(row[field.attname], connection) for field in self.fields] for row in rows)
        with transaction.atomic(), connection.cursor() as cursor:
            while part := list(islice(ready, AT_ONCE)):
                cursor.executemany(statement, part)


class Past:
    """Copies of the simulated session, each six hours after the one before, the last being the simulated one's day."""

    def __init__(self, count: int) -> None:
        from trading.models import (
            DecisionRecord,
            DecisionTrace,
            FillLedger,
            OrderLedger,
            PnlPoint,
            PositionLedger,
            StrategySession,
        )

        closed = StrategySession.objects.get(status="stopped")
        StrategySession.objects.exclude(pk=closed.pk).delete()
        self.chance, self.count, self.closed = random.Random(7), count, closed
        self.sessions = Rows(StrategySession, [closed])
        self.orders = Rows(OrderLedger, closed.orders.order_by("id"))
        self.fills = Rows(FillLedger, closed.fills.order_by("id"))
        self.legs = Rows(PositionLedger, closed.positions.order_by("id"))
        self.decisions = Rows(DecisionRecord, closed.decisions.order_by("id"))
        self.traces = Rows(DecisionTrace, closed.traces.order_by("id"))
        points = list(PnlPoint.objects.filter(session=closed).order_by("id"))
        self.points, self.few = Rows(PnlPoint, points), Rows(PnlPoint, points[::THINNED])
        self.bought = [self._factor() for _ in range(count)]
        self.numbers = {"orders": len(self.orders.template), "legs": len(self.legs.template)}

    def write(self) -> None:
        """Replace the simulated session by its copies."""
        self.closed.delete()
        parts = (
            ("sessions", self.sessions, self._session),
            ("legs", self.legs, self._leg),
            ("orders", self.orders, self._order),
            ("fills", self.fills, self._fill),
            ("decisions", self.decisions, self._plain),
            ("points", self.points, self._plain),
            ("traces", self.traces, self._plain),
        )
        for name, rows, changed in parts:
            rows.insert(self._all(name, rows, changed))

    def _all(self, name: str, rows: Rows, changed: Callable[[int, dict[str, Any]], None]) -> Iterator[dict[str, Any]]:
        key = 0
        for number in tqdm(range(self.count), desc=name):
            newest = number >= self.count - NEWEST
            if name == "traces" and not newest:
                continue
            source = self.few if name == "points" and not newest else rows

            def change(row: dict[str, Any], number: int = number) -> None:
                changed(number, row)

            for copied in source.copies((number + 1 - self.count) * APART, change):
                key += 1
                yield {**copied, "id": key}

    def _factor(self) -> Decimal:
        """What a leg is bought back for, as a share of its sale: mostly less, now and then much more."""
        lost = self.chance.random() < 0.28
        share = self.chance.uniform(1.05, 1.9) if lost else self.chance.uniform(0.15, 0.95)
        return Decimal(str(round(share, 3)))

    def _plain(self, number: int, row: dict[str, Any]) -> None:
        row["session_id"] = number + 1

    def _session(self, number: int, row: dict[str, Any]) -> None:
        from trading.strategy.schedule import trading_day

        legs = [self._priced(number, leg) for leg in self.legs.template]
        net = float(sum(leg["realized_pnl"] for leg in legs))
        row["strategy_id"] = f"delta-strangle-{row['activated_at']:%Y%m%d%H%M%S}"
        row["trading_day"] = trading_day(row["activated_at"])
        row["exit_reason"] = REASONS[number % len(REASONS)]
        row["pnl_summary"] = {**row["pnl_summary"], "realized": net, "total_pnl": net}

    def _leg(self, number: int, row: dict[str, Any]) -> None:
        self._plain(number, row)
        row.update(self._priced(number, row))

    def _order(self, number: int, row: dict[str, Any]) -> None:
        self._plain(number, row)
        row["client_order_id"] = f"ds{number + 1}-{row['client_order_id'][-5:]}"
        row["order_id"] = f"{34_500_000 + 10 * number}{row['order_id'][-2:]}"
        if row["side"] == "buy":
            row["fill_price"] = row["decision_price"] = self._bought(number, row["symbol"])

    def _fill(self, number: int, row: dict[str, Any]) -> None:
        self._plain(number, row)
        first = self.orders.template[0]["id"]
        row["order_id"] = row["order_id"] - first + 1 + number * len(self.orders.template)
        if row["side"] == "buy":
            row["price"] = self._bought(number, row["symbol"])

    def _bought(self, number: int, symbol: str) -> Decimal:
        sold = next(leg["entry_price"] for leg in self.legs.template if leg["symbol"] == symbol)
        return Decimal(sold * self.bought[number]).quantize(CENT)

    def _priced(self, number: int, leg: dict[str, Any]) -> dict[str, Any]:
        bought = self._bought(number, leg["symbol"])
        gross = (leg["entry_price"] - bought) * leg["quantity"] * leg["contract_size"]
        return {"exit_price": bought, "realized_pnl": gross - leg["fees"]}


def write_present() -> None:
    """A worker that guards one more session now, its picture that of a live strangle; its clock stands still."""
    from trading.models import EngineLease, RuntimeSnapshot, StrategySession, TradingConfiguration
    from trading.opening import open_session
    from trading.tests import snapshots

    configuration = TradingConfiguration.objects.get()
    session = open_session(configuration=configuration, started_by=None)
    newest = StrategySession.objects.exclude(pk=session.pk).order_by("-id")[0].deactivated_at
    assert newest is not None
    StrategySession.objects.filter(pk=session.pk).update(phase="live", activated_at=newest)
    picture = snapshots.live()
    picture["session_id"], picture["strategy_id"] = session.pk, session.strategy_id
    picture["venue"] = {**picture["venue"], "clock": newest.isoformat()}
    years = datetime.now(UTC) + timedelta(days=3650)
    EngineLease.objects.update(owner="host:1", expires_at=years)
    RuntimeSnapshot.objects.update(owner="host:1", payload=picture, updated_at=years)


def write_logs(count: int, sessions: int) -> None:
    """Lines of a week, twelve loggers, a warning in twenty, an error in two hundred; with the tallies."""
    from django.db import transaction

    from logviewer.writers import add_to_tallies, insert_lines, kinds_of

    lines = _lines(count, sessions)
    with tqdm(total=count, desc="log rows") as bar:
        while part := list(islice(lines, 20_000)):
            with transaction.atomic():
                insert_lines(part)
                add_to_tallies(kinds_of(part))
            bar.update(len(part))


def _lines(count: int, sessions: int) -> Iterator[Any]:
    from logviewer.lines import parse_line

    chance, step = random.Random(11), timedelta(days=7) / count
    said = ("Order filled", "Quote taken", "Lease renewed", "Rules judged", "Balance read", "Request served")
    for number in range(count):
        draw = chance.random()
        level = "ERROR" if draw < 0.005 else "WARNING" if draw < 0.055 else "INFO"
        kind = number % len(said)
        told = {
            "message": f"{said[kind]} in {chance.randrange(1, 400)} ms",
            "timestamp": (BEGAN + number * step).isoformat(timespec="milliseconds"),
            "level": level,
            "logger": f"trading.engine.part{number % 12}",
            "event": said[kind].lower().replace(" ", "_"),
            "correlation_id": f"{chance.getrandbits(64):016x}",
            "strategy_id": f"delta-strangle-{sessions - number * 28 // count:06}",
        }
        if number % 50_000 == 7:
            told["message"] = "The wire went quiet: a needle of a message"
        yield parse_line(json.dumps(told).encode(), source=1, position=number * 300, now=BEGAN)


def seed(data: Path, amounts: Amounts) -> dict[str, int]:
    """Fill an empty, migrated database; returns how many rows there are of what."""
    from django.db import connection

    from analytics.services import record_all

    asyncio.run(simulate(data))
    past = Past(amounts.sessions)
    past.write()
    write_present()
    total, counts = record_all()
    with tqdm(total=total, desc="snapshots") as bar:
        for done in counts:
            bar.update(done)
    if amounts.log_rows:
        write_logs(amounts.log_rows, amounts.sessions)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return counted()


def counted() -> dict[str, int]:
    """Rows by table."""
    from logviewer.models import BackendLog
    from trading.models import DecisionRecord, FillLedger, OrderLedger, PnlPoint, PositionLedger, StrategySession

    models: Sequence[Any] = (
        StrategySession,
        PositionLedger,
        OrderLedger,
        FillLedger,
        DecisionRecord,
        PnlPoint,
        BackendLog,
    )
    return {str(model._meta.verbose_name_plural): model.objects.count() for model in models}
