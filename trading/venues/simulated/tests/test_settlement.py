"""Settlement at 17:30 IST on the 30-minute mean of the index."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from trading.strategy.types import Instrument, OptionType, Side
from trading.venues.simulated.records import ExchangeError, FillType, OrderState
from trading.venues.simulated.tests.support import Bench, limit, make_bench, market, option

LOT = Decimal("0.001")


@pytest.fixture
def bench() -> Bench:
    return make_bench()


def after_settlement(bench: Bench, instrument: Instrument) -> datetime:
    """Move the clock a minute past the settlement of ``instrument``."""
    return bench.clock.set(instrument.settlement_at + timedelta(minutes=1))


def test_options_in_the_money_are_paid_with_a_settlement_fill(bench: Bench) -> None:
    deep = option(bench.exchange, OptionType.CALL, 0.97).instrument
    bench.exchange.place(market(deep, Side.SELL, 10))
    cash = bench.exchange.truth().cash
    after_settlement(bench, deep)
    payoff = bench.exchange.market.twap("BTC", deep.settlement_at) - deep.strike
    assert payoff > 0
    truth = bench.exchange.truth()
    fill = truth.fills[-1]
    assert (fill.fill_type, fill.side, fill.size, fill.price) == (FillType.SETTLEMENT, Side.BUY, 10, payoff)
    assert len(fill.order_id) == 36
    assert fill.client_order_id == ""
    assert truth.positions == ()
    assert truth.cash == cash - payoff * 10 * LOT


def test_a_worthless_option_vanishes_without_a_fill_but_with_a_wallet_entry(bench: Bench) -> None:
    far = option(bench.exchange, OptionType.PUT, 0.02).instrument
    bench.exchange.place(market(far, Side.SELL, 10))
    before = bench.exchange.truth()
    after_settlement(bench, far)
    truth = bench.exchange.truth()
    assert truth.positions == ()
    assert truth.fills == before.fills
    assert truth.cash == before.cash
    assert (truth.transactions[-1].kind, truth.transactions[-1].amount) == ("settlement", 0)


def test_a_long_position_receives_the_payoff(bench: Bench) -> None:
    deep = option(bench.exchange, OptionType.PUT, 0.97).instrument
    bench.exchange.place(market(deep, Side.BUY, 4))
    cash = bench.exchange.truth().cash
    after_settlement(bench, deep)
    payoff = deep.strike - bench.exchange.market.twap("BTC", deep.settlement_at)
    assert bench.exchange.truth().cash == cash + payoff * 4 * LOT


def test_a_resting_order_dies_with_its_contract(bench: Bench) -> None:
    order = bench.exchange.place(limit(bench.call, Side.BUY, 1, "0.1"))
    after_settlement(bench, bench.call)
    assert bench.exchange.open_orders() == []
    found = bench.exchange.find(order_id=order.id)
    assert found is not None
    if found.filled == 0:
        assert (found.state, found.reason) == (OrderState.CANCELLED, "settlement")
        assert found.updated_at == int(bench.call.settlement_at.timestamp()) * 1_000_000


def test_an_expired_contract_is_gone(bench: Bench) -> None:
    after_settlement(bench, bench.call)
    assert bench.exchange.quote(bench.call.symbol) is None
    assert bench.call.symbol not in {row.instrument.symbol for row in bench.exchange.chain("BTC").rows}
    with pytest.raises(ExchangeError) as caught:
        bench.exchange.place(market(bench.call, Side.SELL, 1))
    assert caught.value.code == "invalid_contract"


def test_several_expiries_settle_in_order_after_a_long_absence(bench: Bench) -> None:
    chain = bench.exchange.chain("BTC").rows
    for expiry in sorted({row.instrument.settlement_at for row in chain})[:3]:
        row = next(
            row
            for row in chain
            if row.instrument.settlement_at == expiry and row.quote.delta is not None and 0.9 < row.quote.delta < 0.99
        )
        bench.exchange.place(market(row.instrument, Side.SELL, 2))
    bench.clock.advance(5 * 86_400)
    truth = bench.exchange.truth()
    settled = [entry.at for entry in truth.transactions if entry.kind == "settlement"]
    assert truth.positions == ()
    assert len(settled) == 3
    assert settled == sorted(settled)
