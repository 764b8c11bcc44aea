"""What an account holds and whose it is, as far as the worker's last reading tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from trading.engine.ownership import OrderOwner, Owned, Share, order_name, order_owner, shares
from trading.models import (
    AccountReading,
    CommandAction,
    CommandStatus,
    EngineCommand,
    IgnoredPosition,
    Mode,
    OrderLedger,
    PositionLedger,
    SessionStatus,
    StrategySession,
    TradingConfiguration,
)
from trading.selectors.runtime import venue_now
from trading.strategy.schedule import trading_day
from trading.strategy.types import Phase, Position

OWNER_SESSION: Final = "session"
OWNER_FOREIGN: Final = "foreign"
OWNER_IGNORED: Final = "ignored"
OWNER_MISSING: Final = "missing"
ACCOUNT_ACTIONS: Final = (CommandAction.READ_ACCOUNT, CommandAction.ADOPT, CommandAction.FLATTEN)


@dataclass(frozen=True, slots=True)
class PositionView:
    """One option of the account in signed contracts. ``held`` is what the open session is short of it, ``missing`` what
    it should be short of and the account does not show. ``owner`` names what needs an operator first, if anything.
    """

    symbol: str
    size: int
    entry_price: Decimal | None
    owner: str
    held: int
    foreign: int
    missing: int
    strategy_id: str
    ignored_until: date | None
    can_flatten: bool
    can_adopt: bool
    pending: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """One resting order. ``owner`` is session, orphan, flatten or foreign; an orphan's ``strategy_id`` is not open."""

    client_order_id: str
    order_id: str
    symbol: str
    side: str
    size: int
    filled: int
    owner: str
    strategy_id: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """One mode's account. ``read_at`` None: never read; with an ``error`` the rest is the last picture that succeeded
    and what is held now is unknown. ``outdated``: orders were sent since, so the shares are not to be believed.
    """

    mode: str
    read_at: datetime | None
    age_seconds: float | None
    error: str
    outdated: bool
    positions: tuple[PositionView, ...]
    orders: tuple[OrderView, ...]
    last_answer: str = ""

    @property
    def troubled(self) -> bool:
        """Whether an operator should look: unreadable, or something that is nobody's and not ignored."""
        loose = any(p.owner in (OWNER_FOREIGN, OWNER_MISSING) for p in self.positions) and not self.outdated
        return bool(self.error) or loose or any(o.owner in (OrderOwner.FOREIGN, OrderOwner.ORPHAN) for o in self.orders)

    def position(self, symbol: str) -> PositionView | None:
        """The position in an option."""
        return next((position for position in self.positions if position.symbol == symbol), None)


def account_mode() -> str:
    """The mode whose account matters: the open session's, else the active configuration's, else the one read last."""
    running = StrategySession.objects.filter(status=SessionStatus.RUNNING).values_list("mode", flat=True).first()
    if running:
        return running
    active = TradingConfiguration.objects.filter(is_active=True).values_list("mode", flat=True).first()
    if active and AccountReading.objects.filter(mode=active).exists():
        return active
    newest = AccountReading.objects.order_by("-tried_at").values_list("mode", flat=True).first()
    return newest or active or Mode.PAPER.value


def account_view(mode: str = "") -> AccountView:
    """The account of ``mode``, or of the one that matters."""
    mode = mode or account_mode()
    reading = AccountReading.objects.filter(mode=mode).first()
    session = StrategySession.objects.filter(status=SessionStatus.RUNNING, mode=mode).first()
    if reading is None:
        return AccountView(mode, None, None, "", False, (), (), _last_answer(mode))
    read_at = reading.read_at
    positions = [_position_of(row) for row in reading.positions]
    found = shares(positions, _owned(session))
    ignored = _ignored(mode)
    pending = _pending(mode)
    adopting = _can_adopt(session)
    return AccountView(
        mode=mode,
        read_at=read_at,
        age_seconds=None if read_at is None else max(0.0, (timezone.now() - read_at).total_seconds()),
        error=reading.error,
        outdated=read_at is None or OrderLedger.objects.filter(session__mode=mode, created_at__gt=read_at).exists(),
        positions=tuple(
            _position_view(share, ignored.get(share.symbol), adopting, pending.get(share.symbol, "")) for share in found
        ),
        orders=tuple(_order_view(row, session) for row in reading.orders),
        last_answer=_last_answer(mode),
    )


