"""A command about the account that cannot be settled at once is settled later, and done once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from trading.models import EngineCommand
from trading.services import positions
from trading.store import DjangoStore
from trading.tests.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A worker without a session."""
    made = Scene()
    await made.step()
    yield made
    await made.close()


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first two commands settled find the database locked; their ids."""
    real, ids = DjangoStore.settle_command, list[int]()

    async def settle(self: DjangoStore, command_id: int, **given: Any) -> None:
        if len(ids) < 2:
            ids.append(command_id)
            raise OperationalError("database is locked")
        await real(self, command_id, **given)

    monkeypatch.setattr(DjangoStore, "settle_command", settle)
    return ids


async def until_settled(scene: Scene, command_id: int) -> EngineCommand:
    """The command, at the latest after some looks."""
    for _ in range(10):
        scene.engine.wake()
        await scene.step()
    return await EngineCommand.objects.aget(pk=command_id)


async def short(scene: Scene) -> str:
    """An option that somebody sold by hand, and that the engine has read."""
    rows = scene.exchange.chain("BTC").rows
    symbol = next(r.instrument.symbol for r in rows if r.quote.ask and r.quote.ask > 50 and r.quote.bid)
    scene.venue.seed_position(symbol, -5, Decimal("123.4"))
    scene.engine.desk.read()
    await scene.engine.desk.finish()
    return symbol


async def test_a_reading_is_settled_once_the_database_lets_it(
    scene: Scene, failed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    answer = await sync_to_async(positions.read_account)(actor=None, source="command", mode="paper")
    command = await until_settled(scene, answer.command_id or 0)
    assert (command.status, failed) == ("done", [command.pk] * 2)
    told = [record for record in caplog.records if getattr(record, "event", "") == "command_not_settled"]
    assert [bool(record.exc_info) for record in told] == [True] * 2


async def test_a_position_is_flattened_once_although_settling_failed(scene: Scene, failed: list[int]) -> None:
    symbol = await short(scene)
    answer = await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="paper", symbol=symbol, confirm=symbol
    )
    command = await until_settled(scene, answer.command_id or 0)
    assert (command.status, command.result["filled"]) == ("done", 5)
    assert failed == [command.pk] * 2
    assert [order.size for order in scene.sent] == [5]
    assert scene.exchange.positions() == []


async def test_the_next_worker_asks_about_what_was_sent_and_settles_it(scene: Scene, failed: list[int]) -> None:
    symbol = await short(scene)
    answer = await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="paper", symbol=symbol, confirm=symbol
    )
    scene.engine.wake()
    await scene.step()
    assert failed
    await scene.restart()
    command = await until_settled(scene, answer.command_id or 0)
    assert (command.status, command.result["filled"]) == ("done", 5)
    assert [order.size for order in scene.sent] == [5]


async def test_a_list_of_commands_that_was_read_earlier_does_not_have_one_done_again(scene: Scene) -> None:
    symbol = await short(scene)
    await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="paper", symbol=symbol, confirm=symbol
    )
    (command,) = await scene.store.pending_commands()
    scene.engine.wake()
    await scene.step()
    assert await scene.store.pending_commands() == []
    scene.venue.seed_position(symbol, -5, Decimal("123.4"))
    assert scene.engine.desk.obey(command)
    await scene.engine.desk.finish()
    assert len(scene.sent) == 1
