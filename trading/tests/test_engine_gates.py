"""The choke point in a whole engine: trading mode, lockouts and health gates stop entries and never exits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from trading.engine.gates import GateRule, Gates
from trading.engine.orders import entry_refusal
from trading.engine.ports import VenueHealth
from trading.engine.runtime import Engine
from trading.engine.watch import Watch
from trading.models import Alert, OrderLedger, RuntimeSnapshot, StrategySession
from trading.services.control import set_trading_mode
from trading.strategy.types import OptionType, OrderIntent, OrderType, Phase, Purpose, Side, TimeInForce
from trading.tests.rig import Rig
from trading.venues.simulated.venue import SimulatedVenue

pytestmark = pytest.mark.django_db(transaction=True)
RULES = (
    GateRule("venue_latency", "Venue latency", "ms", close=2000, reopen=1000),
    GateRule("rejects", "Rejected orders", "in 5 min", close=3, reopen=1),
)


class FeltVenue(SimulatedVenue):
    """The simulated venue with a feeling that the test sets."""

    feels = VenueHealth(True)

    def health(self) -> VenueHealth:
        """What the test said."""
        return self.feels


def new_watch() -> Watch:
    """A watch that has seen nothing yet."""
    return Watch(Gates(RULES, hold_seconds=3.0), outage_seconds=5.0)


class GatedRig(Rig):
    """A rig whose engine has gates; it publishes at every look, and a wall second passes at every step."""

    def __init__(self) -> None:
        self.watch = new_watch()
        super().__init__()
        self.venue = FeltVenue(self.exchange, self.faults)
        self.engine = self.new_engine()

    def new_engine(self, owner: str = "rig", venue: SimulatedVenue | None = None) -> Engine:
        """An engine with the watch."""
        made = super().new_engine(owner, venue)
        return Engine(
            store=made.store,
            venue_for=lambda _mode: venue or self.venue,
            owner=owner,
            settings=replace(made.settings, publish_seconds=0),
            wall=lambda: next(self.ticks) * 0.2,
            watch=self.watch,
        )

    async def restart(self, owner: str = "rig") -> None:
        """Another worker, which remembers neither gates nor outages."""
        assert self.engine.session is not None
        self.engine.session.abandon()
        self.watch = new_watch()
        self.venue = FeltVenue(self.exchange, self.faults)
        self.engine = self.new_engine(owner)
        await self.step(0)

    def feel(self, **changes: float) -> None:
        """How the venue feels from now on."""
        FeltVenue.feels = replace(VenueHealth(True), **changes)  # type: ignore[arg-type]

    async def told(self) -> list[str]:
        """Kinds of all alerts so far, oldest first."""
        await self.store.board.settled()
        return [alert.kind async for alert in Alert.objects.order_by("id")]


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[GatedRig]:
    """A fresh engine at 09:25 IST."""
    made = GatedRig()
    made.feel()
    yield made
    await made.close()


async def test_a_closed_gate_keeps_the_session_waiting_and_says_why(rig: GatedRig) -> None:
    rig.feel(round_trip_p99_ms=2500.0)
    session = await rig.start()
    for _ in range(20):
        await rig.step()
    assert rig.phase is Phase.SELECTING
    assert not await OrderLedger.objects.aexists()
    said = [line.message async for line in session.decisions.filter(kind="selection_refused")]
    assert "Venue latency 2,500 ms, it closes at or above 2,000 ms" in said[0]
    assert "gate_closed" in await rig.told()
    snapshot = await RuntimeSnapshot.objects.aget()
    assert [(gate["name"], gate["closed"]) for gate in snapshot.payload["gates"]] == [
        ("venue_latency", True),
        ("rejects", False),
    ]


async def test_entries_go_on_when_the_gate_opens_again(rig: GatedRig) -> None:
    rig.feel(round_trip_p99_ms=2500.0)
    await rig.start(max_hold_minutes=5)
    for _ in range(5):
        await rig.step()
    assert rig.phase is Phase.SELECTING
    rig.feel(round_trip_p99_ms=900.0)
    await rig.until_live()
    told = await rig.told()
    assert told.index("gate_closed") < told.index("gate_opened") < told.index("entered")
    closed = await Alert.objects.aget(kind="gate_closed")
    assert closed.acknowledged_at is not None


async def test_exits_go_on_behind_a_closed_gate(rig: GatedRig) -> None:
    session = await rig.start(max_hold_minutes=5)
    await rig.until_live()
    rig.feel(round_trip_p99_ms=9999.0)
    await rig.until_closed(seconds=5)
    await session.arefresh_from_db()
    assert session.exit_reason == "time_exit"
    assert rig.watch.gates.refusal()
    assert await OrderLedger.objects.filter(purpose="exit", filled_quantity=10).acount() == 2


async def test_orders_that_the_venue_rejects_close_a_gate(rig: GatedRig) -> None:
    rig.faults.inject("reject:purpose=entry,code=unavailable")
    await rig.start()
    await rig.run(lambda: bool(rig.watch.gates.refusal()) or rig.phase is Phase.CLOSED)
    assert "Rejected orders" in rig.watch.gates.refusal()
    assert "gate_closed" in await rig.told()


async def test_an_outage_is_told_and_so_is_its_end(rig: GatedRig) -> None:
    await rig.start(max_hold_minutes=60)
    await rig.until_live()
    FeltVenue.feels = VenueHealth(False, "socket closed")
    for _ in range(20):
        await rig.step()
    rig.feel()
    for _ in range(5):
        await rig.step()
    told = await rig.told()
    assert told[-2:] == ["venue_away", "venue_back"]
    away = await Alert.objects.aget(kind="venue_away")
    assert (away.severity, away.count, away.acknowledged_at is None) == ("critical", 1, False)


async def test_what_was_wrong_when_a_worker_ended_is_closed_by_the_next_and_told_when_it_comes_again(
    rig: GatedRig,
) -> None:
    await rig.start(max_hold_minutes=60)
    await rig.until_live()
    known = len(await rig.told())
    for _ in range(2):
        FeltVenue.feels = VenueHealth(False, "socket closed", round_trip_p99_ms=2500.0)
        for _ in range(20):
            await rig.step()
        await rig.told()
        rig.feel()
        await rig.restart()
        for _ in range(5):
            await rig.step()
    assert (await rig.told())[known:] == ["gate_closed", "venue_away", "venue_back"] * 2
    assert not await Alert.objects.filter(kind__in=["gate_closed", "venue_away"], acknowledged_at=None).aexists()


async def test_an_entry_asks_for_the_trading_mode_of_this_moment(rig: GatedRig) -> None:
    """Halted while the chain was being read, before the engine's next look at the mode: nothing is sold."""
    chain, place = rig.venue.chain, rig.venue.place
    sent: list[OrderIntent] = []

    async def halting(underlying: str) -> object:
        await sync_to_async(set_trading_mode)(actor=None, mode="halted", source="command")
        return await chain(underlying)

    async def watched(order: OrderIntent) -> object:
        sent.append(order)
        return await place(order)

    rig.venue.chain, rig.venue.place = halting, watched  # type: ignore[method-assign, assignment]
    session = await rig.start(max_hold_minutes=5)
    await rig.run(lambda: rig.engine.session is None)
    assert sent == []
    refused = [order.detail async for order in OrderLedger.objects.filter(session=session, status="rejected")]
    assert refused
    assert all("the trading mode is halted" in detail for detail in refused)


