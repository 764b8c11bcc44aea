"""Putting a simulator together from plain values, as a command line gives them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from trading.venues.delta_server.app import DeltaApp
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.simulated.candles import recent_stats
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange


def build_app(
    *,
    path: str,
    seed: int,
    speed: float,
    start: datetime,
    balance: str,
    api_key: str,
    api_secret: str,
    faults: str = "",
) -> DeltaApp:
    """The application on the account at ``path``. ``start`` (aware) counts for a fresh account only. ValueError for
    bad values, for another seed's file, and for faults that are not known.
    """
    config = SimulatedConfig(seed=seed, start=start, speed=speed, balance=Decimal(balance), path=path)
    server = DeltaServer(SimulatedExchange(config), ServerConfig(api_key=api_key, api_secret=api_secret))
    server.faults.inject(faults)
    warm_up(server)
    return DeltaApp(server)


def warm_up(server: DeltaServer) -> None:
    """Compute what the first reader of a chain would otherwise wait for."""
    now = int(server.exchange.now().timestamp())
    for item in server.catalogue.live():
        recent_stats(server.exchange.market, item, now)
