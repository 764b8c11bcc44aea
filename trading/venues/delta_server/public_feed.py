"""The public streams: made once per step for all who listen, at the exchange's cadences in wall time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from trading.venues.delta_server import frames
from trading.venues.delta_server.books import Books
from trading.venues.delta_server.candle_feed import RESOLUTIONS, CandleFeed
from trading.venues.delta_server.catalogue import UNDERLYING_OF_INDEX
from trading.venues.delta_server.listing_feed import ListingFeed
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session
from trading.venues.delta_server.tape import from_fill, prints_between
from trading.venues.delta_server.wire import Json
from trading.venues.simulated.clock import micros
from trading.venues.simulated.records import FillRecord, FillType

# Wall seconds between looks, and the longest silence about an unchanged image (None: speak on every look).
CADENCES: Final[dict[str, tuple[float, float | None]]] = {
    "ob_l1": (0.1, 5.0),
    "ob_updates": (0.1, 3_600.0),
    "ob_l2": (0.5, 10.0),
    "ticker": (5.0, None),
    "mark_price": (2.0, None),
    "spot_price": (0.2, 5.0),
    "spot_30mtwap_price": (1.0, 5.0),
    "trades": (0.5, None),
    "product_updates": (1.0, None),
    **{f"candlestick_{name}": (1.0, 60.0) for name in RESOLUTIONS},
}
EVENTS: Final = ("system_status",)
_SLACK: Final = 0.005
Image = tuple[object, Json]


class PublicFeed:
    """Frames for the sessions that subscribed to public channels."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server
        self._books = Books(server)
        self._candles = CandleFeed(server)
        self._listings = ListingFeed(server)
        self._looked: dict[str, float] = {}
        self._taped = int(server.exchange.now().timestamp())
        self._own: list[FillRecord] = []
        self._down = False
        self._makers: dict[str, Callable[[str], Iterable[tuple[str, Image]]]] = {
            "ob_l1": self._tops,
            "ob_l2": self._images,
            "ticker": self._tickers,
            "mark_price": self._marks,
            "spot_price": self._spots,
            "spot_30mtwap_price": self._means,
        }

    def own_trades(self, fills: Iterable[FillRecord]) -> None:
        """Put our own fills on the public tape."""
        self._own += [fill for fill in fills if fill.fill_type is FillType.NORMAL]

    def reset_sequences(self) -> None:
        """Begin every book's sequence anew, as after a restart of the exchange."""
        self._books.reset()

    def step(self, sessions: Sequence[Session]) -> None:
        """Send what is due."""
        now = self._server.clocks.mono()
        for channel, (every, _) in CADENCES.items():
            due = now - self._looked.get(channel, -1e9) >= every - _SLACK
            if due:
                self._looked[channel] = now
            listeners = [
                session
                for session in sessions
                if channel in session.subscriptions and (due or channel in session.fresh)
            ]
            if listeners or channel == "trades":
                self._send(channel, listeners, now, due=due)
            for session in listeners:
                session.fresh.discard(channel)

    def _send(self, channel: str, sessions: list[Session], now: float, *, due: bool) -> None:
        if channel == "ob_updates":
            self._books.send(sessions)
        elif channel == "product_updates":
            self._listings.send(sessions)
        elif channel == "trades":
            if due:
                self._tape(sessions)
        elif channel.startswith("candlestick_"):
            self._show(channel, sessions, now, lambda token: self._candles.images(channel, token))
        else:
            self._show(channel, sessions, now, self._makers[channel])

    def _show(
        self,
        channel: str,
        sessions: list[Session],
        now: float,
        maker: Callable[[str], Iterable[tuple[str, Image]]],
    ) -> None:
        silence = CADENCES[channel][1]
        made: dict[str, list[tuple[str, object, str]]] = {}
        for session in sessions:
            for token in session.subscriptions[channel]:
                if token not in made:
                    made[token] = [(key, picture, json.dumps(frame)) for key, (picture, frame) in maker(token)]
                for key, picture, text in made[token]:
                    shown = session.sent.get((channel, key))
                    if shown is None or silence is None or shown[0] != picture or now - shown[1] >= silence - _SLACK:
                        session.sent[(channel, key)] = (picture, now)
                        session.put(text, channel)

    def _stamp(self) -> int:
        return micros(self._server.exchange.now())

    def _tops(self, token: str) -> Iterable[tuple[str, Image]]:
        for symbol in self._server.catalogue.resolve(token):
            quote = self._server.glass.quote(symbol)
            if quote is not None:
                picture = frames.top(quote)
                stamps = {"lts": int(quote.at.timestamp()) * 1_000_000, "ts": micros(quote.at)}
                yield symbol, (picture, {"type": "ob_l1", "sy": symbol, **picture, **stamps})

    def _images(self, token: str) -> Iterable[tuple[str, Image]]:
        for symbol in self._server.catalogue.resolve(token):
            item = self._server.catalogue.find(symbol)
            if item is not None:
                now = self._server.exchange.now()
                picture = frames.image(self._server.exchange.market.depth(item, now))
                stamps = {"lts": int(now.timestamp()) * 1_000_000, "ts": micros(now)}
                yield symbol, (picture, {"type": "ob_l2", "sy": symbol, **picture, **stamps})

    def _tickers(self, token: str) -> Iterable[tuple[str, Image]]:
        rows, spot, stamp = [], None, 0
        for symbol in self._server.catalogue.resolve(token):
            item, quote = self._server.catalogue.find(symbol), self._server.glass.quote(symbol)
            if item is not None and quote is not None:
                spot, stamp = self._server.spot(item.underlying), max(stamp, micros(quote.at))
                rows.append(frames.ticker_row(self._server.exchange.market, item, quote, spot))
        if rows:
            yield token, (None, {"type": "ticker", "sy": token, "sp": str(spot), "ts": stamp, "d": rows})

    def _marks(self, token: str) -> Iterable[tuple[str, Image]]:
        for symbol in self._server.catalogue.resolve(token.removeprefix("MARK:")):
            quote = self._server.glass.quote(symbol)
            if quote is not None:
                name = f"MARK:{symbol}"
                yield name, (None, {"type": "mark_price", "sy": name, "p": str(quote.mark), "ts": micros(quote.at)})

    def _spots(self, token: str) -> Iterable[tuple[str, Image]]:
        underlying = UNDERLYING_OF_INDEX.get(token)
        if underlying in self._server.exchange.market.underlyings:
            price = str(self._server.spot(underlying))
            yield token, (price, {"type": "spot_price", "sy": token, "p": price, "ts": self._stamp()})

    def _means(self, token: str) -> Iterable[tuple[str, Image]]:
        underlying = UNDERLYING_OF_INDEX.get(token)
        if underlying in self._server.exchange.market.underlyings:
            price = str(self._server.exchange.market.twap(underlying, self._server.exchange.now()))
            frame = {"type": "spot_30mtwap_price", "symbol": token, "price": price, "timestamp": self._stamp()}
            yield token, (price, frame)

    def _tape(self, sessions: list[Session]) -> None:
        until = int(self._server.exchange.now().timestamp())
        after, self._taped = self._taped, until
        own, self._own = self._own, []
        wanted = {
            symbol
            for session in sessions
            for token in session.subscriptions["trades"]
            for symbol in self._server.catalogue.resolve(token)
        }
        for symbol in sorted(wanted):
            item = self._server.catalogue.find(symbol)
            trades = [from_fill(fill) for fill in own if fill.symbol == symbol]
            if item is not None:
                trades += prints_between(self._server.exchange, item, after, until)
            for trade in sorted(trades, key=lambda one: one.at):
                text = json.dumps(frames.trade(symbol, trade, self._stamp()))
                for session in sessions:
                    if session.wants("trades", symbol):
                        session.put(text, "trades")

    def status(self, event: str = "snapshot") -> Json:
        """A ``system_status`` frame."""
        now = self._stamp()
        return {
            "type": "system_status",
            "event": event,
            "status": "maintenance" if self._down else "live",
            "maintenance_start_time": now if self._down else None,
            "maintenance_finish_time": None,
            "maintenance_announcement_time": None,
            "timestamp": now,
        }

    def announce(self, sessions: Iterable[Session], event: str, *, down: bool) -> None:
        """Tell everybody who listens that maintenance began or ended."""
        self._down = down
        text = json.dumps(self.status(event))
        for session in sessions:
            if "system_status" in session.subscriptions:
                session.put(text, "system_status")
