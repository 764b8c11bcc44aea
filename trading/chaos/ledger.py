"""The database of one run, from the driver's side: made, asked of, read. Called in a thread of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from django.db import connections
from django.utils import timezone

from deltastrangle.exceptions import ApplicationError
from trading.chaos.evidence import LedgerBook, LedgerFill, LedgerOrder, LedgerSession, LedgerSettlement
from trading.chaos.plan import Plan
from trading.models import EngineLease, FillLedger, OrderLedger, SessionStatus, SettlementLedger, StrategySession
from trading.services.configurations import create_configuration
from trading.services.control import request_control

T = TypeVar("T")
NAME = "ledger.sqlite3"


class RunLedger:
    """One run's database. Every method may be called from any thread, one at a time."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._path = folder / NAME
        shutil.copyfile(template, self._path)

    def begin(self, plan: Plan) -> None:
        """Save the configuration and ask for a session of it, now."""

        def ask() -> None:
            configuration = create_configuration(actor=None, values=dict(plan.configuration), source="command")
            request_control(actor=None, action="start", configuration_id=configuration.pk, now=True, source="command")

        self._with(ask)

    def ask(self, action: str) -> str:
        """Ask the engine something as the operator at the machine; the refusal, or empty."""

        def ask() -> str:
            try:
                request_control(actor=None, action=action, now=True, reason="chaos", source="command")
            except ApplicationError as refusal:
                return refusal.detail
            return ""

        return self._with(ask)

    def lapse(self) -> None:
        """Let the lease of a dead worker run out."""
        past = timezone.now() - timedelta(seconds=1)
        self._with(lambda: EngineLease.objects.update(expires_at=past))

    def is_open(self) -> bool:
        """Whether a session is open."""
        return self._with(lambda: StrategySession.objects.filter(status=SessionStatus.RUNNING).exists())

    def read(self) -> LedgerBook:
        """All that matters for the verdict."""
        return self._with(_read)

    def _with(self, call: Callable[[], T]) -> T:
        connections.settings["default"]["NAME"] = str(self._path)
        try:
            return call()
        finally:
            connections.close_all()


def _read() -> LedgerBook:
    sessions = StrategySession.objects.select_related("revision").prefetch_related("positions", "decisions")
    fills = FillLedger.objects.select_related("order").order_by("id")
    return LedgerBook(
        sessions=tuple(_session(row) for row in sessions.order_by("id")),
        orders={
            row.client_order_id: LedgerOrder(row.quantity, row.filled_quantity, row.status)
            for row in OrderLedger.objects.only("client_order_id", "quantity", "filled_quantity", "status")
        },
        fills=tuple(
            LedgerFill(f.fill_id, f.order.client_order_id, f.symbol, f.side, f.quantity, f.price, f.commission)
            for f in fills
        ),
        settlements=tuple(
            LedgerSettlement(row.symbol, row.quantity, row.price) for row in SettlementLedger.objects.order_by("id")
        ),
    )


def _session(row: StrategySession) -> LedgerSession:
    legs = list(row.positions.all())
    return LedgerSession(
        strategy_id=row.strategy_id,
        status=row.status,
        phase=row.phase,
        exit_reason=row.exit_reason,
        realised=sum((leg.realized_pnl or Decimal(0) for leg in legs), Decimal(0)),
        open_contracts=sum(leg.open_quantity for leg in legs),
        naked_budget=float(row.revision.values["naked_leg_seconds"]),
        entered=row.activated_at is not None,
        said=frozenset(line.kind for line in row.decisions.all()),
        hash=row.decision_hash,
        decisions=row.decision_count,
    )
