"""Sessions rebuilt from what a venue remembers: orders and fills by client order id, and the positions of today. Pure.

Only what the venue says is used. What it does not say (the quotes of the decision, the index at the entry, the trailing
level that was reached, why a session closed) stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from trading.engine.ownership import order_name
from trading.engine.ports import VenueOrder
from trading.strategy.schedule import exit_plan, settlement_instant
from trading.strategy.state import LegState, OrderState, SessionState
from trading.strategy.types import (
    ExitReason,
    Fill,
    Instrument,
    OptionType,
    OrderIntent,
    Phase,
    Purpose,
    StrategyParams,
)

SYMBOL: Final = re.compile(r"(?P<kind>[CP])-(?P<underlying>[A-Z0-9]+)-(?P<strike>[0-9.]+)-(?P<day>[0-9]{6})\Z")
TICK: Final = Decimal("0.1")
COUNTERS: Final = {Purpose.ENTRY: "attempts", Purpose.STOP: "stop_attempts"}
"""Which number of a leg counts the orders of a purpose; every other one is an exit."""


class NotRebuilt(Exception):
    """What the venue shows of a session does not make one; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What the venue shows of one session: its orders and their fills, oldest first."""

    strategy_id: str
    orders: tuple[VenueOrder, ...]
    fills: tuple[Fill, ...]

    @property
    def began(self) -> datetime:
        """When its first order was accepted."""
        return min(order.created_at for order in self.orders)


def trails(orders: Iterable[VenueOrder], fills: Iterable[Fill]) -> tuple[Trail, ...]:
    """Orders and fills of ours by session, oldest session first; those of others are left out. A session of whose
    orders none is listed has no trail: its fills are older than what was read.
    """
    by_session: dict[str, dict[str, VenueOrder]] = {}
    for order in orders:
        if (name := order_name(order.client_order_id)) is not None:
            by_session.setdefault(name.strategy_id, {})[order.client_order_id] = order
    executed = {fill.fill_id: fill for fill in fills}
    found = []
    for strategy_id, ours in by_session.items():
        mine = [fill for fill in executed.values() if fill.client_order_id in ours]
        found.append(
            Trail(
                strategy_id,
                tuple(sorted(ours.values(), key=lambda order: (order.created_at, order.client_order_id))),
                tuple(sorted(mine, key=lambda fill: (fill.at, fill.fill_id))),
            )
        )
    return tuple(sorted(found, key=lambda trail: (trail.began, trail.strategy_id)))


def rebuild(
    trail: Trail,
    params: StrategyParams,
    listed: Mapping[str, Instrument],
    sizes: Mapping[str, int],
    *,
    at: datetime,
    may_be_open: bool = True,
) -> SessionState:
    """The session's state. ``sizes`` are the account's signed contracts that no later session claims; ``listed`` the
    instruments that still trade. With ``may_be_open`` False whatever it still holds is left to the operator. Contracts
    that expired unsold stay on its books when it may be open: the engine asks the venue what they settled at.

    Raises NotRebuilt when fills are missing, or the orders of a leg name more than one option.
    """
    legs = tuple(
        _leg(kind, mine, trail, params, listed)
        for kind in OptionType
        if (mine := [order for order in trail.orders if _kind(order) is kind])
    )
    claimed = tuple(
        leg if may_be_open and leg.expired(at) else _claim(leg, sizes.get(leg.instrument.symbol, 0)) for leg in legs
    )
    state = SessionState(
        strategy_id=trail.strategy_id,
        params=params,
        legs=claimed,
        entering_at=trail.began,
        selection_summary="Rebuilt from the venue's own record",
    )
    if not state.held and not state.unsettled:
        return replace(state, phase=Phase.CLOSED, closed_at=_last(trail))
    if not may_be_open:
        detail = "it still holds contracts at the venue, and another session is the open one"
        return replace(state, phase=Phase.CLOSED, closed_at=at, exit_reason=ExitReason.HANDED_OVER, exit_detail=detail)
    return _opened(state, trail)


def claims(state: SessionState, sizes: Mapping[str, int]) -> dict[str, int]:
    """The account's contracts that are left once this session has its own."""
    left = dict(sizes)
    for leg in state.legs:
        if leg.instrument.symbol in left:
            left[leg.instrument.symbol] += leg.held
    return left


