"""The platform's machine words in the words of people."""

from __future__ import annotations

import re
from typing import Final

from trading.panels.formats import number

SYMBOL: Final = re.compile(r"(?P<kind>[CP])-[A-Z0-9]+-(?P<strike>\d+(?:\.\d+)?)-\d{6}")

PHASES: Final[dict[str, tuple[str, str]]] = {
    "idle": ("Idle", "i-idle"),
    "waiting": ("Waiting", "i-waiting"),
    "selecting": ("Choosing strikes", "i-selecting"),
    "entering": ("Entering", "i-entering"),
    "live": ("Live", "i-live"),
    "exiting": ("Closing", "i-exiting"),
    "closed": ("Closed", "i-closed"),
    "cooldown": ("Closed", "i-closed"),
    "attention": ("Needs attention", "i-attention"),
}
"""Phase to its label and icon."""

EXIT_REASONS: Final[dict[str, str]] = {
    "max_loss": "Maximum loss reached",
    "max_profit": "Profit target reached",
    "trailing_sl": "Trailing stop",
    "leg_stop": "Stop of one leg",
    "underlying_stop": "Move of the underlying",
    "delta_stop": "Net delta limit",
    "time_exit": "Exit time reached",
    "settlement_guard": "Closed ahead of settlement",
    "stale_data": "Market data went stale",
    "daily_loss": "Daily loss limit",
    "panic_close": "Panic close",
    "stopped": "Stopped by an operator",
    "handed_over": "Handed over with legs open",
    "entry_failed": "Entry failed",
    "no_entry": "No entry was made",
    "closed_outside": "Closed outside the platform",
    "settlement": "Settled at expiry",
    "resumed_exit": "Close resumed after a crash",
    "forced_exit": "Forced exit",
}

MODES: Final[dict[str, str]] = {"paper": "Paper", "dry_run": "Dry run", "testnet": "Testnet", "live": "Live money"}

TRADING_MODES: Final[dict[str, str]] = {
    "active": "Entries allowed",
    "stop_entries": "New entries stopped",
    "reduce_only": "Reduce only",
    "halted": "Halted",
}

ORDER_STATUS: Final[dict[str, tuple[str, str]]] = {
    "intent": ("Intent", ""),
    "open": ("Working", "accent"),
    "closed": ("Filled", "up"),
    "cancelled": ("Cancelled", ""),
    "rejected": ("Rejected", "down"),
    "unknown": ("Unknown", "warn"),
}
"""Order status to its label and the tone of its chip."""

PURPOSES: Final[dict[str, str]] = {"entry": "Entry", "exit": "Exit", "unwind": "Unwind", "stop": "Stop"}


def phase_words(phase: str) -> tuple[str, str]:
    """Label and icon of a phase; an unknown one is shown as it is."""
    return PHASES.get(phase, (phase.replace("_", " ").capitalize(), "i-info"))


def reason_words(reason: object) -> str:
    """Why a session ended, for people; nothing while it has not."""
    text = str(reason or "")
    return EXIT_REASONS.get(text, text.replace("_", " ").capitalize())


def order_words(status: str, filled: int, quantity: int) -> tuple[str, str]:
    """Label and tone of an order. Filled in part, without a fill yet, or wrongly taken for refused says so."""
    if status in {"closed", "cancelled"} and 0 < filled < quantity:
        return "Partly filled", "warn"
    if status == "closed" and not filled:
        return "Ended", ""
    if status == "rejected" and filled:
        return "Filled after all", "warn"
    return ORDER_STATUS.get(status, (status.capitalize(), ""))


def spoken(text: str) -> str:
    """A sentence of the engine with its option symbols as legs: ``Picked call 80,800 and put 78,000 of 90 strikes``."""
    return SYMBOL.sub(lambda found: leg_name(found[0]).lower(), text)


def leg_name(symbol: str) -> str:
    """``Call 80,800`` for ``C-BTC-80800-050926``; anything else as it is."""
    found = SYMBOL.fullmatch(symbol)
    if found is None:
        return symbol
    return f"{'Call' if found['kind'] == 'C' else 'Put'} {number(found['strike'], 0)}"
