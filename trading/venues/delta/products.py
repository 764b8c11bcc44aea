"""The exchange's option products, read every few minutes and whenever an unknown symbol turns up (§2.2)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from trading.strategy.types import Instrument
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.fields import Row, inner, text
from trading.venues.delta.parse import OPTION_TYPES, instruments
from trading.venues.delta.rest import Rest

log = logging.getLogger("trading.venues.delta")


class Products:
    """A cache of instruments by symbol, with the index each underlying settles on."""

    def __init__(self, rest: Rest, config: DeltaConfig, *, mono: Callable[[], float] = time.monotonic) -> None:
        self.skipped: tuple[str, ...] = ()
        self._rest = rest
        self._config = config
        self._mono = mono
        self._by_symbol: dict[str, Instrument] = {}
        self._by_id: dict[int, str] = {}
        self._index: dict[str, str] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    def get(self, symbol: str) -> Instrument | None:
        """An instrument by symbol."""
        return self._by_symbol.get(symbol)

    def symbol_of(self, product_id: int) -> str:
        """The symbol of a product id; empty if unknown."""
        return self._by_id.get(product_id, "")

    def of(self, underlying: str) -> list[Instrument]:
        """The live options of an underlying."""
        return [option for option in self._by_symbol.values() if option.underlying == underlying]

    def index_of(self, underlying: str) -> str:
        """The index symbol, e.g. ``.DEXBTUSD``: as the products say, else by the exchange's pattern."""
        return self._index.get(underlying) or f".DEX{underlying[:2]}{self._config.index_suffix}"

    async def fresh(self) -> None:
        """Read the products if they are older than ``products_seconds``. Raises DeltaError."""
        if self._mono() - self._read_at >= self._config.products_seconds:
            await self.refresh(older_than=self._config.products_seconds)

    async def know(self, symbols: Iterable[str]) -> None:
        """Read the products again if one of ``symbols`` is unknown, but not more often than every few seconds."""
        if any(symbol not in self._by_symbol for symbol in symbols):
            await self.refresh(older_than=self._config.unknown_symbol_pause)

    async def refresh(self, *, older_than: float = 0.0) -> None:
        """Read all products, once however many ask at the same time. Raises DeltaError and keeps the old ones then."""
        async with self._reading:
            if self._mono() - self._read_at < older_than:
                return
            rows = await self._rest.products()
            self._take(rows)
            self._read_at = self._mono()

    def expire(self) -> None:
        """Have the next look read the products again."""
        self._read_at = float("-inf")

    def update_status(self, symbol: str, trading_status: str) -> None:
        """A contract's trading status changed (``product_updates``); an unknown contract means new listings."""
        known = self._by_symbol.get(symbol)
        if known is None:
            self.expire()
        elif trading_status and known.trading_status != trading_status:
            log.info("%s is %s", symbol, trading_status, extra={"event": "delta_product_status"})
            self._by_symbol[symbol] = replace(known, trading_status=trading_status)

    def _take(self, rows: Sequence[Row]) -> None:
        good, skipped = instruments(rows)
        self._by_symbol = {option.symbol: option for option in good}
        self._by_id.update((option.product_id, option.symbol) for option in good)
        self.skipped = tuple(skipped)
        for row in rows:
            if text(row, "contract_type") in OPTION_TYPES and (index := text(inner(row, "spot_index"), "symbol")):
                self._index[text(inner(row, "underlying_asset"), "symbol")] = index
