"""Tables for a terminal: two columns, a name and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from trading.selectors.sessions import SessionDetail
from trading.services.control import ControlResult

Row = tuple[str, str]


def table(rows: Iterable[Row]) -> str:
    """The rows with their second column aligned."""
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in listed)


def dollars(amount: Decimal | float | None) -> str:
    """A signed amount, to the cent."""
    return "-" if amount is None else f"{amount:+,.2f} USD"


def result_rows(result: ControlResult) -> Iterable[Row]:
    """What a control request was answered."""
    yield "status", result.status
    yield "message", result.message
    if result.strategy_id:
        yield "session", f"{result.strategy_id} (#{result.session_id})"
    if result.command_id:
        yield "command", f"#{result.command_id}"


def session_rows(detail: SessionDetail) -> Iterable[Row]:
    """How a session went: its legs, its orders and fills, and the cash they made."""
    session = detail.session
    yield "session", f"{session.strategy_id} (#{session.id})"
    yield "configuration", f"{session.configuration_name}, revision {session.revision}"
    yield "phase", session.phase
    yield "exit reason", session.exit_reason or "-"
    for leg in detail.legs:
        still_open = f", {leg.open_quantity} still open" if leg.open_quantity else ""
        prices = f"sold at {_price(leg.entry_price)}, bought at {_price(leg.exit_price)}"
        yield leg.leg, f"{leg.quantity} x {leg.symbol}: {prices}{still_open}"
    fills = [fill for order in detail.orders for fill in order.fills.all()]
    yield "orders", f"{len(detail.orders)} orders, {len(fills)} fills"
    for settlement in detail.settlements:
        yield "settled", f"{settlement.quantity} x {settlement.symbol} at {_price(settlement.price)}"
    yield "credits", dollars(detail.cash.credits)
    yield "debits", dollars(-detail.cash.debits)
    yield "fees", dollars(-detail.cash.commissions)
    yield "net", dollars(detail.cash.net)


def runtime_rows(runtime: Mapping[str, Any]) -> Iterable[Row]:
    """The runtime picture in a few lines."""
    worker, totals, config = runtime["worker"], runtime["totals"], runtime["config"]
    age = worker["heartbeat_age_seconds"]
    heard = "never heard of" if age is None else f"last heard of {age:.1f} s ago"
    yield "engine", f"{'alive' if worker['alive'] else 'NOT RUNNING'}, {heard} {worker['owner']}"
    why = f" ({runtime['trading_mode_reason']})" if runtime["trading_mode_reason"] else ""
    yield "trading mode", f"{runtime['trading_mode']}{why}"
    yield "phase", runtime["phase"]
    if runtime["strategy_id"]:
        yield "session", f"{runtime['strategy_id']} (#{runtime['session_id']}), {runtime['mode']}"
    if config:
        yield "configuration", f"{config['name']}, revision {config['revision']}"
    for leg in runtime["positions"]:
        size = leg.get("open_size", leg.get("size"))
        yield leg.get("leg", "leg"), f"{size} x {leg.get('symbol')}: {dollars(leg.get('pnl_abs'))}"
    yield "net", f"{dollars(totals['total_pnl'])} ({totals['total_pnl_pct'] or 0:+.1f} %)"
    for name in ("scheduled_entry_at", "planned_exit_at"):
        if runtime["schedule"].get(name):
            yield name.removesuffix("_at").replace("_", " "), str(runtime["schedule"][name])
    if runtime["attention"]:
        yield "attention", runtime["attention"]


def _price(price: Decimal | None) -> str:
    return "-" if price is None else f"{price.normalize():f}"
