"""What the page of one session shows, from ``session_detail``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from trading.configuration_fields import FIELDS, WEEKDAYS
from trading.configuration_spec import Field, Kind
from trading.panels.charts import PnlChart, pnl_chart
from trading.panels.formats import NONE, decimal_of, number
from trading.panels.platform import order_row
from trading.panels.words import leg_name, reason_words
from trading.selectors.session_views import Cash, cash_of
from trading.selectors.sessions import SessionDetail

CENTS: Final = 2
EXACT: Final = 8
HALF_A_CENT: Final = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class CashRow:
    """One instrument of the reconciliation, every amount written exactly."""

    name: str
    credits: str
    debits: str
    commissions: str
    net: str
    gain: Decimal


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Cash by instrument and in total. ``agrees``: whether it is the session's own net, to the cent.

    It is None, as is ``stated``, while the session runs or holds a leg: its net then has an unrealised part.
    """

    rows: tuple[CashRow, ...]
    total: CashRow
    stated: Decimal | None
    agrees: bool | None


def reconciliation(detail: SessionDetail) -> Reconciliation:
    """The cash table of a session, with the decimals that its longest amount needs: the columns add up as printed."""
    moves = detail.moves
    symbols = list(dict.fromkeys(move.symbol for move in moves))
    values = detail.config_values
    parts = {
        symbol: cash_of([move for move in moves if move.symbol == symbol], detail.legs, values) for symbol in symbols
    }
    places = _places([detail.cash, *parts.values()])
    flat = detail.session.status == "stopped" and not any(leg.open_quantity for leg in detail.legs)
    stated = decimal_of(detail.session.pnl_summary.get("total_pnl")) if flat else None
    return Reconciliation(
        rows=tuple(_cash_row(leg_name(symbol), cash, places) for symbol, cash in parts.items()),
        total=_cash_row("Total", detail.cash, places),
        stated=stated,
        agrees=None if stated is None else abs(stated - detail.cash.net) <= HALF_A_CENT,
    )


def _places(parts: Iterable[Cash]) -> int:
    amounts = [amount for cash in parts for amount in (cash.credits, cash.debits, cash.commissions)]
    exponents = [amount.normalize().as_tuple().exponent for amount in amounts]
    return min(max([CENTS, *(-exponent for exponent in exponents if isinstance(exponent, int))]), EXACT)


def _cash_row(name: str, cash: Cash, places: int) -> CashRow:
    return CashRow(
        name,
        number(cash.credits, places, signed=True),
        number(-cash.debits, places),
        number(-cash.commissions, places),
        number(cash.net, places, signed=True),
        cash.net,
    )


def session_chart(detail: SessionDetail) -> PnlChart | None:
    """Net P&L over the session's life, in percent of the credit."""
    points = [(point.at.timestamp(), point.net_pct, point.level_pct) for point in detail.pnl_points]
    values = detail.config_values
    return pnl_chart(points, stop=values.get("max_loss_pct"), target=values.get("max_profit_pct"))


def session_page(detail: SessionDetail) -> dict[str, Any]:
    """The context of the detail page."""
    item = detail.session
    return {
        "session": item,
        "pnl": item.pnl_summary,
        "spot": item.pnl_summary.get("spot") or {},
        "chart": session_chart(detail),
        "held": bool(detail.legs),
        "exit_text": reason_words(item.exit_reason),
        "legs": [{"leg": leg, "name": leg_name(leg.symbol)} for leg in detail.legs],
        "orders": [order_row(order) for order in detail.orders],
        "decisions": detail.decisions,
        "cash": reconciliation(detail),
        "proof": detail.proof_of_flat,
        "settings": setting_rows(detail.config_values),
    }


def setting_rows(values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(group, label, value) of a revision's values that are not empty, in the order of the form."""
    return [
        (str(field.group), field.label, _setting(field, values[field.name]))
        for field in FIELDS
        if values.get(field.name) not in (None, "", [], {})
    ]


def _setting(field: Field, value: object) -> str:
    match field.kind:
        case Kind.BOOL:
            return "on" if value else "off"
        case Kind.CHOICE:
            return dict(field.choices).get(str(value), str(value))
        case Kind.WEEKDAYS if isinstance(value, list):
            return "every day" if len(value) == len(WEEKDAYS) else ", ".join(dict(WEEKDAYS)[day] for day in value)
        case Kind.TRAILING if isinstance(value, Mapping):
            return ", ".join(f"at {_share(peak)} lock {_share(level)}" for peak, level in value.items())
        case Kind.INTEGER | Kind.DECIMAL:
            exact = decimal_of(value)
            return f"{value if exact is None else format(exact.normalize(), 'f')} {field.unit}".strip()
        case _:
            return f"{value} {field.unit}".strip()


def _share(fraction: object) -> str:
    exact = decimal_of(fraction)
    return NONE if exact is None else f"{(exact * 100).normalize():f} %"
