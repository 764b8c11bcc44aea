"""The fault matrix as data: every row and the scenario that shows it, in the order of the specification."""

from __future__ import annotations

MATRIX: dict[str, str] = {
    "timeout after acceptance": "test_orders.py",
    "timeout before acceptance": "test_orders.py",
    "duplicate acknowledgement": "test_orders.py",
    "acknowledgement lost and the fill seen on the socket only": "test_orders.py",
    "reject of leg 2": "test_orders.py",
    "partial fill of leg 1 then reject": "test_orders.py",
    "cancel/fill race": "test_orders.py",
    "close filled but not reported": "test_orders.py",
    "reduce-only refused": "test_orders.py",
    "positions read fails": "test_account.py",
    "stale quote": "test_market.py",
    "crossed quote": "test_market.py",
    "one-sided book": "test_market.py",
    "socket silent but open": "test_market.py",
    "socket closed": "test_market.py",
    "429 with reset": "test_market.py",
    "signature expired while queued": "test_market.py",
    "clock skew of ±5 s": "test_market.py",
    "database locked": "test_process.py",
    "disk full": "test_process.py",
    "kill -9 between any two effects": "test_process.py",
    "two workers at once": "test_process.py",
    "position closed by hand": "test_account.py",
    "foreign position on the same strike": "test_account.py",
    "expiry while exiting": "test_account.py",
    "UTC/IST day boundary": "test_account.py",
    "config edited during a session": "test_process.py",
    "unlock after panic": "test_process.py",
    "maintenance announced": "test_market.py",
    "market order outside the price band": "test_orders.py",
    "settlement without a fill": "test_account.py",
    "HTTP 200 with success:false": "test_orders.py",
    "HTML error body": "test_orders.py",
}


def name_of_test(row: str) -> str:
    """The name of a row's test: the row itself in letters, digits and underscores."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in row.lower())
    return "test_" + "_".join(kept.split())
