"""The verdict on one run: the exchange's truth against our ledger. Pure; an empty list of violations is a pass.

Naked time is the time in which the account held different numbers of calls and puts, by the exchange's own fills, from
the first imbalance to its end. It is taken raw, and without the time in which no worker guarded (from a kill until its
successor does): who is dead cannot act. An entry's budget is the session's ``naked_leg_seconds``. A closing session has
no such budget: its legs are both on their way out, and its naked time is told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trading.chaos.evidence import Evidence, LedgerSession, Span
from trading.chaos.plan import Plan
from trading.strategy.execution import order_prefix
from trading.strategy.types import Side
from trading.venues.simulated.records import FillRecord, FillType

SECOND: Final = 1_000_000
DECLARED: Final = frozenset({"closed_outside"})


class Kind(StrEnum):
    """What can be wrong."""

    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    DISAGREEMENT = "disagreement"
    NAKED = "naked too long"
    NOT_FLAT = "not ended flat"
    REPLAY = "replay differs"
    HARNESS = "harness"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something wrong, in a sentence."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Naked:
    """One stretch of imbalance. ``seconds`` raw, ``guarded`` without the time in which nobody guarded."""

    seconds: float
    guarded: float
    entering: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, and the stretches in which a leg was naked."""

    violations: tuple[Violation, ...]
    naked: tuple[Naked, ...]


def judge(plan: Plan, evidence: Evidence) -> Verdict:
    """Hold the ledger against the exchange."""
    naked = tuple(naked_stretches(evidence))
    found = [
        *_duplicates(evidence),
        *_orphans(evidence),
        *_disagreements(plan, evidence),
        *_not_flat(evidence),
        *_too_long(plan, naked),
        *(Violation(Kind.REPLAY, text) for text in evidence.seen.replays),
        *(Violation(Kind.HARNESS, text) for text in evidence.seen.troubles),
    ]
    return Verdict(tuple(found), naked)


def _duplicates(evidence: Evidence) -> Iterator[Violation]:
    accepted = Counter(order.client_order_id for order in evidence.truth.orders)
    for name, times in sorted(accepted.items()):
        if times > 1:
            yield Violation(Kind.DUPLICATE, f"{name} was accepted {times} times")
    for order in evidence.truth.orders:
        row = evidence.book.orders.get(order.client_order_id)
        if row is not None and order.size > row.size:
            yield Violation(Kind.DUPLICATE, f"{order.client_order_id}: {order.size} at the venue, {row.size} intended")
    for symbol, most in sorted(_most(evidence).items()):
        if most > evidence.quantity:
            yield Violation(Kind.DUPLICATE, f"{most} of {symbol} outstanding, {evidence.quantity} asked for")


def _most(evidence: Evidence) -> dict[str, int]:
    """Contracts outstanding at most per symbol: as seen at every step, and after every fill."""
    most, held = dict(evidence.seen.most), Counter[str]()
    for fill in evidence.truth.fills:
        held[fill.symbol] += fill.size if fill.side is Side.SELL else -fill.size
        most[fill.symbol] = max(most.get(fill.symbol, 0), held[fill.symbol])
    return most


def _orphans(evidence: Evidence) -> Iterator[Violation]:
    for order in evidence.truth.orders:
        if order.client_order_id not in evidence.book.orders:
            yield Violation(Kind.ORPHAN, f"{order.client_order_id or order.id} at the venue was never intended")
    held = Counter[str]()
    for fill in evidence.truth.fills:
        held[fill.symbol] += fill.size if fill.side is Side.SELL else -fill.size
        if held[fill.symbol] < 0:
            yield Violation(Kind.ORPHAN, f"{-held[fill.symbol]} of {fill.symbol} bought that were never sold")
    if evidence.book.sessions and all(session.status == "stopped" for session in evidence.book.sessions):
        for position in evidence.truth.positions:
            yield Violation(Kind.ORPHAN, f"{position.size} of {position.symbol} left at the venue")
        if evidence.pending:
            yield Violation(Kind.ORPHAN, f"{evidence.pending} orders left open at the venue")


def _disagreements(plan: Plan, evidence: Evidence) -> Iterator[Violation]:
    ours = {
        f.fill_id: (f.client_order_id, f.symbol, f.side, f.size, f.price, f.commission) for f in evidence.book.fills
    }
    venues = {fill.id: _as_ours(fill) for fill in _traded(evidence)}
    for fill_id in sorted({*ours, *venues}):
        if ours.get(fill_id) != venues.get(fill_id):
            text = f"fill {fill_id}: ledger {ours.get(fill_id)}, venue {venues.get(fill_id)}"
            yield Violation(Kind.DISAGREEMENT, text)
    yield from _other_ends(evidence)
    unknown = [session.strategy_id for session in evidence.book.sessions if session.exit_reason in DECLARED]
    if unknown and plan.price_after:
        return
    for strategy_id in unknown:
        yield Violation(Kind.DISAGREEMENT, f"{strategy_id} does not know its end, and the exchange has told it")
    yield from _other_settlements(evidence)
    moved = evidence.truth.cash - evidence.truth.transactions[0].amount
    booked = sum((session.realised for session in evidence.book.sessions), Decimal(0))
    if moved != booked and not evidence.truth.positions:
        yield Violation(Kind.DISAGREEMENT, f"cash moved by {moved}, the ledger says {booked}")


