"""Two hundred simulated days, each run to its end through the engine, its store and the venue."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from trading.models import Lockout, OrderLedger, StrategySession
from trading.services.trading_mode import set_trading_mode
from trading.strategy.schedule import settlement_instant
from trading.strategy.types import ExitReason, Phase, Side
from trading.tests.rig import MORNING, Rig, ledger_cash

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SEEDS = range(1, 201)
STEP_SECONDS = 10
LIVE_SECONDS = 30
"""A step while nothing but the rules is at work."""
LOOSE = {"max_loss_pct": "1000", "max_profit_pct": "100"}
SETTLEMENT_WINDOW = timedelta(minutes=30)


@dataclass(frozen=True)
class Plan:
    """A kind of day: what is configured, what goes wrong, what the operator does, and how at least one of them ends."""

    expected: ExitReason
    changes: dict[str, Any] = field(default_factory=dict)
    faults: str = ""
    command: str = ""


PLANS = {
    "a stop on the loss": Plan(ExitReason.MAX_LOSS, {"max_loss_pct": "8"}),
    "a target": Plan(ExitReason.MAX_PROFIT, {"max_profit_pct": "5", "max_loss_pct": "1000"}),
    "a trailing ladder": Plan(
        ExitReason.TRAILING_SL,
        {**LOOSE, "trailing_sl_enabled": True, "trailing_rules": {"0.02": 0.0, "0.05": 0.03, "0.10": 0.08}},
    ),
    "a stop per leg": Plan(ExitReason.LEG_STOP, {**LOOSE, "leg_stop_multiple": "1.1"}),
    "a stop on the underlying": Plan(ExitReason.UNDERLYING_STOP, {**LOOSE, "underlying_stop_pct": "0.3"}),
    "a stop on the delta": Plan(ExitReason.DELTA_STOP, {**LOOSE, "delta_stop": "0.08"}),
    "an exit time": Plan(ExitReason.TIME_EXIT, LOOSE),
    "an expiry today": Plan(
        ExitReason.SETTLEMENT_GUARD, {**LOOSE, "days_to_expiry": 0, "exit_time_ist": "17:20", "delta_range_low": "0.04"}
    ),
    "a feed that freezes": Plan(ExitReason.STALE_DATA, LOOSE, faults="stale:after=3000,for=600"),
    "a daily loss limit": Plan(ExitReason.DAILY_LOSS, {**LOOSE, "daily_loss_limit": "0.05"}),
    "a put that is refused": Plan(ExitReason.ENTRY_FAILED, faults="reject:leg=put,purpose=entry"),
    "a chain that is empty": Plan(ExitReason.NO_ENTRY, faults="no_chain"),
    "a panic": Plan(ExitReason.PANIC_CLOSE, LOOSE, command="panic"),
    "an operator's stop": Plan(ExitReason.STOPPED, LOOSE, command="stop"),
    "answers that get lost": Plan(
        ExitReason.TIME_EXIT, LOOSE, faults="timeout_after:nth=1; timeout_before:nth=4; partial:count=3,fraction=0.4"
    ),
}


class Watch:
    """Looks at the venue after every step: how much was outstanding at most."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.most = 0

    def look(self) -> None:
        """Contracts short plus contracts that resting sell orders could still add, per symbol."""
        resting = {o.symbol: o.size - o.filled for o in self.rig.exchange.open_orders() if o.side is Side.SELL}
        short = {p.symbol: -p.size for p in self.rig.exchange.positions()}
        for symbol in {*resting, *short}:
            self.most = max(self.most, short.get(symbol, 0) + resting.get(symbol, 0))


def until_next(rig: Rig) -> float:
    """Seconds to the next look: to the instant of the planned exit when that comes first."""
    planned = rig.engine.session.state.exit if rig.engine.session is not None else None
    left = (planned.exit_at - rig.clock.now()).total_seconds() if planned is not None else 0.0
    step = LIVE_SECONDS if rig.phase == Phase.LIVE else STEP_SECONDS
    return min(step, left) if left > 0 else step


