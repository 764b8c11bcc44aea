"""Session totals, legs, fills, analytics and the venue's cash agree to the cent, however a session ends.

A few simulated days by default, ``SIMULATED_DAYS=200`` for all of them.
"""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from analytics.models import SessionSnapshot
from analytics.selectors.history import history
from analytics.selectors.scope import Wish, scope_of
from analytics.selectors.sessions import attribution
from analytics.stats import cents
from trading.models import Lockout, StrategySession
from trading.tests.rig import MORNING, ledger_cash
from trading.tests.test_simulated_days import PLANS, SEEDS, one_day

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DAYS = int(os.environ.get("SIMULATED_DAYS", "5"))
NAMED = list(PLANS)
ZERO = Decimal(0)


def days() -> dict[str, list[int]]:
    """Seeds by the kind of their day: all kinds in turn; with few days, kinds that lie far apart."""
    if len(NAMED) > DAYS:
        stride = len(NAMED) // DAYS
        return {NAMED[place]: [SEEDS[place]] for place in range(0, stride * DAYS, stride)}
    return {name: list(SEEDS[first : DAYS : len(NAMED)]) for first, name in enumerate(NAMED)}


async def figures(session: StrategySession) -> dict[str, Decimal]:
    """What each ledger says that the session made."""
    await session.arefresh_from_db()
    snapshot = await SessionSnapshot.objects.aget(session=session)
    causes = attribution(snapshot)
    total = causes.pop("total")
    return {
        "session": Decimal(str(session.pnl_summary["realized"])),
        "legs": sum([leg.realized_pnl or ZERO async for leg in session.positions.all()], ZERO),
        "fills": await ledger_cash(session),
        "snapshot, by legs": snapshot.net,
        "snapshot, by fills": snapshot.cash,
        "causes": sum(causes.values(), ZERO),
        "all causes": total,
    }


@pytest.mark.parametrize("name", list(days()))
async def test_every_ledger_tells_what_the_venue_paid(name: str) -> None:
    paid = ZERO
    for seed in days()[name]:
        rig, session, _, _ = await one_day(seed, PLANS[name])
        try:
            change = rig.exchange.balance().cash - rig.opening_cash
            told = {what: cents(amount) for what, amount in (await figures(session)).items()}
        finally:
            await rig.close()
            # Every day is the same date to the venue: a lockout of one must not bind the next.
            await Lockout.objects.all().adelete()
        assert told == dict.fromkeys(told, cents(change)), f"seed {seed} ({name})"
        paid += change
    whole = await sync_to_async(everything)()
    traded = await SessionSnapshot.objects.filter(traded=True).acount()
    assert whole["metrics"]["trade_count"] == traded
    assert abs(whole["metrics"]["net_pnl"] - paid) < Decimal("0.005")
    assert cents(whole["attribution"]["total"]) == cents(whole["metrics"]["net_pnl"])
    assert whole["disagreements"] == 0
    assert whole["days"] == whole["metrics"]["net_pnl"] == whole["breakdown"]


def everything() -> dict[str, Any]:
    """Analytics over all the days, also summed by other ways."""
    found = history(scope_of(Wish(start=MORNING - timedelta(days=1), end=MORNING + timedelta(days=2))))
    return {
        "metrics": found.metrics,
        "attribution": found.attribution,
        "disagreements": found.status.disagreements,
        "days": sum((day.net for day in found.calendar), ZERO),
        "breakdown": sum((row["net_pnl"] for row in found.breakdowns["exit_reason"]), ZERO),
    }
