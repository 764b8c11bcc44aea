"""What expired options settled at: the product tells the price, the wallet what was paid and charged, the fills how
much (``spec/delta_exchange.md`` §2.2, §4, §8).

Settlement prices of expired products were seen live, as were the wallet's ``settlement`` entries; a worthless option
may leave no fill. Whether India charges a settlement fee is documented nowhere: it is what the wallet says it is. The
three have to agree to the cent; where they do not, nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from trading.strategy.events import ReadSettlements
from trading.strategy.types import ZERO, Settlement, Side
from trading.venues.delta.clock import to_micros
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import Row, decimal, need_decimal, need_moment, need_text, need_whole, positive, text
from trading.venues.delta.parse_account import fill
from trading.venues.delta.rest import Rest

CENT = Decimal("0.01")
SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True)
class Expired:
    """An expired product whose settlement price is out."""

    symbol: str
    product_id: int
    price: Decimal
    at: datetime
    lot: Decimal


@dataclass(frozen=True, slots=True)
class Wallet:
    """What the wallet lists of one product since its expiry; ``paid`` is None while there is no settlement."""

    paid: Decimal | None
    fee: Decimal


class Settlements:
    """Reads only. Raises DeltaError or BadField."""

    def __init__(self, config: DeltaConfig, rest: Rest) -> None:
        self._config = config
        self._rest = rest

    async def read(self, asked: ReadSettlements) -> list[Settlement]:
        """The options of which the exchange tells all that is needed."""
        rows = await self._rest.expired_products(asked.expiry.astimezone(UTC).date())
        wanted = [row for row in rows if text(row, "symbol") in asked.symbols]
        products = [expired(row) for row in wanted if decimal(row, "settlement_price") is not None]
        if not products:
            return []
        ids = [product.product_id for product in products]
        entries, fills = await asyncio.gather(
            self._rest.transactions(since=to_micros(min(product.at for product in products))),
            self._rest.fills(since=to_micros(min(asked.since, asked.expiry)), product_ids=ids),
        )
        found = (self._settled(product, entries, fills, asked) for product in products)
        return [settlement for settlement in found if settlement is not None]

    def _settled(
        self, product: Expired, entries: Iterable[Row], fills: Iterable[Row], asked: ReadSettlements
    ) -> Settlement | None:
        wallet = _wallet(product, entries)
        of_it = [row for row in fills if text(row, "product_id") == str(product.product_id)]
        size, charged = _settled_by(of_it)
        if wallet.paid is None and (product.price or size is not None or self._config.worthless_needs_row):
            return None
        paid = wallet.paid or ZERO
        if size is None and product.price:
            size = _whole_size(product, paid)
        fee = _fee(product, paid, size or 0, wallet.fee, charged)
        return Settlement(product.symbol, product.price, product.at, fee, size, _traded(of_it, asked))


def expired(row: Row) -> Expired:
    """An expired product. Raises BadField."""
    return Expired(
        need_text(row, "symbol"),
        need_whole(row, "id"),
        need_decimal(row, "settlement_price"),
        need_moment(row, "settlement_time"),
        positive(row, "contract_value"),
    )


def _wallet(product: Expired, entries: Iterable[Row]) -> Wallet:
    """No trade is possible after the expiry, so a commission since then is one of the settlement."""
    paid: Decimal | None = None
    fee = ZERO
    for row in entries:
        if text(row, "product_id") != str(product.product_id) or need_moment(row, "created_at") < product.at:
            continue
        kind, amount = text(row, "transaction_type"), need_decimal(row, "amount")
        if kind == SETTLEMENT:
            paid = (paid or ZERO) + amount
        elif kind == "commission":
            fee -= amount
    return Wallet(paid, fee)


def _settled_by(fills: Iterable[Row]) -> tuple[int | None, Decimal]:
    """Signed contracts that settlement fills took away, None without one, and what they were charged."""
    settled = [row for row in fills if text(row, "fill_type") == SETTLEMENT]
    charged = sum((decimal(row, "commission") or ZERO for row in settled), ZERO)
    return (-sum(_signed(row) for row in settled) if settled else None), charged


def _traded(fills: Iterable[Row], asked: ReadSettlements) -> int:
    others = (row for row in fills if text(row, "fill_type") != SETTLEMENT and text(row, "id") not in asked.fill_ids)
    return sum(_signed(row) for row in others if need_moment(row, "created_at") > asked.since)


def _signed(row: Row) -> int:
    seen = fill(row).fill
    return seen.size if seen.side is Side.BUY else -seen.size


def _whole_size(product: Expired, paid: Decimal) -> int:
    """Contracts by what was paid. Raises DeltaError when that is no whole number of them."""
    size = int((paid / (product.price * product.lot)).to_integral_value())
    if abs(size * product.price * product.lot - paid) >= CENT:
        raise DeltaError("bad_body", f"{product.symbol} paid {paid}, which is no whole contracts at {product.price}")
    return size


def _fee(product: Expired, paid: Decimal, size: int, listed: Decimal, charged: Decimal) -> Decimal:
    """What settling cost: listed apart, or taken off what was paid. Raises DeltaError when the figures disagree."""
    gross = size * product.price * product.lot
    if abs(paid - gross) < CENT and abs(listed - charged) < CENT:
        return listed
    if charged and not listed and abs(paid - (gross - charged)) < CENT:
        return charged
    raise DeltaError(
        "bad_body",
        f"{product.symbol}: {size} settled at {product.price} is {gross}, but the wallet lists {paid} and a fee of "
        f"{listed}, the fill one of {charged}",
    )
