"""Whose is what the account holds: what open sessions own, what is foreign, what is missing. Pure, and Django-free.

A position is split into three: ``held - foreign - missing`` contracts make the account's size, so that nothing is lost
and nothing counted twice. A surplus on the long side is *foreign* only as far as the session found it there when it
sold (``baseline``); beyond that it is contracts of the session that the account no longer shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trading.strategy.execution import order_prefix
from trading.strategy.state import SessionState
from trading.strategy.types import OptionType, Position, Purpose

ORDER_ID: Final = re.compile(r"(?P<prefix>ds[0-9A-Za-z-]*)-(?P<leg>CE|PE)-(?P<purpose>[exus])(?P<number>[0-9]+)\Z")
STRATEGY: Final = "delta-strangle-"


@dataclass(frozen=True, slots=True)
class Owned:
    """What one open session has in one option: contracts it is short, and what it found there before (signed)."""

    strategy_id: str
    symbol: str
    held: int
    baseline: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """One option of the account. ``size`` and ``foreign`` are signed contracts; ``held`` is what sessions are short;
    ``missing`` is contracts of a session that the account does not show. ``price`` is the venue's entry price.
    """

    symbol: str
    size: int
    held: int
    foreign: int
    missing: int
    price: Decimal | None
    strategy_id: str = ""

    @property
    def closable(self) -> int:
        """Foreign contracts that orders which only reduce can close: the account must stand on the same side."""
        same_side = self.foreign * self.size > 0
        return min(abs(self.foreign), abs(self.size)) if same_side else 0


class OrderOwner(StrEnum):
    """Whose a resting order is. ``orphan`` is one of ours whose session is not open; ``flatten`` closes something
    foreign on an operator's word.
    """

    SESSION = "session"
    ORPHAN = "orphan"
    FLATTEN = "flatten"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class OrderName:
    """A client order id of ours, taken apart."""

    strategy_id: str
    leg: OptionType
    purpose: Purpose
    number: int


def shares(positions: Iterable[Position], owned: Iterable[Owned]) -> tuple[Share, ...]:
    """Every option that the account holds or a session owns, by symbol."""
    sizes: dict[str, int] = {}
    prices: dict[str, Decimal | None] = {}
    for position in positions:
        sizes[position.symbol] = sizes.get(position.symbol, 0) + position.size
        prices[position.symbol] = position.entry_price
    owners = {one.symbol: one for one in owned if one.held}
    symbols = sorted({*(symbol for symbol, size in sizes.items() if size), *owners})
    return tuple(_share(symbol, sizes.get(symbol, 0), owners.get(symbol), prices.get(symbol)) for symbol in symbols)


def _share(symbol: str, size: int, owner: Owned | None, price: Decimal | None) -> Share:
    held, baseline = (owner.held, owner.baseline) if owner is not None else (0, 0)
    rest = size + held
    foreign = min(rest, max(baseline, 0)) if owner is not None and rest > 0 else rest
    return Share(symbol, size, held, foreign, rest - foreign, price, owner.strategy_id if owner is not None else "")


def share_of(symbol: str, positions: Iterable[Position], owned: Iterable[Owned]) -> Share:
    """One option's share; all zero when nobody has it."""
    found = (share for share in shares(positions, owned) if share.symbol == symbol)
    return next(found, Share(symbol, 0, 0, 0, 0, None))


def owned_by(state: SessionState) -> tuple[Owned, ...]:
    """What an open session owns."""
    return tuple(
        Owned(state.strategy_id, leg.instrument.symbol, leg.held, leg.baseline) for leg in state.legs if state.open
    )


def order_owner(client_order_id: str, open_strategy_ids: Iterable[str]) -> OrderOwner:
    """Whose order a client id names; an empty id is somebody else's."""
    if client_order_id.startswith(FLATTEN_PREFIX):
        return OrderOwner.FLATTEN
    name = order_name(client_order_id)
    if name is None:
        return OrderOwner.FOREIGN
    return OrderOwner.SESSION if name.strategy_id in set(open_strategy_ids) else OrderOwner.ORPHAN


def order_name(client_order_id: str) -> OrderName | None:
    """Our client order id taken apart (``strategy/execution.py``); None when it is not one of ours."""
    match = ORDER_ID.match(client_order_id)
    if match is None:
        return None
    strategy_id = STRATEGY + match["prefix"].removeprefix("ds")
    if order_prefix(strategy_id) != match["prefix"]:
        return None
    leg = next(leg for leg in OptionType if leg.code == match["leg"])
    purpose = next(purpose for purpose in Purpose if purpose.code == match["purpose"])
    return OrderName(strategy_id, leg, purpose, int(match["number"]))


FLATTEN_PREFIX: Final = "df"


def flatten_order_id(key: str, attempt: int) -> str:
    """Client order id of the ``attempt``-th order that flattens a foreign position; ``key`` is the command's own and
    has at most 26 characters.
    """
    return f"{FLATTEN_PREFIX}{key}-{attempt}"
