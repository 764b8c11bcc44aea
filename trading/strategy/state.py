"""The state of one session: what is asked, sent, known and held. Frozen; ``decide`` returns the next one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from trading.strategy.copying import altered, made
from trading.strategy.pnl import LegBook, Terms
from trading.strategy.schedule import EntryPlan, ExitPlan
from trading.strategy.trailing import TrailState
from trading.strategy.types import (
    ZERO,
    ExitReason,
    Fill,
    Instrument,
    OptionType,
    OrderIntent,
    OrderReport,
    OrderStatus,
    Outcome,
    Phase,
    Purpose,
    Quote,
    StrategyParams,
)

FINAL = (OrderStatus.CLOSED, OrderStatus.CANCELLED, OrderStatus.REJECTED)
TOLD_AFTER_SECONDS = 1.0
"""How much later than a position its fill may be told."""
ABSENCES = 15
"""So many times in a row must the venue say that it never had an order which it had accepted, until that is believed:
asked once a second, longer than any list of its own may lag.
"""


@dataclass(frozen=True, slots=True)
class OrderState:
    """One order: its intent and what is known of it.

    ``reported`` is contracts the venue says are filled, ``booked`` is contracts booked from fills. An order is
    settled when the venue called it final and every fill it spoke of is booked; until then nothing else may be sent
    in its place. ``asks`` counts the questions about it that have not settled it, ``absences`` how often in a row the
    venue denied an order that it had accepted; ``doubted`` says that its doubt was told.
    """

    intent: OrderIntent
    sent_at: datetime
    status: OrderStatus = OrderStatus.INTENT
    venue_order_id: str = ""
    reported: int = 0
    booked: int = 0
    average_price: Decimal | None = None
    asked_at: datetime | None = None
    cancel_at: datetime | None = None
    code: str = ""
    detail: str = ""
    asks: int = 0
    absences: int = 0
    doubted: bool = False

    @property
    def final(self) -> bool:
        """The venue will not fill it any further."""
        return self.status in FINAL

    @property
    def settled(self) -> bool:
        """Final, and all its fills are booked."""
        return self.final and self.booked >= self.reported

    @property
    def rests_as_stop(self) -> bool:
        """A stop of which nothing is filled."""
        return self.intent.purpose is Purpose.STOP and not self.final and not self.reported and not self.booked

    def reported_by(self, report: OrderReport) -> OrderState:
        """This order after one more report.

        A final state is never undone; contradictions become ``unknown`` so that the venue is asked again. An order
        that was taken for rejected (called absent, say) and that the venue ended otherwise has the venue's end.
        """
        filled = max(self.reported, report.filled)
        venue_id = report.venue_order_id or self.venue_order_id
        seen = bool(venue_id) or filled > 0 or self.booked > 0
        if self.final:
            ended = report.outcome is Outcome.ACCEPTED and report.status in FINAL
            corrected = report.status if ended and self.status is OrderStatus.REJECTED else None
            return replace(self, reported=filled, venue_order_id=venue_id, status=corrected or self.status)
        absences = self.absences + 1 if report.outcome is Outcome.ABSENT else 0
        if report.outcome is Outcome.ACCEPTED and report.status is not None:
            status = report.status
        elif absences >= ABSENCES and self.booked >= filled:
            status = OrderStatus.CANCELLED
        elif report.outcome in (Outcome.REJECTED, Outcome.ABSENT) and not seen:
            status = OrderStatus.REJECTED
        else:
            status = OrderStatus.UNKNOWN
        return replace(
            self,
            status=status,
            reported=filled,
            venue_order_id=venue_id,
            average_price=report.average_price or self.average_price,
            code=report.code or ("absent" if report.outcome is Outcome.ABSENT else self.code),
            detail=report.detail or self.detail,
            asked_at=self.asked_at if status is OrderStatus.UNKNOWN and self.status is OrderStatus.UNKNOWN else None,
            absences=absences,
        )

    def filled_by(self, fill: Fill) -> OrderState:
        """This order after one more execution. One whose whole size was executed is over, whatever was said of it."""
        count = self.booked + fill.size
        return replace(
            self,
            booked=count,
            reported=max(self.reported, count),
            status=OrderStatus.CLOSED if count >= self.intent.size else self.status,
            venue_order_id=self.venue_order_id or fill.venue_order_id,
        )


@dataclass(frozen=True)
class LegState:
    """One leg. Values are Σ price × contracts; fees are dollars paid; ``baseline`` is what the account held in this
    option before us (signed).

    ``attempts`` and ``exits`` number the orders sent and never fall (client order ids are made of them); ``tries``
    counts the attempts of the close under way, for its escalation. ``armed`` is the next close, on disk since
    ``armed_at`` and not sent as far as we know (``arming.py``). ``external`` counts contracts the venue no
    longer shows although no fill of ours explains it; they have no price and none is invented. ``settled`` counts
    contracts that the venue settled at expiry, ``settled_value`` is Σ its settlement price × contracts. ``adopted``
    counts contracts taken over from outside and ``adopted_value`` Σ price × contracts at the venue's entry price; they
    are no fills of ours, and ``adoptions`` are the keys by which each was asked for. ``stops`` rest at the venue and
    have not fired (``resident.py``): nothing waits for them; one that fired is an order like any other.
    """

    option_type: OptionType
    instrument: Instrument
    target: int
    baseline: int = 0
    decision_price: Decimal | None = None
    entry_size: int = 0
    entry_value: Decimal = ZERO
    entry_fees: Decimal = ZERO
    entry_at: datetime | None = None
    exit_size: int = 0
    exit_value: Decimal = ZERO
    exit_fees: Decimal = ZERO
    exit_at: datetime | None = None
    external: int = 0
    settled: int = 0
    settled_value: Decimal = ZERO
    settled_fees: Decimal = ZERO
    settled_at: datetime | None = None
    adopted: int = 0
    adopted_value: Decimal = ZERO
    adoptions: tuple[str, ...] = ()
    orders: tuple[OrderState, ...] = ()
    done: tuple[OrderState, ...] = ()
    fill_ids: tuple[str, ...] = ()
    attempts: int = 0
    exits: int = 0
    tries: int = 0
    retry_at: datetime | None = None
    armed: OrderIntent | None = None
    armed_at: datetime | None = None
    stops: tuple[OrderState, ...] = ()
    stop_attempts: int = 0
    stop_tries: int = 0
    stop_retry_at: datetime | None = None
    blocked: str = ""
    quote: Quote | None = None
    priced_at: datetime | None = None

    @cached_property
    def book(self) -> LegBook:
        """This leg as the P&L sees it, without a quote."""
        return LegBook(
            option_type=self.option_type,
            size_open=self.held,
            size_total=self.sold,
            entry_price=self.entry_price or ZERO,
            exit_price=self.exit_price,
            size_closed=self.closed,
            contract_value=self.instrument.contract_value,
            fees_paid=self.fees,
            quote=None,
            instrument=self.instrument,
        )

    @cached_property
    def terms(self) -> Terms:
        """What the ledger of this leg contributes to the P&L."""
        return self.book.terms

    @cached_property
    def fired(self) -> OrderState | None:
        """The first stop at the venue that has fired."""
        orders = (*self.orders, *self.done)
        return next((o for o in orders if o.intent.purpose is Purpose.STOP and (o.reported or o.booked)), None)

    @cached_property
    def net(self) -> int:
        """Contracts sold less contracts gone: what the account must show below ``baseline``. Less than zero when two
        closes of ours both found a seller: then somebody else's contracts were bought back.
        """
        return self.sold - self.closed - self.external

    @cached_property
    def held(self) -> int:
        """Contracts this session is short."""
        return max(self.net, 0)

    @cached_property
    def closed(self) -> int:
        """Contracts that went out at a price of the venue's: bought back, or settled."""
        return self.exit_size + self.settled

    @cached_property
    def closed_value(self) -> Decimal:
        """Σ price × contracts of all that went out."""
        return self.exit_value + self.settled_value

    @cached_property
    def sold(self) -> int:
        """Contracts that were ever this session's: sold by it, or taken over."""
        return self.entry_size + self.adopted

    @cached_property
    def sold_value(self) -> Decimal:
        """Σ price × contracts of all that was ever this session's."""
        return self.entry_value + self.adopted_value

    @cached_property
    def entry_price(self) -> Decimal | None:
        """VWAP of the entry fills, and of what was taken over at the venue's entry price."""
        return self.sold_value / self.sold if self.sold else None

    @cached_property
    def exit_price(self) -> Decimal | None:
        """VWAP of the closing fills, and of the settlement at the venue's settlement price."""
        return self.closed_value / self.closed if self.closed else None

    @property
    def settlement_price(self) -> Decimal | None:
        """What the venue settled it at; None when it was not settled."""
        return self.settled_value / self.settled if self.settled else None

    @cached_property
    def fees(self) -> Decimal:
        """Dollars of commission paid on this leg, the venue's fee for settling it included."""
        return self.entry_fees + self.exit_fees + self.settled_fees

    @cached_property
    def credit(self) -> Decimal:
        """Dollars of premium collected."""
        return self.sold_value * self.instrument.contract_value

    @property
    def realised(self) -> Decimal:
        """Dollars made on the closed contracts, before fees."""
        if not self.sold:
            return ZERO
        ours = min(self.closed, self.sold)
        return (self.sold_value * ours / self.sold - self.closed_value) * self.instrument.contract_value

    def expired(self, at: datetime) -> bool:
        """Whether the option had settled by ``at``: the account shows no position of it, whatever became of it."""
        return at >= self.instrument.settlement_at

    def working(self, *purposes: Purpose) -> tuple[OrderState, ...]:
        """Orders of these purposes (all if none named) that are not settled."""
        if not purposes:
            return self.orders
        return tuple(o for o in self.orders if o.intent.purpose in purposes)

    def with_order(self, order: OrderState) -> LegState:
        """This leg with an order added or replaced; a settled one moves to ``done``."""
        key = order.intent.client_order_id
        orders, stops, done = (
            tuple(o for o in kept if o.intent.client_order_id != key) for kept in (self.orders, self.stops, self.done)
        )
        if order.settled:
            done = (*done, order)
        elif order.rests_as_stop:
            stops = (*stops, order)
        else:
            orders = (*orders, order)
        return altered(self, orders=orders, stops=stops, done=done)

    def seeing(self, quote: Quote) -> LegState:
        """This leg with a newer quote.

        ``priced_at`` moves only with quotes one could close at: an offer, and not crossed.
        """
        # Copied with what is derived of the ledger: nothing of that depends on a quote.
        values = self.__dict__.copy()
        values["quote"], ask, bid = quote, quote.ask, quote.bid
        if ask is not None and (bid is None or bid < ask):
            values["priced_at"] = quote.at
        return made(LegState, values)

    def find(self, client_order_id: str) -> OrderState | None:
        """The order with this client id, settled or not."""
        for order in (*self.orders, *self.stops, *self.done):
            if order.intent.client_order_id == client_order_id:
                return order
        return None

    def booked(self, fill: Fill) -> LegState:
        """This leg with one more fill; the same fill twice changes nothing."""
        order = self.find(fill.client_order_id)
        if order is None or fill.fill_id in self.fill_ids:
            return self
        leg = self.with_order(order.filled_by(fill))
        leg = replace(leg, fill_ids=(*leg.fill_ids, fill.fill_id))
        value = fill.price * fill.size
        if order.intent.purpose is Purpose.ENTRY:
            return replace(
                leg,
                entry_size=leg.entry_size + fill.size,
                entry_value=leg.entry_value + value,
                entry_fees=leg.entry_fees + fill.commission,
                entry_at=min(leg.entry_at or fill.at, fill.at),
            )
        # What was taken for gone elsewhere was bought back by this very order, whose fill nobody had told.
        explained = max(0, min(leg.external, leg.closed + fill.size + leg.external - leg.sold))
        return replace(
            leg,
            external=leg.external - explained,
            exit_size=leg.exit_size + fill.size,
            exit_value=leg.exit_value + value,
            exit_fees=leg.exit_fees + fill.commission,
            exit_at=max(leg.exit_at or fill.at, fill.at),
        )


