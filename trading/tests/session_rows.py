"""A finished session with everything its page shows: orders, fills, legs, decisions and P&L over time."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

from trading.models import (
    DecisionRecord,
    FillLedger,
    OrderLedger,
    PnlPoint,
    PositionLedger,
    SessionStatus,
    StrategySession,
    TradingConfiguration,
)
from trading.tests.factories_control import ENTERED

LEGS = (("call", "C-BTC-80800-050926", "241.6", "148.2"), ("put", "P-BTC-78000-050926", "223.9", "140.5"))
COMMISSION = Decimal("0.27154")


def finished_session(of: TradingConfiguration, strategy_id: str = "delta-strangle-20261123040000") -> StrategySession:
    """Both legs sold and bought back; credits 46.55, debits 28.87, four commissions of 0.27154: net 16.59384."""
    revision = of.revisions.get()
    net = Decimal("46.55") - Decimal("28.87") - 4 * COMMISSION
    made = StrategySession.objects.create(
        strategy_id=strategy_id,
        configuration=of,
        revision=revision,
        status=SessionStatus.STOPPED,
        phase="closed",
        mode="paper",
        activated_at=ENTERED,
        deactivated_at=ENTERED + timedelta(hours=2, minutes=14),
        exit_reason="trailing_sl",
        config_snapshot=revision.values,
        pnl_summary={
            "total_pnl": float(net),
            "total_pnl_pct": 35.65,
            "notional": 46.55,
            "fees": float(4 * COMMISSION),
            "pnl_before_fees": 17.68,
            "realized": float(net),
            "unrealized": 0.0,
            "max_profit_seen": 19.2,
            "max_drawdown_seen": 3.1,
            "trailing_level_pct": 15,
            "spot": {"entry": 79390.0, "exit": 79610.5, "low": 79105.5, "high": 79720.0},
        },
    )
    for leg, symbol, sold, bought in LEGS:
        _leg(made, leg, symbol, Decimal(sold), Decimal(bought))
    decisions_of(made)
    _points(made)
    return made


def _leg(of: StrategySession, leg: str, symbol: str, sold: Decimal, bought: Decimal) -> None:
    PositionLedger.objects.create(
        session=of,
        leg=leg,
        symbol=symbol,
        quantity=100,
        contract_size=Decimal("0.001"),
        entry_price=sold,
        exit_price=bought,
        realized_pnl=(sold - bought) / 10 - 2 * COMMISSION,
        fees=2 * COMMISSION,
        entry_time=ENTERED,
        exit_time=ENTERED + timedelta(hours=2, minutes=14),
    )
    for purpose, side, price in (("entry", "sell", sold), ("exit", "buy", bought)):
        _order(of, leg, symbol, purpose, side, price)


def _order(of: StrategySession, leg: str, symbol: str, purpose: str, side: str, price: Decimal) -> None:
    at = ENTERED if purpose == "entry" else ENTERED + timedelta(hours=2, minutes=14)
    order = OrderLedger.objects.create(
        session=of,
        client_order_id=f"{of.pk}-{leg}-{purpose}-1",
        leg=leg,
        purpose=purpose,
        attempt=1,
        symbol=symbol,
        side=side,
        order_type="limit_order",
        time_in_force="ioc",
        reduce_only=purpose == "exit",
        quantity=100,
        price=price,
        filled_quantity=100,
        fill_price=price,
        status="closed",
        fencing_token=1,
        intended_at=at,
    )
    FillLedger.objects.create(
        session=of,
        order=order,
        fill_id=f"f-{order.client_order_id}",
        symbol=symbol,
        side=side,
        quantity=100,
        price=price,
        commission=COMMISSION,
        role="taker",
        filled_at=at,
    )


def decisions_of(of: StrategySession) -> None:
    """Four lines of the feed, the last one a warning."""
    lines = (
        ("info", "Sold Δ 0.12 / −0.13 of 43 strikes; 6 refused by spread"),
        ("info", "Both legs filled in 0.3 s; slippage −0.4 per contract"),
        ("info", "Trailing level raised to +10 %; peak +30.1 %"),
        ("warning", "Quote of the put was 4 s old; rules waited"),
    )
    for minute, (level, message) in enumerate(lines):
        DecisionRecord.objects.create(
            session=of, at=ENTERED + timedelta(minutes=17 * minute), kind="note", level=level, message=message
        )


def _points(of: StrategySession) -> None:
    PnlPoint.objects.bulk_create(
        PnlPoint(
            session=of,
            at=ENTERED + timedelta(seconds=67 * step),
            net=Decimal(str(round(0.138 * step, 4))),
            gross=Decimal(str(round(0.15 * step, 4))),
            net_pct=Decimal(str(round(0.297 * step - 6 * math.sin(step / 9), 4))),
            level_pct=Decimal(15) if step > 80 else None,
            spot=Decimal("79400.5"),
        )
        for step in range(120)
    )
