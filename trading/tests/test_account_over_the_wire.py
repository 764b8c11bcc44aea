"""Foreign positions at the exchange, through its protocol: read, flattened and adopted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from trading.models import AccountReading, EngineCommand
from trading.selectors.positions import account_view
from trading.services import positions
from trading.strategy.types import Phase
from trading.tests.wire_rig import WireRig

pytestmark = pytest.mark.django_db(transaction=True)
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}


@pytest.fixture
async def rig() -> AsyncIterator[WireRig]:
    made = WireRig()
    yield made
    await made.close()


async def ask(rig: WireRig, service: Callable[..., Any], **given: Any) -> EngineCommand:
    """An operator's wish, carried out by the engine."""
    answer = await sync_to_async(service)(actor=None, source="command", mode="paper", **given)
    rig.engine.wake()
    for _ in range(60):
        await rig.step()
        command = await EngineCommand.objects.aget(pk=answer.command_id or 0)
        if command.status != "pending":
            return command
    raise AssertionError(f"{service.__name__} was not settled")


async def live_with_foreign(rig: WireRig, size: int) -> str:
    """A live session whose call strike somebody trades by hand; the symbol."""
    await rig.start(**CALM)
    await rig.until_live()
    assert rig.engine.session is not None
    symbol: str = rig.engine.session.state.legs[0].instrument.symbol
    rig.exchange.seed_position(symbol, size, Decimal("123.4"))
    await ask(rig, positions.read_account)
    return symbol


def held(rig: WireRig) -> dict[str, int]:
    return {row.symbol: row.size for row in rig.exchange.positions()}


async def test_it_flattens_the_foreign_part_alone(rig: WireRig) -> None:
    symbol = await live_with_foreign(rig, -4)
    command = await ask(rig, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert (command.status, command.result["filled"], held(rig)[symbol]) == ("done", 4, -10)
    assert sum(fill["size"] for fill in command.result["fills"]) == 4
    await rig.run(lambda: not rig.engine.session.state.mismatches, limit=120)  # type: ignore[union-attr]
    assert rig.phase is Phase.LIVE
    await rig.ask("stop")
    await rig.until_closed()
    assert held(rig) == {}


async def test_it_adopts_at_the_entry_price_the_exchange_reports(rig: WireRig) -> None:
    symbol = await live_with_foreign(rig, -4)
    reported = next(row.entry_price for row in rig.exchange.positions() if row.symbol == symbol)
    command = await ask(rig, positions.adopt_position, symbol=symbol)
    assert command.status == "done"
    assert Decimal(command.result["price"]) == pytest.approx(reported, abs=Decimal("0.001"))
    await rig.ask("stop")
    await rig.until_closed()
    assert held(rig) == {}


async def test_a_reading_that_fails_says_so_and_the_next_one_knows_again(rig: WireRig) -> None:
    symbol = await live_with_foreign(rig, -4)
    rig.wire.fault("server_error:path=/v2/positions")
    command = await ask(rig, positions.read_account)
    assert command.status == "failed"
    row = await AccountReading.objects.aget(mode="paper")
    assert row.error
    assert {found["symbol"] for found in row.positions} >= {symbol}
    rig.wire.server.faults.lift()
    assert (await ask(rig, positions.read_account)).status == "done"
    account = await sync_to_async(account_view)("paper")
    assert account.error == ""
    found = account.position(symbol)
    assert found is not None
    assert found.foreign == -4
