"""The request budget (§6): never exceeded, with a reserve for closes, and 429 obeyed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.venues.delta.limits import BudgetSpent, Priority, WeightBucket
from trading.venues.delta.tests.support import ManualTime

BUDGET, RESERVE, WINDOW = 100, 30, 300.0
REQUESTS = st.lists(
    st.tuples(st.sampled_from(list(Priority)), st.sampled_from([1, 3, 5, 10, 25]), st.floats(0, 60)), max_size=60
)


def bucket(time: ManualTime) -> WeightBucket:
    return WeightBucket(budget=BUDGET, reserve=RESERVE, window=WINDOW, mono=time.mono, sleep=time.sleep)


async def spend(
    limiter: WeightBucket, time: ManualTime, requests: Sequence[tuple[Priority, int, float]]
) -> list[tuple[float, int]]:
    granted = []
    for priority, weight, pause in requests:
        time.advance(pause)
        try:
            await limiter.acquire(weight, priority, max_wait=20.0)
        except BudgetSpent:
            continue
        granted.append((time.mono(), weight))
    return granted


@given(REQUESTS)
def test_no_window_ever_holds_more_than_the_budget(requests: list[tuple[Priority, int, float]]) -> None:
    time = ManualTime()
    granted = asyncio.run(spend(bucket(time), time, requests))
    for start, _ in granted:
        assert sum(weight for at, weight in granted if start <= at < start + WINDOW) <= BUDGET


@given(REQUESTS)
def test_the_reserve_is_always_there_for_closes(requests: list[tuple[Priority, int, float]]) -> None:
    time = ManualTime()
    limiter = bucket(time)
    others = [(max(priority, Priority.STOP), weight, pause) for priority, weight, pause in requests]

    async def run() -> None:
        await spend(limiter, time, others)
        before = time.elapsed
        await limiter.acquire(25, Priority.CLOSE, max_wait=0.0)
        await limiter.acquire(5, Priority.CANCEL, max_wait=0.0)
        assert time.elapsed == before

    asyncio.run(run())


async def test_what_a_close_must_read_may_use_half_of_the_reserve_and_no_more() -> None:
    limiter = bucket(ManualTime())
    await limiter.acquire(BUDGET - RESERVE, Priority.READ, max_wait=0)
    with pytest.raises(BudgetSpent):
        await limiter.acquire(1, Priority.READ, max_wait=0)
    await limiter.acquire(RESERVE // 2, Priority.TRUTH, max_wait=0)
    with pytest.raises(BudgetSpent):
        await limiter.acquire(1, Priority.TRUTH, max_wait=0)
    await limiter.acquire(RESERVE // 2, Priority.CLOSE, max_wait=0)


async def test_a_request_that_would_wait_too_long_is_refused_unsent() -> None:
    time = ManualTime()
    limiter = bucket(time)
    await limiter.acquire(70, Priority.READ, max_wait=0)
    with pytest.raises(BudgetSpent) as spent:
        await limiter.acquire(1, Priority.ENTRY, max_wait=299)
    assert spent.value.seconds == pytest.approx(300)
    assert limiter.used == 70
    await limiter.acquire(1, Priority.ENTRY, max_wait=301)
    assert limiter.used == 1


async def test_a_weight_beyond_the_budget_is_refused_at_once() -> None:
    with pytest.raises(BudgetSpent):
        await bucket(ManualTime()).acquire(BUDGET + 1, Priority.CLOSE, max_wait=1e9)


async def test_nothing_leaves_while_the_exchange_says_429() -> None:
    time = ManualTime()
    limiter = bucket(time)
    limiter.block(2.5)
    with pytest.raises(BudgetSpent):
        await limiter.acquire(5, Priority.CLOSE, max_wait=1)
    await limiter.acquire(5, Priority.CLOSE, max_wait=3)
    assert time.elapsed == pytest.approx(2.5)


async def test_what_others_spend_on_the_account_counts() -> None:
    limiter = bucket(ManualTime())
    await limiter.acquire(10, Priority.READ, max_wait=0)
    limiter.observe(65)
    assert limiter.used == 65
    limiter.observe(20)
    assert limiter.used == 65
    assert limiter.left == BUDGET - 65


async def test_the_more_important_of_those_waiting_goes_first() -> None:
    now = 0.0
    wake = asyncio.Event()

    async def sleep(_: float) -> None:
        await wake.wait()
        await asyncio.sleep(0)

    limiter = WeightBucket(budget=10, reserve=0, window=1.0, mono=lambda: now, sleep=sleep)
    await limiter.acquire(10, Priority.READ, max_wait=0)
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        await limiter.acquire(10, priority, max_wait=5)
        order.append(name)

    waiting = [asyncio.create_task(ask("entry", Priority.ENTRY)), asyncio.create_task(ask("close", Priority.CLOSE))]
    await asyncio.sleep(0)
    now = 2.0
    wake.set()
    await asyncio.wait_for(waiting[1], 1)
    now = 4.0
    await asyncio.wait_for(waiting[0], 1)
    assert order == ["close", "entry"]