def instrument_of(symbol: str, product_id: int, params: StrategyParams) -> Instrument:
    """An option that may no longer be listed, from its symbol; contract value and rates are those of the configuration.
    NotRebuilt for a symbol that is no option's, or of another underlying than the configuration's.
    """
    match = SYMBOL.match(symbol)
    if match is None:
        raise NotRebuilt(f"{symbol or 'an order without symbol'} is not an option")
    if match["underlying"] != params.underlying:
        raise NotRebuilt(f"{symbol} is not an option on {params.underlying}, which the configuration trades")
    return Instrument(
        symbol=symbol,
        product_id=product_id,
        underlying=params.underlying,
        option_type=OptionType.CALL if match["kind"] == "C" else OptionType.PUT,
        strike=Decimal(match["strike"]),
        settlement_at=settlement_instant(datetime.strptime(match["day"], "%d%m%y").replace(tzinfo=UTC).date()),
        tick_size=TICK,
        contract_value=params.contract_size,
    )


def _kind(order: VenueOrder) -> OptionType | None:
    name = order_name(order.client_order_id)
    return name.leg if name is not None else None


def _leg(
    kind: OptionType,
    orders: Sequence[VenueOrder],
    trail: Trail,
    params: StrategyParams,
    listed: Mapping[str, Instrument],
) -> LegState:
    symbols = sorted({order.symbol for order in orders})
    if len(symbols) != 1:
        raise NotRebuilt(f"the {kind.value} orders name {' and '.join(symbols)}")
    instrument = instrument_of(symbols[0], orders[0].product_id, params)
    leg = LegState(kind, listed.get(symbols[0], instrument), target=params.quantity)
    for order in orders:
        leg = leg.with_order(_order(order))
        purpose, number = _name(order)
        counter = COUNTERS.get(purpose, "exits")
        leg = replace(leg, **{counter: max(getattr(leg, counter), number)})
    for fill in trail.fills:
        leg = leg.booked(fill)
    short = [o for o in (*leg.orders, *leg.done) if o.booked < o.reported]
    if short:
        o = short[0]
        raise NotRebuilt(
            f"order {o.intent.client_order_id} is filled with {o.reported} contracts, of which {o.booked} are listed; "
            "read further back with --days, or try again in a minute"
        )
    return replace(leg, target=leg.entry_size or params.quantity)


def _name(order: VenueOrder) -> tuple[Purpose, int]:
    name = order_name(order.client_order_id)
    if name is None:
        raise NotRebuilt(f"order {order.client_order_id} is not ours")
    return name.purpose, name.number


def _order(order: VenueOrder) -> OrderState:
    purpose, number = _name(order)
    leg = _kind(order) or OptionType.CALL
    intent = OrderIntent(
        client_order_id=order.client_order_id,
        leg=leg,
        purpose=purpose,
        attempt=number,
        symbol=order.symbol,
        product_id=order.product_id,
        side=order.side,
        size=order.size,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        limit_price=order.limit_price,
        reduce_only=order.reduce_only,
    )
    return OrderState(
        intent,
        order.created_at,
        status=order.status,
        venue_order_id=order.venue_order_id,
        reported=order.filled,
        average_price=order.average_price,
    )


def _claim(leg: LegState, size: int) -> LegState:
    """The leg with what the account still shows of it; what it no longer shows was settled or closed elsewhere."""
    owned = min(leg.held, max(-size, 0))
    gone = leg.held - owned
    return replace(leg, external=gone, baseline=size + owned if owned else 0)


def _opened(state: SessionState, trail: Trail) -> SessionState:
    """Live when both legs hold the same and no exit was begun; else closing what is left, and saying so."""
    settlement = state.legs[0].instrument.settlement_at
    entered = [fill.at for fill in trail.fills if fill.side.value == "sell"]
    state = replace(
        state,
        exit=exit_plan(state.params, entered_at=trail.began, settlement_at=settlement),
        live_at=max(entered, default=trail.began),
    )
    held = {leg.held for leg in state.legs}
    begun = any(_name(order)[0] is Purpose.EXIT for order in trail.orders)
    entering = any(order.intent.purpose is Purpose.ENTRY for order in state.unsettled)
    if len(state.legs) == len(OptionType) and len(held) == 1 and state.held and not (begun or entering):
        return replace(state, phase=Phase.LIVE)
    why = "its entry was under way" if entering else "its legs are not of the same size"
    why = "its exit had begun" if begun else why
    return replace(
        state,
        phase=Phase.ATTENTION,
        exit_reason=ExitReason.RESUMED_EXIT if begun else ExitReason.ENTRY_FAILED,
        exit_detail=f"rebuilt from the venue, where {why}",
        exit_at=_last(trail),
        attention=f"Rebuilt from the venue; {why}, so what is left is being closed",
    )


def _last(trail: Trail) -> datetime:
    return max(*(order.created_at for order in trail.orders), *(fill.at for fill in trail.fills), trail.began)