def _position_of(row: dict[str, Any]) -> Position:
    price = row.get("entry_price")
    return Position(str(row["symbol"]), int(row["size"]), None if price is None else Decimal(str(price)))


def _owned(session: StrategySession | None) -> list[Owned]:
    if session is None:
        return []
    rows = PositionLedger.objects.filter(session=session)
    return [
        Owned(session.strategy_id, row.symbol, row.open_quantity, int((row.analytics or {}).get("baseline") or 0))
        for row in rows
    ]


def _ignored(mode: str) -> dict[str, IgnoredPosition]:
    """What is ignored today, on the venue's calendar."""
    today = trading_day(venue_now())
    return {row.symbol: row for row in IgnoredPosition.objects.filter(mode=mode, until__gte=today)}


def _pending(mode: str) -> dict[str, str]:
    waiting = EngineCommand.objects.filter(action__in=ACCOUNT_ACTIONS, status=CommandStatus.PENDING, payload__mode=mode)
    return {str(row.payload.get("symbol", "")): row.action for row in waiting}


def _last_answer(mode: str) -> str:
    """What became of the newest adoption or flattening, in words."""
    done = EngineCommand.objects.filter(
        action__in=(CommandAction.ADOPT, CommandAction.FLATTEN), payload__mode=mode, settled_at__isnull=False
    )
    command = done.order_by("-settled_at").first()
    if command is None:
        return ""
    symbol, result = command.payload.get("symbol", ""), command.result
    if command.status == CommandStatus.FAILED:
        return f"{symbol}: {result.get('error') or 'it failed'}"
    if command.action == CommandAction.ADOPT:
        return f"{symbol}: {result.get('adopted')} adopted at {result.get('price')}"
    fills = ", ".join(f"{fill['size']} at {fill['price']}" for fill in result.get("fills", ()))
    return f"{symbol}: {result.get('filled')} closed{f' ({fills})' if fills else ''}"


def _can_adopt(session: StrategySession | None) -> frozenset[str]:
    """Symbols in which the open session could take something over."""
    if session is None or session.phase not in (Phase.LIVE.value, Phase.ATTENTION.value):
        return frozenset()
    return frozenset(session.positions.values_list("symbol", flat=True))


def _position_view(
    share: Share, ignored: IgnoredPosition | None, adopting: frozenset[str], pending: str
) -> PositionView:
    until = ignored.until if ignored is not None and ignored.size == share.foreign else None
    owner = OWNER_MISSING if share.missing else OWNER_SESSION
    if share.foreign and not share.missing:
        owner = OWNER_IGNORED if until is not None else OWNER_FOREIGN
    return PositionView(
        symbol=share.symbol,
        size=share.size,
        entry_price=share.price,
        owner=owner,
        held=share.held,
        foreign=share.foreign,
        missing=share.missing,
        strategy_id=share.strategy_id,
        ignored_until=until,
        can_flatten=share.closable > 0 and not pending,
        can_adopt=share.symbol in adopting and share.foreign < 0 and share.price is not None and not pending,
        pending=pending,
    )


def _order_view(row: dict[str, Any], session: StrategySession | None) -> OrderView:
    client_id = str(row.get("client_order_id", ""))
    name = order_name(client_id)
    return OrderView(
        client_order_id=client_id,
        order_id=str(row.get("order_id", "")),
        symbol=str(row.get("symbol", "")),
        side=str(row.get("side", "")),
        size=int(row.get("size") or 0),
        filled=int(row.get("filled") or 0),
        owner=order_owner(client_id, [session.strategy_id] if session else []).value,
        strategy_id=name.strategy_id if name else "",
    )
