"""What the account holds, in real time, whatever shape the exchange answers in (§4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trading.strategy.types import Position
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.fields import BadField
from trading.venues.delta.parse_account import position, position_rows
from trading.venues.delta.products import Products
from trading.venues.delta.rest import Rest


class Positions:
    """Reads positions underlying by underlying; where the answer does not name its contracts, product by product.

    ``/v2/positions/margined`` lags up to ten seconds: it only says which contracts to look at, never how much is held.
    """

    def __init__(
        self,
        config: DeltaConfig,
        rest: Rest,
        products: Products,
        watched: Callable[[], Sequence[str]],
    ) -> None:
        self._config = config
        self._rest = rest
        self._products = products
        self._watched = watched
        self._by_product = config.positions_read == "product"

    async def read(self, underlying: str = "") -> list[Position]:
        """Every position that is not zero, of one underlying if it is given: 3 units by underlying. Product by product,
        one underlying stands for its watched contracts. Raises DeltaError or BadField: unknown is never flat.
        """
        if not self._by_product:
            found: list[Position] = []
            for name in (underlying,) if underlying else self._config.underlyings:
                named = await self._named(name)
                if named is None:
                    self._by_product = True
                    break
                found.extend(named)
            else:
                return found
        return await self._each(underlying)

    async def _named(self, underlying: str) -> list[Position] | None:
        """Positions of an underlying; None when the answer does not say of which contracts."""
        held: list[Position] = []
        for row in position_rows(await self._rest.positions(underlying)):
            symbol, product_id, seen = position(row)
            if not symbol and not product_id:
                return None
            if seen.size:
                held.append(Position(symbol or await self._symbol(product_id), seen.size, seen.entry_price))
        return held

    async def _symbol(self, product_id: int) -> str:
        symbol = self._products.symbol_of(product_id)
        if not symbol:
            await self._products.refresh(older_than=self._config.unknown_symbol_pause)
        return self._products.symbol_of(product_id) or f"product {product_id}"

    async def _each(self, underlying: str) -> list[Position]:
        candidates: dict[int, str] = {}
        for row in [] if underlying else await self._rest.margined():
            symbol, product_id, _ = position(row)
            if not product_id:
                raise BadField("a margined position without product_id")
            candidates[product_id] = symbol or await self._symbol(product_id)
        for symbol in self._watched():
            option = self._products.get(symbol)
            if option is not None and underlying in ("", option.underlying):
                candidates[option.product_id] = symbol
        found: list[Position] = []
        for product_id, symbol in candidates.items():
            for row in position_rows(await self._rest.position(product_id)):
                _, named, seen = position(row)
                if seen.size and named in (0, product_id):
                    found.append(Position(symbol, seen.size, seen.entry_price))
        return found
