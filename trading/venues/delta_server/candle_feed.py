"""``candlestick_*``: the candle that is being drawn, of trades, marks or an index."""

from __future__ import annotations

from collections.abc import Iterable

from trading.venues.delta_server import frames
from trading.venues.delta_server.catalogue import UNDERLYING_OF_INDEX
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.candles import Candle, index_candle, mark_candle, trade_candle
from trading.venues.simulated.clock import micros

RESOLUTIONS = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "12h": 43_200,
    "1d": 86_400,
    "1w": 604_800,
}


class CandleFeed:
    """Candles by subscription token."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server

    def images(self, channel: str, token: str) -> Iterable[tuple[str, tuple[object, Json]]]:
        """Name, picture and frame of every candle under a token."""
        resolution = channel.removeprefix("candlestick_")
        now = self._server.exchange.now()
        last = int(now.timestamp())
        first = last - last % RESOLUTIONS[resolution]
        for name, found in self._candles(token, first, last):
            if found is not None:
                yield name, (found, frames.candle(name, resolution, found, micros(now)))

    def _candles(self, token: str, first: int, last: int) -> Iterable[tuple[str, Candle | None]]:
        market = self._server.exchange.market
        if token in UNDERLYING_OF_INDEX:
            yield token, index_candle(market, UNDERLYING_OF_INDEX[token], first, last)
            return
        marked = token.startswith("MARK:")
        maker = mark_candle if marked else trade_candle
        for symbol in self._server.catalogue.resolve(token.removeprefix("MARK:")):
            item = self._server.catalogue.find(symbol)
            if item is not None:
                listed = int(self._server.catalogue.launch_time(item).timestamp())
                yield (f"MARK:{symbol}" if marked else symbol), maker(market, item, max(first, listed), last)
