"""Rows as the services, the worker and the engine's store would write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import User
from trading.management.demo import DEMO_CONFIGURATION
from trading.models import (
    CommandStatus,
    EngineCommand,
    EngineLease,
    FillLedger,
    OrderLedger,
    PositionLedger,
    RuntimeSnapshot,
    SessionStatus,
    StrategySession,
    TradingConfiguration,
)
from trading.opening import open_session
from trading.services.configurations import create_configuration

ENTERED = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def user(role: str = "operator", email: str = "") -> User:
    """A signed-up user with ``role``."""
    made = User.objects.create_user(email or f"{role}@example.com", "correct horse battery")
    made.groups.add(Group.objects.get(name=role))
    return made


def configuration(name: str = "Demo", *, active: bool = True, **values: Any) -> TradingConfiguration:
    """A saved paper configuration, the active one unless told otherwise."""
    given = {**DEMO_CONFIGURATION, "name": name, **values}
    return create_configuration(actor=None, values={**given, "is_active": active}, source="command")


def session(of: TradingConfiguration | None = None) -> StrategySession:
    """An open session that waits."""
    return open_session(configuration=of or configuration(), started_by=None)


def closed_session(of: TradingConfiguration, strategy_id: str, **fields: Any) -> StrategySession:
    """A session of an hour that ended at a profit target."""
    given = {
        "status": SessionStatus.STOPPED,
        "phase": "closed",
        "mode": "paper",
        "activated_at": ENTERED,
        "deactivated_at": ENTERED + timedelta(hours=1),
        "exit_reason": "max_profit",
        "config_snapshot": {"contract_size": "0.001", "max_loss_pct": "40"},
        "pnl_summary": {"total_pnl": 5.5},
        "session_metadata": {"config_id": of.pk, "summary": {"exit_reason": "max_profit"}},
    }
    return StrategySession.objects.create(
        strategy_id=strategy_id, configuration=of, revision=of.revisions.get(), **{**given, **fields}
    )


def alive_engine(**payload: Any) -> RuntimeSnapshot:
    """A worker that holds the lease and has just published ``payload``."""
    now = timezone.now()
    EngineLease.objects.create(owner="host:1", fencing_token=1, expires_at=now + timedelta(seconds=5))
    return RuntimeSnapshot.objects.create(owner="host:1", sequence=1, payload=payload, updated_at=now)


def leg(of: StrategySession, side: str, **fields: Any) -> PositionLedger:
    """A leg of 100 contracts sold at 240 and bought back at 100."""
    given = {
        "symbol": f"{side[0].upper()}-BTC-80000-241126",
        "quantity": 100,
        "contract_size": Decimal("0.001"),
        "entry_price": Decimal(240),
        "exit_price": Decimal(100),
        "realized_pnl": Decimal("13.5"),
        "fees": Decimal("0.5"),
        "entry_time": ENTERED,
    }
    return PositionLedger.objects.create(session=of, leg=side, **{**given, **fields})


def order(of: StrategySession, client_order_id: str, side: str, price: str, symbol: str) -> OrderLedger:
    """An order of 100 contracts, filled in two parts of 60 and 40 at ``price``, each with 0.05 commission."""
    made = OrderLedger.objects.create(
        session=of,
        client_order_id=client_order_id,
        leg="call",
        purpose="entry" if side == "sell" else "exit",
        attempt=1,
        symbol=symbol,
        side=side,
        order_type="limit_order",
        time_in_force="ioc",
        quantity=100,
        price=Decimal(price),
        filled_quantity=100,
        fill_price=Decimal(price),
        status="closed",
        fencing_token=1,
        intended_at=ENTERED,
    )
    for part in (60, 40):
        FillLedger.objects.create(
            session=of,
            order=made,
            fill_id=f"{client_order_id}-{part}",
            symbol=symbol,
            side=side,
            quantity=part,
            price=Decimal(price),
            commission=Decimal("0.05"),
            filled_at=ENTERED,
        )
    return made


def settle(command: EngineCommand, *, ok: bool = True, **result: Any) -> None:
    """The engine's acknowledgement."""
    command.status = CommandStatus.DONE if ok else CommandStatus.FAILED
    command.result = result
    command.settled_at = timezone.now()
    command.save()


def close(of: StrategySession, exit_reason: str = "stopped") -> None:
    """What the engine's store writes when a session is over."""
    of.refresh_from_db()
    of.status, of.phase, of.exit_reason = SessionStatus.STOPPED, "closed", exit_reason
    of.deactivated_at = timezone.now()
    of.save()
