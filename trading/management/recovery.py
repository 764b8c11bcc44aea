"""``manage.py recover``: reading what a venue remembers, planning what to bring back, and telling it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.engine.ownership import OrderOwner, order_owner
from trading.engine.ports import RecordKeeper, Venue, VenueOrder, VenueUnavailable
from trading.engine.rebuild import NotRebuilt, Trail, claims, rebuild, trails
from trading.management.delta_tool import columns
from trading.services.recovery import Restored
from trading.strategy.state import SessionState
from trading.strategy.types import Instrument, Position, StrategyParams


@dataclass(frozen=True, slots=True)
class Truth:
    """What a venue said at ``at``. ``trails`` are all sessions of ours in its record, oldest first."""

    at: datetime
    positions: tuple[Position, ...]
    resting: tuple[VenueOrder, ...]
    trails: tuple[Trail, ...]
    listed: dict[str, Instrument]


@dataclass(frozen=True, slots=True)
class Plan:
    """Sessions to write, oldest first; sessions that could not be rebuilt, with the reason; contracts that remain
    nobody's, by option.
    """

    sessions: tuple[Restored, ...]
    refused: tuple[tuple[str, str], ...]
    foreign: dict[str, int]

    @property
    def opened(self) -> SessionState | None:
        """The session that will be open."""
        return next((one.state for one in self.sessions if one.state.open), None)


async def read_truth(venue: Venue, params: StrategyParams, *, days: float) -> Truth:
    """Everything the venue remembers of the last ``days``. Raises VenueUnavailable: half a record is none."""
    if not isinstance(venue, RecordKeeper):
        raise VenueUnavailable(f"{venue.name} keeps no record of past orders")
    at = venue.now()
    since = at - timedelta(days=days)
    resting = await venue.resting_orders()
    past = await venue.past_orders(since)
    fills = await venue.executions(since)
    positions = await venue.positions()
    chain = await venue.chain(params.underlying)
    return Truth(
        at,
        tuple(positions),
        tuple(resting),
        trails([*past, *resting], fills),
        {row.instrument.symbol: row.instrument for row in chain.rows},
    )


def plan_of(truth: Truth, params: StrategyParams) -> Plan:
    """Rebuild every session, newest first, since the newest has the first claim on what the account holds; the newest
    that holds something is the open one.
    """
    sizes = {position.symbol: position.size for position in truth.positions}
    sessions: list[Restored] = []
    refused: list[tuple[str, str]] = []
    taken = False
    for trail in reversed(truth.trails):
        try:
            state = rebuild(trail, params, truth.listed, sizes, at=truth.at, may_be_open=not taken)
        except NotRebuilt as reason:
            refused.append((trail.strategy_id, str(reason)))
            continue
        sessions.append(Restored(trail, state))
        if state.open:
            taken, sizes = True, claims(state, sizes)
    return Plan(tuple(reversed(sessions)), tuple(refused), {s: size for s, size in sizes.items() if size})


def told(truth: Truth, plan: Plan) -> Iterator[str]:
    """The plan in words and tables."""
    counts = f"{len(truth.positions)} positions, {len(truth.resting)} resting orders"
    yield f"Read at {truth.at:%Y-%m-%d %H:%M:%S} UTC: {counts}"
    if plan.sessions:
        rows = [("session", "becomes", "orders", "fills", "holds")]
        rows += [_row(one, truth.at) for one in plan.sessions]
        yield columns(rows, right=frozenset({2, 3}))
    else:
        yield "No session of ours is in the venue's record."
    for strategy_id, reason in plan.refused:
        yield f"Not rebuilt: {strategy_id}: {reason}"
    for symbol, size in sorted(plan.foreign.items()):
        yield f"Nobody's: {size:+d} {symbol} stays foreign; ignore, flatten or adopt it on the live page"
    known = [one.state.strategy_id for one in plan.sessions if one.state.open]
    for order in truth.resting:
        if order_owner(order.client_order_id, known) is not OrderOwner.SESSION:
            name = order.client_order_id or "no client id"
            yield f"Nobody's: order {order.venue_order_id} ({name}), {order.side.value} {order.size} {order.symbol}"


def _row(one: Restored, at: datetime) -> tuple[str, str, str, str, str]:
    held = ", ".join(
        f"{-leg.held:+d} {leg.instrument.symbol}{' (expired)' if leg.expired(at) else ''}"
        for leg in one.state.legs
        if leg.held
    )
    phase = one.state.phase.value
    return (one.state.strategy_id, phase, str(len(one.trail.orders)), str(len(one.trail.fills)), held or "-")
