"""Evidence of a run without a flaw, made by hand, to be spoilt by tests."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from trading.chaos.evidence import Evidence, LedgerBook, LedgerFill, LedgerOrder, LedgerSession, LedgerSettlement, Seen
from trading.strategy.types import OrderType, Side, TimeInForce
from trading.venues.simulated.records import FillRecord, FillType, OrderRecord, OrderState, Transaction, Truth

SECOND = 1_000_000
CALL, PUT = "C-BTC-70000-050926", "P-BTC-60000-050926"
SESSION = "strangle_20260904_093000_abcdef"
PRICE, FEE = Decimal("100"), Decimal("0.02")
CONTRACT = Decimal("0.001")


def order(number: int, symbol: str, side: Side, *, size: int = 10, name: str = "") -> OrderRecord:
    """An order that was filled at once."""
    return OrderRecord(
        id=number,
        client_order_id=name or f"{prefix()}-{symbol[0]}E-{'e' if side is Side.SELL else 'x'}{number}",
        symbol=symbol,
        product_id=1,
        settlement=0,
        side=side,
        size=size,
        unfilled=0,
        order_type=OrderType.LIMIT,
        limit_price=PRICE,
        time_in_force=TimeInForce.IOC,
        post_only=False,
        reduce_only=side is Side.BUY,
        state=OrderState.CLOSED,
        created_at=number * SECOND,
        updated_at=number * SECOND,
    )


def prefix() -> str:
    """What client order ids of the session begin with."""
    from trading.strategy.execution import order_prefix

    return order_prefix(SESSION)


def fill(of: OrderRecord, *, at: float) -> FillRecord:
    """All of an order, ``at`` seconds."""
    value = PRICE * of.size * CONTRACT
    return FillRecord(
        id=f"f{of.id}",
        order_id=str(of.id),
        client_order_id=of.client_order_id,
        symbol=of.symbol,
        product_id=1,
        side=of.side,
        size=of.size,
        price=PRICE,
        commission=FEE,
        cashflow=value if of.side is Side.SELL else -value,
        role="taker",
        fill_type=FillType.NORMAL,
        at=int(at * SECOND),
    )


def evidence(*, put_sold_at: float = 1.0, seen: Seen | None = None) -> Evidence:
    """Ten calls sold at second 1 and ten puts at ``put_sold_at``, all bought back at second 100, all of it booked."""
    orders = [
        order(1, CALL, Side.SELL),
        order(2, PUT, Side.SELL),
        order(3, CALL, Side.BUY),
        order(4, PUT, Side.BUY),
    ]
    fills = [fill(one, at=at) for one, at in zip(orders, (1.0, put_sold_at, 100.0, 100.0), strict=True)]
    truth = Truth(
        orders=tuple(orders),
        fills=tuple(fills),
        positions=(),
        transactions=(Transaction(1, 0, "deposit", Decimal(1000), Decimal(1000), ""),),
        cash=Decimal(1000) - 4 * FEE,
    )
    return Evidence(
        truth=truth, pending=0, book=book_of(orders, fills), seen=seen or Seen(), quantity=10, ended=200 * SECOND
    )


def book_of(orders: list[OrderRecord], fills: list[FillRecord]) -> LedgerBook:
    """The ledger that says just what the exchange says."""
    session = LedgerSession(
        strategy_id=SESSION,
        status="stopped",
        phase="closed",
        exit_reason="time_exit",
        realised=-len(fills) * FEE,
        open_contracts=0,
        naked_budget=30,
        entered=True,
        said=frozenset(),
    )
    rows = (LedgerFill(f.id, f.client_order_id, f.symbol, f.side.value, f.size, f.price, f.commission) for f in fills)
    ends = {one.client_order_id: LedgerOrder(one.size, one.filled, one.state.value) for one in orders}
    return LedgerBook((session,), ends, tuple(rows))


def expired(*, put_price: Decimal = Decimal(0)) -> Evidence:
    """The same, but the puts were not bought back: they expired at second 100, worth ``put_price``."""
    right = evidence()
    orders, fills = right.truth.orders[:3], right.truth.fills[:3]
    payoff = put_price * 10 * CONTRACT
    first = right.truth.transactions[0]
    settled = Transaction(2, 100 * SECOND, "settlement", -payoff, first.balance - payoff, PUT)
    paid = replace(
        fill(order(9, PUT, Side.BUY), at=100), client_order_id="", price=put_price, fill_type=FillType.SETTLEMENT
    )
    premium = PRICE * 10 * CONTRACT
    return replace(
        right,
        truth=replace(
            right.truth,
            orders=orders,
            fills=(*fills, paid) if put_price else fills,
            transactions=(first, settled),
            cash=first.amount + premium - payoff - 3 * FEE,
        ),
        book=replace(
            book_of(list(orders), list(fills)),
            sessions=(replace(right.book.sessions[0], realised=premium - payoff - 3 * FEE, exit_reason="settlement"),),
            settlements=(LedgerSettlement(PUT, 10, put_price),),
        ),
    )


def with_truth(some: Evidence, **changes: Any) -> Evidence:
    """The same with another truth."""
    return replace(some, truth=replace(some.truth, **changes))


def with_book(some: Evidence, **changes: Any) -> Evidence:
    """The same with another ledger."""
    return replace(some, book=replace(some.book, **changes))


def with_session(some: Evidence, **changes: Any) -> Evidence:
    """The same with another session."""
    return with_book(some, sessions=(replace(some.book.sessions[0], **changes),))
