"""The account and its clock live in a file: they go on while nobody runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trading.strategy.types import Side
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.records import OrderState
from trading.venues.simulated.tests.support import SEED, SHARED_MARKET, START, limit, make_bench, market


class Wall:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def open_exchange(path: Path, wall: Wall, *, speed: float = 60.0) -> SimulatedExchange:
    """The account at ``path`` as a fresh process sees it."""
    config = SimulatedConfig(seed=SEED, start=START, speed=speed, path=str(path))
    return SimulatedExchange(config, market=SHARED_MARKET, wall=wall)


def test_venue_time_goes_on_while_no_process_runs(tmp_path: Path) -> None:
    wall = Wall()
    first = open_exchange(tmp_path / "deep" / "account.sqlite3", wall)
    assert first.now() == START
    wall.seconds += 2
    assert first.now() == START + timedelta(minutes=2)
    first.close()
    wall.seconds += 10
    second = open_exchange(tmp_path / "deep" / "account.sqlite3", wall)
    assert second.now() == START + timedelta(minutes=12)


def test_a_new_speed_applies_from_the_moment_of_reopening(tmp_path: Path) -> None:
    wall = Wall()
    open_exchange(tmp_path / "account", wall, speed=60).close()
    wall.seconds += 10
    faster = open_exchange(tmp_path / "account", wall, speed=600)
    assert faster.now() == START + timedelta(minutes=10)
    wall.seconds += 1
    assert faster.now() == START + timedelta(minutes=20)
    faster.close()
    assert open_exchange(tmp_path / "account", wall, speed=600).now() == START + timedelta(minutes=20)


def test_time_stands_still_rather_than_going_back(tmp_path: Path) -> None:
    wall = Wall()
    exchange = open_exchange(tmp_path / "account", wall)
    wall.seconds += 5
    before = exchange.now()
    wall.seconds -= 3
    assert exchange.now() == before


def test_what_was_accepted_is_on_disk_before_the_reply(tmp_path: Path) -> None:
    path = str(tmp_path / "account")
    bench = make_bench(path=path)
    bench.exchange.place(market(bench.call, Side.SELL, 10))
    order = bench.exchange.place(limit(bench.call, Side.BUY, 10, "0.1", client_order_id="rest", reduce_only=True))
    seen = SimulatedExchange(bench.exchange.config, ManualClock(bench.clock.now()), market=SHARED_MARKET)
    assert seen.truth() == bench.exchange.truth()
    assert seen.open_orders() == [order]


def test_two_processes_on_one_account_see_each_other(tmp_path: Path) -> None:
    path = str(tmp_path / "account")
    bench = make_bench(path=path)
    other = SimulatedExchange(bench.exchange.config, bench.clock, market=SHARED_MARKET)
    bench.exchange.place(market(bench.call, Side.SELL, 10))
    assert other.place(market(bench.call, Side.BUY, 99, reduce_only=True)).filled == 10
    assert bench.exchange.positions() == []


def test_orders_resting_while_nobody_ran_filled_as_if_watched(tmp_path: Path) -> None:
    watched, left_alone = make_bench(), make_bench(path=str(tmp_path / "account"))
    for bench in (watched, left_alone):
        bid = bench.quote(bench.call).bid
        assert bid is not None
        bench.exchange.place(limit(bench.call, Side.BUY, 500, bid - 3))
    for _ in range(240):
        watched.clock.advance(60)
        watched.exchange.catch_up()
    left_alone.exchange.close()
    clock = ManualClock(watched.clock.now())
    reopened = SimulatedExchange(left_alone.exchange.config, clock, market=SHARED_MARKET)
    assert watched.exchange.fills()
    assert reopened.fills() == watched.exchange.fills()


def test_a_settlement_missed_by_every_process_is_caught_up_at_opening(tmp_path: Path) -> None:
    bench = make_bench(path=str(tmp_path / "account"))
    bench.exchange.place(market(bench.call, Side.SELL, 10))
    bench.exchange.place(limit(bench.put, Side.BUY, 1, "0.1", client_order_id="late"))
    bench.exchange.close()
    clock = ManualClock(bench.call.settlement_at + timedelta(days=2))
    reopened = SimulatedExchange(bench.exchange.config, clock, market=SHARED_MARKET)
    assert reopened.positions() == []
    found = reopened.find(client_order_id="late")
    assert found is not None
    assert found.state is not OrderState.OPEN
    assert reopened.transactions()[-1].kind == "settlement"


def test_the_balance_is_deposited_once(tmp_path: Path) -> None:
    wall = Wall()
    for _ in range(3):
        exchange = open_exchange(tmp_path / "account", wall)
        assert exchange.truth().cash == Decimal(10_000)
        exchange.close()


def test_an_account_is_not_opened_on_another_market(tmp_path: Path) -> None:
    bench = make_bench(path=str(tmp_path / "account"))
    with pytest.raises(ValueError, match="opened with seed 7, not 8"):
        SimulatedExchange(replace(bench.exchange.config, seed=8), bench.clock)


@pytest.mark.parametrize(
    "change", [{"speed": 0.5}, {"speed": 601}, {"balance": Decimal(-1)}, {"start": START.replace(tzinfo=None)}]
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|cannot be"):
        SimulatedConfig(**change)  # type: ignore[arg-type]


def test_a_manual_clock_refuses_to_go_back() -> None:
    clock = ManualClock(START)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)


def test_an_order_reached_just_before_its_expiry_was_filled_even_if_nobody_looked_until_after() -> None:
    watched, left_alone = make_bench(), make_bench()
    for bench in (watched, left_alone):
        bid = bench.quote(bench.call).bid
        assert bid is not None
        bench.exchange.place(limit(bench.call, Side.BUY, 5, bid - 3))
    settlement = watched.call.settlement_at
    while watched.clock.now() < settlement - timedelta(minutes=10):
        watched.clock.advance(300)
        watched.exchange.catch_up()
    assert watched.exchange.fills()
    for bench in (watched, left_alone):
        bench.clock.set(settlement + timedelta(hours=1))
    assert left_alone.exchange.fills() == watched.exchange.fills()
    assert left_alone.exchange.truth().cash == watched.exchange.truth().cash


def test_liquidity_taken_stays_taken_after_reopening(tmp_path: Path) -> None:
    bench = make_bench(path=str(tmp_path / "account"))
    price, size = bench.exchange.market.depth(bench.call, bench.clock.now()).asks[0]
    assert bench.exchange.place(limit(bench.call, Side.BUY, size, price, ioc=True)).filled == size
    bench.exchange.close()
    reopened = SimulatedExchange(bench.exchange.config, bench.clock, market=SHARED_MARKET)
    assert reopened.place(limit(bench.call, Side.BUY, 1, price, ioc=True)).filled == 0