async def one_day(seed: int, plan: Plan, kind: type[Rig] = Rig) -> tuple[Rig, StrategySession, Watch, int]:
    """Run one day to its end, on a rig of this kind."""
    dice = random.Random(seed)
    underlying, contract_size = dice.choice([("BTC", "0.001"), ("BTC", "0.001"), ("ETH", "0.01")])
    quantity = dice.choice([1, 3, 10, 40, 250])
    rig = kind(seed=seed, start=MORNING + timedelta(minutes=dice.randrange(0, 5)), faults=plan.faults)
    asked_at = MORNING + timedelta(minutes=dice.randrange(6, 300))
    session = await rig.start(
        now=False,
        name=f"day {seed}",
        underlying=underlying,
        contract_size=contract_size,
        quantity=quantity,
        **plan.changes,
    )
    watch = Watch(rig)
    asked = False
    while rig.engine.session is not None:
        await rig.step(until_next(rig))
        watch.look()
        if plan.command and not asked and rig.clock.now() >= asked_at:
            asked = bool(await rig.ask(plan.command))
        assert rig.clock.now() < MORNING + timedelta(days=1), f"seed {seed} never ends: {rig.phase}"
    await session.arefresh_from_db()
    # The days share one date, and a lockout would go on into the next.
    await Lockout.objects.all().adelete()
    if plan.command == "panic":
        await sync_to_async(set_trading_mode)(
            actor=None, mode="active", reason="the next day", confirm="RESUME", source="command"
        )
    return rig, session, watch, quantity


async def check_day(
    rig: Rig, session: StrategySession, watch: Watch, quantity: int, *, late: timedelta = timedelta(0)
) -> None:
    """What must hold for every day, however it ended; a time exit may be ``late`` by so much."""
    assert [p for p in rig.exchange.positions() if p.size] == []
    assert rig.exchange.open_orders() == []
    assert watch.most <= quantity
    change = rig.exchange.balance().cash - rig.opening_cash
    assert await ledger_cash(session) == change
    legs = [leg async for leg in session.positions.all()]
    assert all(leg.open_quantity == 0 for leg in legs)
    realised = sum((leg.realized_pnl or Decimal(0) for leg in legs), Decimal(0))
    assert realised.quantize(Decimal("0.01")) == change.quantize(Decimal("0.01"))
    assert Decimal(str(session.pnl_summary["realized"])).quantize(Decimal("0.01")) == change.quantize(Decimal("0.01"))
    ours = {o.client_order_id async for o in OrderLedger.objects.filter(session=session)}
    assert {o.client_order_id for o in rig.exchange.orders()} <= ours
    if legs:
        settles = settlement_instant(datetime.strptime(legs[0].symbol[-6:], "%d%m%y").date())  # noqa: DTZ007
        assert session.deactivated_at is not None
        assert session.deactivated_at <= settles - SETTLEMENT_WINDOW
    if session.exit_reason == ExitReason.TIME_EXIT:
        decided = datetime.fromisoformat(session.session_metadata["exit"]["exit_triggered_at"])
        planned = datetime.fromisoformat(session.session_metadata["schedule"]["planned_exit_at"])
        assert timedelta(0) <= decided - planned <= late


@pytest.mark.parametrize("name", list(PLANS))
async def test_every_day_with(name: str) -> None:
    plan = PLANS[name]
    first = list(PLANS).index(name)
    ends = set()
    for seed in SEEDS[first :: len(PLANS)]:
        rig, session, watch, quantity = await one_day(seed, plan)
        try:
            await check_day(rig, session, watch, quantity)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} ({name}, ended by {session.exit_reason}): {error}") from error
        finally:
            await rig.close()
        ends.add(session.exit_reason)
    assert plan.expected.value in ends
