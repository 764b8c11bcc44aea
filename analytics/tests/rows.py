"""Closed sessions as the engine would have left them, in the amounts a test asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.models import StrategySession, TradingConfiguration
from trading.tests import factories_control as make

ENTERED = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Friday, 09:30 IST."""
FEES = Decimal("0.25")


def configuration(name: str = "Demo") -> TradingConfiguration:
    """A saved paper configuration."""
    return make.configuration(name, active=False)


def closed(
    of: TradingConfiguration,
    net: str,
    *,
    entered: datetime = ENTERED,
    hours: int = 2,
    traded: bool = True,
    **fields: Any,
) -> StrategySession:
    """A session with one call leg whose realised P&L, net of a fee of 0.25, is ``net``; its legs, orders and fills
    agree. It sold 100 contracts of 0.001 at 240 for a credit of 24.
    """
    number = StrategySession.objects.count() + 1
    ended = entered + timedelta(hours=hours)
    given = {
        "activated_at": entered,
        "deactivated_at": ended,
        "trading_day": (entered + timedelta(hours=5, minutes=30)).date(),
        "pnl_summary": {
            "realized": float(net) if traded else 0.0,
            "max_profit_seen": 5.0,
            "max_drawdown_seen": 1.5,
            "trailing_enabled": True,
            "trailing_level_pct": 10.0,
            "spot": {"entry": 79000.0, "exit": 79100.0},
        },
    }
    session = make.closed_session(of, f"delta-strangle-{number:04}", **{**given, **fields})
    if traded:
        _leg(session, Decimal(net), entered, ended)
    return session


def _leg(session: StrategySession, net: Decimal, entered: datetime, ended: datetime) -> None:
    bought = Decimal(240) - (net + FEES) * 10
    leg = make.leg(
        session,
        "call",
        exit_price=bought,
        realized_pnl=net,
        fees=FEES,
        entry_time=entered,
        exit_time=ended,
    )
    for side, price, at, purpose in (("sell", Decimal(240), entered, "e"), ("buy", bought, ended, "x")):
        order = session.orders.create(
            client_order_id=f"ds{session.pk}-CE-{purpose}1",
            order_id=f"{session.pk}{purpose}",
            leg="call",
            purpose="entry" if side == "sell" else "exit",
            attempt=1,
            symbol=leg.symbol,
            side=side,
            order_type="limit_order",
            time_in_force="ioc",
            quantity=100,
            price=price,
            decision_price=price,
            filled_quantity=100,
            fill_price=price,
            status="closed",
            fencing_token=1,
            intended_at=at,
        )
        session.fills.create(
            order=order,
            fill_id=f"f{order.client_order_id}",
            symbol=leg.symbol,
            side=side,
            quantity=100,
            price=price,
            commission=FEES / 2,
            filled_at=at,
        )