@dataclass(frozen=True)
class SessionState:
    """Everything the strategy knows of one session. ``mismatches`` counts the readings in a row that differed from the
    ledger; ``unread`` says that it stands for one that failed, which is a doubt and no evidence;
    ``differs_since`` is when the first of them was.
    """

    strategy_id: str
    params: StrategyParams
    phase: Phase = Phase.WAITING
    enter_now: bool = False
    plan: EntryPlan | None = None
    exit: ExitPlan | None = None
    legs: tuple[LegState, ...] = ()
    spot: Decimal | None = None
    spot_at: datetime | None = None
    spot_entry: Decimal | None = None
    spot_exit: Decimal | None = None
    spot_high: Decimal | None = None
    spot_low: Decimal | None = None
    trail: TrailState = field(default_factory=TrailState)
    best: Decimal = ZERO
    worst: Decimal = ZERO
    best_pct: Decimal = ZERO
    worst_pct: Decimal = ZERO
    realised_today: Decimal = ZERO
    sessions_today: int = 0
    entries_allowed: bool = True
    refusal: str = ""
    selection_summary: str = ""
    margin_required: Decimal | None = None
    refusals: tuple[str, ...] = ()
    asked_at: datetime | None = None
    retry_at: datetime | None = None
    entering_at: datetime | None = None
    unbalanced_at: datetime | None = None
    live_at: datetime | None = None
    exit_reason: ExitReason | None = None
    exit_detail: str = ""
    exit_at: datetime | None = None
    urgent: bool = False
    closed_at: datetime | None = None
    read_at: datetime | None = None
    whole_read_at: datetime | None = None
    reconciled_at: datetime | None = None
    fills_read_at: datetime | None = None
    settling_since: datetime | None = None
    settlement_asked_at: datetime | None = None
    settlement_note: str = ""
    mismatches: int = 0
    attention: str = ""
    unreadable_at: datetime | None = None
    unread: bool = False
    differs_since: datetime | None = None

    @property
    def open(self) -> bool:
        """Not closed yet."""
        return self.phase is not Phase.CLOSED

    @property
    def held(self) -> int:
        """Contracts held over both legs."""
        return sum(leg.held for leg in self.legs)

    @property
    def fills_told(self) -> bool:
        """Whether every fill of ours was read again well after the account was first seen to differ."""
        read, since = self.fills_read_at, self.differs_since
        return read is not None and since is not None and (read - since).total_seconds() >= TOLD_AFTER_SECONDS

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the legs, call first."""
        return tuple(leg.instrument.symbol for leg in self.legs)

    @property
    def unsettled(self) -> tuple[OrderState, ...]:
        """Orders whose end is not known or whose fills are not all booked."""
        return tuple(order for leg in self.legs for order in leg.orders)

    @property
    def stops(self) -> tuple[OrderState, ...]:
        """Stops at the venue that have not fired."""
        return tuple(order for leg in self.legs for order in leg.stops)

    @property
    def credit(self) -> Decimal:
        """Dollars of premium collected over both legs."""
        return sum((leg.credit for leg in self.legs), ZERO)

    @property
    def realised(self) -> Decimal:
        """Dollars made on closed contracts, net of every fee paid so far."""
        return sum((leg.realised - leg.fees for leg in self.legs), ZERO)

    def seeing(self, legs: tuple[LegState, ...], spot: Decimal | None, at: datetime) -> SessionState:
        """This state with newer quotes in its legs and, if one is given, the index price of ``at``."""
        values = self.__dict__.copy()
        values["legs"] = legs
        if spot is not None:
            high, low = self.spot_high or spot, self.spot_low or spot
            values["spot"], values["spot_at"] = spot, at
            values["spot_high"] = spot if spot > high else high
            values["spot_low"] = spot if spot < low else low
        return made(SessionState, values)

    def with_leg(self, leg: LegState) -> SessionState:
        """This state with one leg replaced."""
        return altered(self, legs=tuple([leg if old.option_type is leg.option_type else old for old in self.legs]))