def _other_ends(evidence: Evidence) -> Iterator[Violation]:
    """Orders whose end in the ledger is not the exchange's; one that never got there is rejected, and unfilled."""
    ends = {order.client_order_id: (order.state.value, order.filled) for order in evidence.truth.orders}
    for name, row in sorted(evidence.book.orders.items()):
        status, filled = ends.get(name, ("rejected", 0))
        if (row.status, row.filled) != (status, filled):
            text = f"order {name}: ledger {row.status} {row.filled}, venue {status} {filled}"
            yield Violation(Kind.DISAGREEMENT, text)


def _traded(evidence: Evidence) -> list[FillRecord]:
    return [fill for fill in evidence.truth.fills if fill.fill_type is not FillType.SETTLEMENT]


def _other_settlements(evidence: Evidence) -> Iterator[Violation]:
    """Contracts that expired in the account, and the exchange's price for them; a worthless option has no fill."""
    truth, short = evidence.truth, Counter[str]()
    for fill in _traded(evidence):
        short[fill.symbol] += fill.size if fill.side is Side.SELL else -fill.size
    paid = {fill.symbol: fill.price for fill in truth.fills if fill.fill_type is FillType.SETTLEMENT}
    expired = {row.symbol for row in truth.transactions if row.kind == "settlement"}
    venues = {symbol: (short[symbol], paid.get(symbol, Decimal(0))) for symbol in expired}
    ours = {row.symbol: (row.size, row.price) for row in evidence.book.settlements}
    for symbol in sorted({*ours, *venues}):
        if ours.get(symbol) != venues.get(symbol):
            text = f"settlement of {symbol}: ledger {ours.get(symbol)}, venue {venues.get(symbol)}"
            yield Violation(Kind.DISAGREEMENT, text)


def _as_ours(fill: FillRecord) -> tuple[str, str, str, int, Decimal, Decimal]:
    return fill.client_order_id, fill.symbol, fill.side.value, fill.size, fill.price, fill.commission


def _not_flat(evidence: Evidence) -> Iterator[Violation]:
    if not evidence.book.sessions:
        yield Violation(Kind.NOT_FLAT, "no session was opened")
    for session in evidence.book.sessions:
        if session.status != "stopped" or session.phase != "closed":
            yield Violation(Kind.NOT_FLAT, f"{session.strategy_id} is {session.phase}{_word(session)}")
        elif session.open_contracts:
            yield Violation(Kind.NOT_FLAT, f"{session.strategy_id} closed with {session.open_contracts} contracts")


def _word(session: LedgerSession) -> str:
    return " and says so" if "attention" in session.said else ""


def _too_long(plan: Plan, naked: Iterable[Naked]) -> Iterator[Violation]:
    budget = float(plan.configuration["naked_leg_seconds"])
    for stretch in naked:
        if stretch.entering and stretch.guarded > budget:
            text = f"a leg was naked for {stretch.guarded:.1f} s of {budget:g} s ({stretch.seconds:.1f} s raw)"
            yield Violation(Kind.NAKED, text)


def naked_stretches(evidence: Evidence) -> Iterator[Naked]:
    """Every stretch in which one session held more of one leg than of the other."""
    prefixes = {order_prefix(session.strategy_id) for session in evidence.book.sessions}
    for prefix in sorted(prefixes):
        fills = [f for f in evidence.truth.fills if f.client_order_id.startswith(f"{prefix}-")]
        yield from _stretches(fills, evidence)


def _stretches(fills: list[FillRecord], evidence: Evidence) -> Iterator[Naked]:
    held = {"C": 0, "P": 0}
    since, closing = 0, False
    for fill in fills:
        if fill.fill_type is not FillType.NORMAL:
            continue
        was_even = held["C"] == held["P"]
        sells = fill.side is Side.SELL
        held[fill.symbol[0]] += fill.size if sells else -fill.size
        if was_even:
            since, closing = fill.at, not sells
        if held["C"] == held["P"] and fill.at > since:
            yield _naked((since, fill.at), evidence.seen.down, entering=not closing)
    if held["C"] != held["P"]:
        over = [order.settlement * SECOND for order in evidence.truth.orders if order.symbol == fills[-1].symbol]
        until = min([evidence.ended, *(at for at in over if at > since)])
        yield _naked((since, until), evidence.seen.down, entering=not closing)


def _naked(span: Span, down: list[Span], *, entering: bool) -> Naked:
    dead = sum(max(0, min(span[1], until) - max(span[0], since)) for since, until in down)
    length = span[1] - span[0]
    return Naked(length / SECOND, (length - dead) / SECOND, entering)
