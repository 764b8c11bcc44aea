"""The exchange itself, synchronous and without a network: one market, one account, for whichever door stands in front
of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading.engine.ports import Balance
from trading.strategy.types import Chain, ChainRow, Instrument, OrderType, Quote, Side, TimeInForce
from trading.venues.simulated import brackets, checks
from trading.venues.simulated.account import Account
from trading.venues.simulated.book import Consumed, Execution, take, tighter
from trading.venues.simulated.brackets import Brackets
from trading.venues.simulated.clock import ManualClock, SimulatedClock, VenueClock, from_micros, micros
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.market import Market
from trading.venues.simulated.records import (
    BracketTerms,
    ExchangeError,
    FillRecord,
    OrderRecord,
    OrderRequest,
    OrderState,
    PositionRecord,
    StopTerms,
    StopTrigger,
    StopType,
    Transaction,
    Truth,
)
from trading.venues.simulated.resting import touches
from trading.venues.simulated.stops import Stops

_SECOND = 1_000_000


class SimulatedExchange:
    """One account at the simulated exchange. Every accepted order and its fills are on disk before a method returns.

    A fresh process on the same file continues: resting orders and settlements are caught up to the venue's time,
    which went on meanwhile. With ``clock`` None, time runs at ``config.speed`` from epochs kept in the file; ``wall``
    (Unix seconds) is injectable for tests. Refusals are :class:`ExchangeError`. Raises ValueError when the file
    belongs to another seed.
    """

    def __init__(
        self,
        config: SimulatedConfig,
        clock: VenueClock | None = None,
        *,
        market: Market | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self._ledger = Ledger(config.path)
        with self._ledger.transaction():
            self._open_account(clock)
            self._clock = clock or self._open_clock(wall)
        self.market = market or Market(config.seed, config.underlyings)
        self._account = Account(self._ledger, self.market, config)
        self._stops = Stops(self._ledger, self.market, self._account, self._trade_at)
        self._brackets = Brackets(self._ledger, self._account)
        self._consumed = Consumed()
        self._matched: dict[int, int] = {}
        self._remember_consumed()
        self.catch_up()

    def _open_account(self, clock: VenueClock | None) -> None:
        seed = self._ledger.meta("seed")
        if seed is None:
            self._ledger.set_meta("seed", str(self.config.seed))
            start = self.config.start if clock is None else clock.now()
            self._ledger.book(at=micros(start), kind="deposit", amount=self.config.balance)
        elif seed != str(self.config.seed):
            raise ValueError(f"the account at {self.config.path} was opened with seed {seed}, not {self.config.seed}")

    def _open_clock(self, wall: Callable[[], float]) -> SimulatedClock:
        stored = [self._ledger.meta(key) for key in ("venue_epoch", "wall_epoch", "speed")]
        if stored[0] is None or stored[1] is None or stored[2] is None:
            return self._anchor(self.config.start, wall)
        clock = SimulatedClock(
            venue_epoch=from_micros(int(stored[0])), wall_epoch=float(stored[1]), speed=float(stored[2]), wall=wall
        )
        return clock if clock.speed == self.config.speed else self._anchor(clock.now(), wall)

    def _anchor(self, venue_now: datetime, wall: Callable[[], float]) -> SimulatedClock:
        wall_now = wall()
        self._ledger.set_meta("venue_epoch", str(micros(venue_now)))
        self._ledger.set_meta("wall_epoch", repr(wall_now))
        self._ledger.set_meta("speed", repr(self.config.speed))
        return SimulatedClock(
            venue_epoch=venue_now.astimezone(UTC), wall_epoch=wall_now, speed=self.config.speed, wall=wall
        )

    def _remember_consumed(self) -> None:
        now = micros(self.now())
        for fill in self._ledger.fills_from(now - 10 * _SECOND):
            self._consumed.add(fill.symbol, fill.side, fill.price, fill.size, fill.at // _SECOND)

    @property
    def clock(self) -> VenueClock:
        """The venue's clock."""
        return self._clock

    def now(self) -> datetime:
        """The venue's time, aware UTC."""
        return self._clock.now()

    def close(self) -> None:
        """Let go of the file. The account goes on."""
        self._ledger.close()

    def catch_up(self) -> None:
        """Let everything happen that the market did to the account up to now: resting orders reached, expiries
        settled.
        """
        now = micros(self.now())
        second = now // _SECOND
        ledger = self._ledger
        if not ledger.open_orders() and not ledger.pending_orders() and not ledger.due_settlements(second):
            return
        with ledger.transaction():
            for settlement in ledger.due_settlements(second):
                self._advance(settlement - 1)
                self._account.settle(settlement)
            self._advance(second)

    def _advance(self, until: int) -> None:
        while (due := self._stops.next_trigger(until)) is not None:
            second, stop = due
            self._match_resting(second)
            current = self._ledger.order(stop.id)
            if current is not None and current.state is OrderState.PENDING:
                self._stops.fire(stop, second)
        self._match_resting(until)

    def _trade_at(self, order: OrderRecord, instrument: Instrument, at: datetime) -> OrderRecord:
        return self._trade(order, instrument, self.market.quote(instrument, at), at, 1.0)

    def _match_resting(self, until: int) -> None:
        for order in self._ledger.open_orders():
            after = max(self._matched.get(order.id, 0), order.updated_at // _SECOND)
            if until > after:
                self._match_one(order, after, until)
                self._matched[order.id] = until

    def _match_one(self, order: OrderRecord, after: int, until: int) -> None:
        instrument = self.market.contract(order.symbol)
        if instrument is None:
            return
        for second, size in touches(self.market, order, instrument, after, until):
            current = self._ledger.order(order.id)
            if current is None or current.state is not OrderState.OPEN or current.limit_price is None:
                return
            execution = Execution(current.limit_price, min(size, current.unfilled))
            filled = self._account.fill(current, instrument, execution, at=second * _SECOND, role="maker")
            self._account.trim_reduce_only(current.symbol, second * _SECOND)
            self._brackets.after(filled, second * _SECOND)

    def instrument(self, symbol: str, at: datetime | None = None) -> Instrument:
        """The option of this name live ``at`` (default now); ExchangeError ``invalid_contract`` if there is none."""
        found = self.market.instrument(symbol, at or self.now())
        if found is None:
            raise ExchangeError("invalid_contract", f"{symbol} is not listed", symbol=symbol)
        return self._with_rates(found)

    def _with_rates(self, instrument: Instrument) -> Instrument:
        config = self.config
        same = (instrument.taker_rate, instrument.maker_rate, instrument.premium_cap_rate)
        if same == (config.taker_rate, config.maker_rate, config.premium_cap_rate):
            return instrument
        return replace(
            instrument,
            taker_rate=config.taker_rate,
            maker_rate=config.maker_rate,
            premium_cap_rate=config.premium_cap_rate,
        )

    def quote(self, symbol: str) -> Quote | None:
        """The quote of a live option now, or None."""
        now = self.now()
        instrument = self.market.instrument(symbol, now)
        return None if instrument is None else self.market.quote(instrument, now)

    def chain(self, underlying: str) -> Chain:
        """Every live option of an underlying with its quote; empty, without a spot, for one that is not traded here."""
        now = self.now()
        if underlying not in self.market.underlyings:
            return Chain(now, underlying, None, ())
        rows = tuple(
            ChainRow(self._with_rates(item), self.market.quote(item, now))
            for item in self.market.instruments(now, underlying)
        )
        return Chain(now, underlying, self.market.spot(underlying, now), rows)

    def place(self, request: OrderRequest, *, fill_fraction: float = 1.0) -> OrderRecord:
        """Accept an order, trade what crosses, and rest or cancel the remainder. ``fill_fraction`` below 1 is a
        fault: only so much trades at once.
        """
        self.catch_up()
        now = self.now()
        at = micros(now)
        with self._ledger.transaction():
            instrument = self.instrument(request.symbol, now)
            quote = self.market.quote(instrument, now)
            checks.check_schema(request, instrument)
            checks.check_open_orders(request, self._ledger, self.config)
            self._check_bracket(request, instrument)
            if request.stop is not None:
                if request.reduce_only:
                    request = checks.cover_position(request, self._account)
                return self._account.save(self._accepted(request, instrument, at), at)
            if self.config.accept_crossing_post_only and checks.crosses(request, quote):
                crossing = self._accepted(request, instrument, at)
                reason = "immediate_execution_post_only"
                return self._account.save(replace(crossing, state=OrderState.CANCELLED, reason=reason), at)
            checks.check_market_state(request, instrument, quote)
            if request.reduce_only:
                request = checks.shrink_to_position(request, self._ledger, self._account)
            checks.check_funds(request, instrument, quote, self._account, at=at)
            order = self._account.save(self._accepted(request, instrument, at), at)
            return self._trade(order, instrument, quote, now, fill_fraction)

    def _check_bracket(self, request: OrderRequest, instrument: Instrument) -> None:
        if request.bracket is None:
            return
        if self._account.size_of(request.symbol):
            raise ExchangeError("bracket_order_position_exists", "the contract has a position already")
        brackets.check_terms(request.bracket, Side.BUY if request.side is Side.SELL else Side.SELL, instrument)

    def _accepted(self, request: OrderRequest, instrument: Instrument, at: int) -> OrderRecord:
        market_order = request.order_type is OrderType.MARKET
        stop = request.stop
        return OrderRecord(
            id=self._ledger.next_order_id(),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            product_id=instrument.product_id,
            settlement=int(instrument.settlement_at.timestamp()),
            side=request.side,
            size=request.size,
            unfilled=request.size,
            order_type=request.order_type,
            limit_price=request.limit_price,
            time_in_force=TimeInForce.IOC if market_order else request.time_in_force,
            post_only=request.post_only,
            reduce_only=request.reduce_only,
            state=OrderState.OPEN if stop is None else OrderState.PENDING,
            created_at=at,
            updated_at=at,
            stop_type="" if stop is None else stop.kind.value,
            stop_price=None if stop is None else stop.price,
            stop_trigger="" if stop is None else stop.trigger.value,
            trail_amount=None if stop is None else stop.trail,
            bracket=brackets.encode(request.bracket),
        )

    def _trade(
        self, order: OrderRecord, instrument: Instrument, quote: Quote, now: datetime, fill_fraction: float
    ) -> OrderRecord:
        at = micros(now)
        second = at // _SECOND
        limit = tighter(order.side, order.limit_price, quote.band_low, quote.band_high)
        depth = self.market.depth(instrument, now)
        levels = depth.asks if order.side is Side.BUY else depth.bids
        levels = self._consumed.left(order.symbol, order.side, levels, second)
        wanted = order.unfilled if fill_fraction >= 1.0 else int(order.unfilled * fill_fraction)
        for execution in take(order.side, wanted, limit, levels):
            order = self._account.fill(order, instrument, execution, at=at, role="taker")
            self._consumed.add(order.symbol, order.side, execution.price, execution.size, second)
        if order.state is OrderState.OPEN and order.time_in_force is TimeInForce.IOC:
            order = self._account.save(replace(order, state=OrderState.CANCELLED, reason="ioc_remainder"), at)
        if order.filled:
            self._account.trim_reduce_only(order.symbol, at)
            self._brackets.after(order, at)
        return order

    def cancel(
        self, *, order_id: int | None = None, client_order_id: str = "", reason: str = "cancelled_by_user"
    ) -> OrderRecord:
        """Cancel a resting order or an untriggered stop. ``open_order_not_found`` if there is no such order or it is
        no longer open.
        """
        self.catch_up()
        with self._ledger.transaction():
            order = self._open(order_id, client_order_id)
            at = micros(self.now())
            cancelled = self._account.save(replace(order, state=OrderState.CANCELLED, reason=reason), at)
            self._brackets.after(cancelled, at)
            return cancelled

    def edit(
        self,
        order_id: int,
        *,
        size: int | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        trail_amount: Decimal | None = None,
    ) -> OrderRecord:
        """Change a resting order or an untriggered stop. ``size`` is the new total including what is filled; a price
        that crosses trades at once.
        """
        self.catch_up()
        now = self.now()
        with self._ledger.transaction():
            order = self._open(order_id, "")
            instrument = self.instrument(order.symbol, now)
            if order.state is OrderState.PENDING:
                stop = _edited_stop(order, instrument, size, limit_price, stop_price, trail_amount)
                return self._account.save(stop, micros(now))
            quote = self.market.quote(instrument, now)
            changed = self._edited(order, instrument, quote, order.size if size is None else size, limit_price)
            return self._trade(self._account.save(changed, micros(now)), instrument, quote, now, 1.0)

    def _edited(
        self, order: OrderRecord, instrument: Instrument, quote: Quote, size: int, price: Decimal | None
    ) -> OrderRecord:
        price = order.limit_price if price is None else price
        if size <= order.filled:
            raise ExchangeError("order_already_filled", f"{order.filled} contracts are filled already")
        if order.reduce_only and size > order.size:
            raise ExchangeError("no_position_left_for_reduce_only", "a reduce-only order cannot grow")
        request = OrderRequest(
            order.symbol,
            order.side,
            size,
            order.order_type,
            price,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
        )
        checks.check_schema(request, instrument)
        checks.check_market_state(request, instrument, quote)
        if size > order.size:
            more = replace(request, size=size - order.size)
            checks.check_funds(more, instrument, quote, self._account, at=micros(quote.at))
        return replace(order, size=size, unfilled=size - order.filled, limit_price=price)

    def _open(self, order_id: int | None, client_order_id: str) -> OrderRecord:
        found = self.find(order_id=order_id, client_order_id=client_order_id)
        if found is None or not found.active:
            raise ExchangeError("open_order_not_found", "there is no such open order")
        return found

    def find(self, *, order_id: int | None = None, client_order_id: str = "") -> OrderRecord | None:
        """The order with this exchange id, or the newest with this client id, or None."""
        if order_id is not None:
            return self._ledger.order(order_id)
        return self._ledger.order_by_client_id(client_order_id) if client_order_id else None

    def open_orders(self) -> list[OrderRecord]:
        """Resting orders, oldest first."""
        self.catch_up()
        return self._ledger.open_orders()

    def pending_orders(self) -> list[OrderRecord]:
        """Untriggered stops, oldest first."""
        self.catch_up()
        return self._ledger.pending_orders()

    def bracket_position(self, symbol: str, terms: BracketTerms) -> list[OrderRecord]:
        """Guard the position in ``symbol`` with stops; returns them."""
        self.catch_up()
        with self._ledger.transaction():
            return self._brackets.attach(self.instrument(symbol), terms, micros(self.now()))

    def bracket_order(self, order_id: int, terms: BracketTerms) -> OrderRecord:
        """Change the bracket of an entry that still rests."""
        self.catch_up()
        with self._ledger.transaction():
            order = self._open(order_id, "")
            side = Side.BUY if order.side is Side.SELL else Side.SELL
            brackets.check_terms(terms, side, self.instrument(order.symbol))
            return self._account.save(replace(order, bracket=brackets.encode(terms)), micros(self.now()))

    @property
    def records(self) -> Ledger:
        """The account's rows, for reading pages of them."""
        return self._ledger

    def margin_of(self, symbol: str, size: int) -> Decimal:
        """Dollars that ``size`` signed contracts bind now."""
        return self._account.margin(symbol, size, micros(self.now()))

    def advance(self, seconds: float) -> datetime:
        """Let ``seconds`` of venue time pass at once, with all that happens in them. ValueError if negative."""
        if isinstance(self._clock, ManualClock):
            self._clock.advance(seconds)
        elif isinstance(self._clock, SimulatedClock) and seconds >= 0:
            with self._ledger.transaction():
                self._clock = self._anchor(self.now() + timedelta(seconds=seconds), self._clock.wall)
        else:
            raise ValueError("venue time never goes back")
        self.catch_up()
        return self.now()

    def orders(self) -> list[OrderRecord]:
        """Every order ever accepted, oldest first."""
        self.catch_up()
        return self._ledger.orders()

    def fills(self) -> list[FillRecord]:
        """Every fill, oldest first, settlements included."""
        self.catch_up()
        return self._ledger.fills()

    def fills_of(self, client_order_ids: Iterable[str]) -> list[FillRecord]:
        """Fills of these client order ids, oldest first."""
        self.catch_up()
        return self._ledger.fills_of(client_order_ids)

    def cursor(self) -> tuple[int, int]:
        """Where the streams of order changes and fills stand now, for :meth:`since`."""
        return self._ledger.last_order_change(), self._ledger.last_fill()

    def since(self, cursor: tuple[int, int]) -> tuple[list[OrderRecord], list[FillRecord]]:
        """Order changes and fills after ``cursor``."""
        self.catch_up()
        return self._ledger.orders_changed_since(cursor[0]), self._ledger.fills_since(cursor[1])

    def positions(self) -> list[PositionRecord]:
        """What is held now."""
        self.catch_up()
        return self._ledger.positions()

    def balance(self) -> Balance:
        """Cash, free and bound, in dollars."""
        self.catch_up()
        return self._account.balance(micros(self.now()))

    def transactions(self) -> Sequence[Transaction]:
        """Every wallet entry, oldest first."""
        self.catch_up()
        return self._ledger.transactions()

    def seed_position(self, symbol: str, size: int, price: Decimal) -> None:
        """Put a foreign position of ``size`` signed contracts into the account. ValueError for size 0."""
        if size == 0:
            raise ValueError("a position has at least one contract")
        self.catch_up()
        with self._ledger.transaction():
            self._account.seed(self.instrument(symbol), size, price, at=micros(self.now()))

    def truth(self) -> Truth:
        """Everything the exchange knows of the account."""
        self.catch_up()
        ledger = self._ledger
        return Truth(
            orders=tuple(ledger.orders()),
            fills=tuple(ledger.fills()),
            positions=tuple(ledger.positions()),
            transactions=tuple(ledger.transactions()),
            cash=ledger.cash(),
            open_orders=tuple(ledger.open_orders()),
        )


def _edited_stop(
    order: OrderRecord,
    instrument: Instrument,
    size: int | None,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    trail_amount: Decimal | None,
) -> OrderRecord:
    changed = replace(
        order,
        size=order.size if size is None else size,
        unfilled=order.unfilled if size is None else size,
        limit_price=order.limit_price if limit_price is None else limit_price,
        stop_price=order.stop_price if stop_price is None else stop_price,
        trail_amount=order.trail_amount if trail_amount is None else trail_amount,
    )
    if changed.size < 1 or (order.reduce_only and changed.size > order.size):
        raise ExchangeError("bad_schema", "size: a reduce-only stop cannot grow, and none is empty", param="size")
    price = None if changed.trail_amount is not None else changed.stop_price
    terms = StopTerms(StopType(order.stop_type), price, changed.trail_amount, StopTrigger(order.stop_trigger))
    checks.check_stop(order.side, terms, instrument.tick_size)
    checks.check_price(order.order_type, changed.limit_price, instrument.tick_size)
    return changed
