"""``product_updates``: contracts that enter or leave their opening auction."""

from __future__ import annotations

import json

from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.session import Session
from trading.venues.simulated.clock import micros

CHANNEL = "product_updates"


class ListingFeed:
    """Compares the listings with those it saw last."""

    def __init__(self, server: DeltaServer) -> None:
        self._server = server
        self._seen: dict[str, str] = {}

    def send(self, sessions: list[Session]) -> None:
        """Tell every change of a contract's trading status since the last look."""
        live = self._server.catalogue.live()
        before, self._seen = self._seen, {item.symbol: item.trading_status for item in live}
        if not before:
            return
        for item in live:
            if before.get(item.symbol) != item.trading_status and (item.symbol in before or _auctioned(item)):
                event = "start_auction" if _auctioned(item) else "finish_auction"
                product = {"id": item.product_id, "symbol": item.symbol, "trading_status": item.trading_status}
                at = micros(self._server.exchange.now())
                text = json.dumps({"type": CHANNEL, "event": event, "product": product, "timestamp": at})
                for session in sessions:
                    session.put(text, CHANNEL)


def _auctioned(item: object) -> bool:
    return getattr(item, "trading_status", "") == "disrupted_post_only"
