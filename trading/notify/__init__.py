"""Alerts on the store's side: raised inside the transaction of what they tell, sent later by another thread."""

from __future__ import annotations

from trading.notify.raising import raise_alert, resolve_alert

__all__ = ["raise_alert", "resolve_alert"]
