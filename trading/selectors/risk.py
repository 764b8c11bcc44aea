"""What the open position risks: payoff, break-evens, greeks, margin, distances to the stops, by the newest picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trading.selectors.runtime import current_runtime

WHO: Final = ("status", "mode", "strategy_id", "session_id", "generated_at", "wall_at", "attention")
SHOCKS: Final = ("shock_pct", "shock_up", "shock_down")
RULE: Final = ("rule", "label", "verdict", "value", "threshold", "unit", "progress", "detail")
LEG: Final = (
    *("leg", "symbol", "strike", "size", "open_size", "delta", "iv_pct", "entry_price", "mark_price"),
    *("cost_to_close", "distance_pct", "pnl_abs", "quote_age_seconds"),
)


def risk_snapshot() -> dict[str, Any]:
    """The risk of the open position as plain JSON values; every field is there, None or empty with nothing open.

    Dollars, except `*_pct` (percent) and greeks: ``net_delta`` is per strangle, ``theta_per_hour`` and ``dollar_gamma``
    (for a move of 1 %) are dollars of the whole position.
    """
    return risk_of(current_runtime())


def risk_of(picture: Mapping[str, Any]) -> dict[str, Any]:
    """The risk in one runtime picture that has every field."""
    risk: Mapping[str, Any] = picture.get("risk") or {}
    payoff: Mapping[str, Any] = picture.get("payoff") or {}
    spot = (picture.get("spot") or {}).get("last")
    ends = payoff.get("breakevens") or []
    totals: Mapping[str, Any] = picture.get("totals") or {}
    return {
        **{name: picture.get(name) for name in WHO},
        "spot": spot,
        "payoff": _ladder(payoff),
        "breakevens": [{"spot": end, "distance_pct": _distance(end, spot)} for end in ends],
        "greeks": {
            "net_delta": totals.get("net_delta"),
            "theta_per_hour": risk.get("theta_per_hour"),
            "dollar_gamma": risk.get("dollar_gamma"),
        },
        "shocks": {name: risk.get(name) for name in SHOCKS},
        "margin": {name: risk.get(source) for name, source in _MARGIN},
        "daily_loss": {"limit": risk.get("loss_budget"), "used": risk.get("loss_used")},
        "stops": [{name: rule.get(name) for name in RULE} for rule in picture.get("rules") or []],
        "legs": [{name: leg.get(name) for name in LEG} for leg in picture.get("positions") or []],
    }


_MARGIN: Final = (("used", "margin"), ("available", "available"), ("cash", "cash"))


def _ladder(payoff: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = (payoff.get(name) or [] for name in ("spots", "expiry", "now"))
    return [{"spot": spot, "at_expiry": expiry, "now": now} for spot, expiry, now in zip(*columns, strict=False)]


def _distance(end: float, spot: float | None) -> float | None:
    return round((end - spot) / spot * 100, 3) if spot else None
