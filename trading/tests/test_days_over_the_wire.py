"""Simulated days again, with Delta's own protocol between the engine and the exchange.

A handful in every run; ``WIRE_SEEDS=1-200`` runs them all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from trading.tests.test_simulated_days import LIVE_SECONDS, PLANS, Plan, check_day, one_day
from trading.tests.wire_rig import WireRig
from trading.venues.delta_server.public_feed import CADENCES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(3600)]

# The same troubles, in the words of the wire.
FAULTS = {
    "a feed that freezes": "public_silent:after=3000,for=600; server_error:path=/v2/tickers,after=3000,for=600",
    "a put that is refused": "reject:leg=put,side=sell,code=insufficient_margin",
    "a chain that is empty": "server_error:path=/v2/tickers",
    "answers that get lost": (
        "timeout_after:nth=1; timeout_before:nth=4,method=POST,path=/v2/orders; partial:count=3,fraction=0.4"
    ),
}


HANDFUL = (4, 5, 9, 11, 12, 15)
"""Days that end early, and one that goes on to its exit time while answers get lost."""


def seeds() -> Sequence[int]:
    """Which days: ``WIRE_SEEDS`` (from-to), else a handful."""
    first, _, last = os.environ.get("WIRE_SEEDS", "").partition("-")
    return range(int(first), int(last or first) + 1) if first else HANDFUL


def plan_of(seed: int) -> tuple[str, Plan]:
    """The kind of day that a seed stands for, as in the days without a wire."""
    name = list(PLANS)[(seed - 1) % len(PLANS)]
    return name, replace(PLANS[name], faults=FAULTS.get(name, ""))


@pytest.mark.parametrize("seed", seeds())
async def test_a_day_over_the_wire(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whole chains in every step would be most of the work; books and marks come in every one.
    monkeypatch.setitem(CADENCES, "ticker", (60.0, None))
    name, plan = plan_of(seed)
    rig, session, watch, quantity = await one_day(seed, plan, WireRig)
    try:
        # An answer that is waited for takes its time, also across the instant of an exit.
        await check_day(rig, session, watch, quantity, late=timedelta(seconds=LIVE_SECONDS))
    except AssertionError as error:
        raise AssertionError(f"seed {seed} ({name}, ended by {session.exit_reason}): {error}") from error
    finally:
        await rig.close()
