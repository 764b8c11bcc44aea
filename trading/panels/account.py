"""The account panel: what the account holds, whose it is, and what can be done about what is nobody's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from trading.panels.words import MODES, leg_name
from trading.selectors.positions import (
    OWNER_FOREIGN,
    OWNER_IGNORED,
    OWNER_MISSING,
    OWNER_SESSION,
    AccountView,
    OrderView,
    PositionView,
)
from trading.selectors.runtime import venue_now
from trading.strategy.schedule import trading_day

PROPOSED_DAYS: Final = 7
ORDER_OWNERS: Final = {
    "session": ("the session", ""),
    "orphan": ("ours, but of no open session", "down"),
    "flatten": ("closes a foreign position", "warn"),
    "foreign": ("foreign", "warn"),
}
PENDING: Final = {"flatten": "being closed", "adopt": "being adopted", "read_account": "being read"}


def account_panel(account: AccountView, *, operator: bool) -> dict[str, Any]:
    """Rows, the state of the reading, and the day up to which ignoring is proposed."""
    today = trading_day(venue_now())
    return {
        "account": account,
        "mode_label": MODES.get(account.mode, account.mode),
        "operator": operator,
        "rows": [_row(position, outdated=account.outdated) for position in account.positions],
        "orders": [_order(order) for order in account.orders],
        "today": today,
        "propose": today + timedelta(days=PROPOSED_DAYS),
    }


def _row(position: PositionView, *, outdated: bool) -> dict[str, Any]:
    owner, tone = _owner(position, outdated=outdated), _tone(position, outdated=outdated)
    return {"position": position, "name": leg_name(position.symbol), "owner": owner, "tone": tone, "id": _id(position)}


def _owner(position: PositionView, *, outdated: bool) -> str:
    if position.pending:
        return PENDING.get(position.pending, position.pending)
    parts = [f"{-position.held:+d} of the session"] if position.held else []
    if position.foreign:
        parts.append(f"{position.foreign:+d} foreign")
    if position.missing:
        parts.append(f"{position.missing} {'not in this reading' if outdated else 'missing at the venue'}")
    if position.owner == OWNER_IGNORED and position.ignored_until is not None:
        parts.append(f"ignored until {position.ignored_until:%d %b}")
    return ", ".join(parts).replace("-", "−")


def _tone(position: PositionView, *, outdated: bool) -> str:
    """What is missing from a reading that is older than an order proves nothing yet, and alarms nobody."""
    tones = {OWNER_SESSION: "", OWNER_FOREIGN: "warn", OWNER_IGNORED: "", OWNER_MISSING: "" if outdated else "down"}
    return tones.get(position.owner, "")


def _id(position: PositionView) -> str:
    """What the ids of a row's fields are made of."""
    return "".join(letter if letter.isalnum() else "-" for letter in position.symbol)


def _order(order: OrderView) -> dict[str, Any]:
    owner, tone = ORDER_OWNERS.get(order.owner, (order.owner, ""))
    return {"order": order, "owner": owner, "tone": tone}
