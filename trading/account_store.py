"""The store's half of the account beside the session: its picture, and how far a command has come."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from trading.engine.ports import AccountPicture, RestingOrder
from trading.models import AccountReading, CommandStatus, EngineCommand, Mode, TradingConfiguration
from trading.strategy.types import Position


def save_account(picture: AccountPicture) -> None:
    """Keep the picture of a mode's account, in wall time; a failed read leaves the last picture and adds its error."""
    now = timezone.now()
    changes: dict[str, object] = {"tried_at": now, "error": picture.error[:500]}
    if not picture.error:
        changes["read_at"] = now
        changes["positions"] = [_position(position) for position in picture.positions]
        changes["orders"] = [_order(order) for order in picture.orders]
    AccountReading.objects.update_or_create(mode=picture.mode, defaults=changes)


def note_command(command_id: int, progress: Mapping[str, object]) -> None:
    """Note progress in a pending command's row."""
    EngineCommand.objects.filter(pk=command_id, status=CommandStatus.PENDING).update(result=dict(progress))


def idle_mode() -> str:
    """The mode of the active configuration; paper when there is none."""
    mode = TradingConfiguration.objects.filter(is_active=True).values_list("mode", flat=True).first()
    return mode or Mode.PAPER.value


def _position(position: Position) -> dict[str, object]:
    price = position.entry_price
    return {"symbol": position.symbol, "size": position.size, "entry_price": None if price is None else str(price)}


def _order(order: RestingOrder) -> dict[str, object]:
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.venue_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "size": order.size,
        "filled": order.filled,
    }