def intent(purpose: Purpose, *, reduce_only: bool) -> OrderIntent:
    """An order of one contract."""
    return OrderIntent(
        client_order_id="ds1-CE-e1",
        leg=OptionType.CALL,
        purpose=purpose,
        attempt=1,
        symbol="C-BTC-80000-050926",
        product_id=1,
        side=Side.SELL if purpose is Purpose.ENTRY else Side.BUY,
        size=1,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal(100),
        reduce_only=reduce_only,
    )


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        ("active", {"entry", "exit", "unwind", "plain close"}),
        ("stop_entries", {"exit", "unwind", "plain close"}),
        ("reduce_only", {"exit", "unwind"}),
        ("halted", {"exit", "unwind"}),
    ],
)
def test_each_trading_mode_lets_through(mode: str, sent: set[str]) -> None:
    orders = {
        "entry": intent(Purpose.ENTRY, reduce_only=False),
        "exit": intent(Purpose.EXIT, reduce_only=True),
        "unwind": intent(Purpose.UNWIND, reduce_only=True),
        "plain close": intent(Purpose.EXIT, reduce_only=False),
    }
    assert {name for name, order in orders.items() if not entry_refusal(order, mode)} == sent


@pytest.mark.parametrize("mode", ["stop_entries", "reduce_only", "halted"])
async def test_a_session_is_closed_in_every_mode_and_none_is_entered(rig: GatedRig, mode: str) -> None:
    session = await rig.start(max_hold_minutes=5)
    await rig.until_live()
    await sync_to_async(set_trading_mode)(actor=None, mode=mode, source="command")
    await rig.until_closed(seconds=5)
    await session.arefresh_from_db()
    assert session.exit_reason == "time_exit"
    assert await StrategySession.objects.acount() == 1
