"""Settings of the wire: who may connect, what it may spend, and which of the exchange's quirks are shown."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_KEY = "simulated-key"
DEFAULT_SECRET = "simulated-secret"
USER_ID = 57_354_187


@dataclass(frozen=True, slots=True)
class Quirks:
    """What the exchange does and one would not expect (``spec/delta_exchange.md`` §13.4 and §13.6).

    ``hide_filled_by_client_id``: the read by client order id does not find filled orders (seen live).
    ``margined_lag_seconds``: ``/positions/margined`` is up to so many wall seconds old (documented).
    ``unsigned_short_pnl``: ``unrealized_pnl`` of short options is their premium, unsigned (reported).
    ``heartbeat_spares_stops``: whether a missed heartbeat leaves stops and reduce-only orders alone; documented
    nowhere, so the default is the dangerous answer.
    ``settlement_price_seconds``: venue seconds from an expiry until the product tells its ``settlement_price``.
    ``lists_worthless``: whether the wallet lists the settlement of a worthless option, with an amount of zero.
    """

    hide_filled_by_client_id: bool = True
    margined_lag_seconds: float = 10.0
    unsigned_short_pnl: bool = True
    heartbeat_spares_stops: bool = False
    settlement_price_seconds: float = 0.0
    lists_worthless: bool = True


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One account's door. Times are wall seconds.

    ``quota`` weight units per ``window_seconds``; ``product_ops`` order operations per second and contract.
    ``read_only`` keys may not trade; an empty ``allowed_ips`` allows every address.
    """

    api_key: str = field(default=DEFAULT_KEY, repr=False)
    api_secret: str = field(default=DEFAULT_SECRET, repr=False)
    user_id: int = USER_ID
    read_only: bool = False
    allowed_ips: tuple[str, ...] = ()
    signature_seconds: float = 5.0
    quota: int = 10_000
    window_seconds: float = 300.0
    product_ops: int = 500
    socket_connects: int = 150
    socket_idle_seconds: float = 60.0
    heartbeat_seconds: float = 30.0
    quirks: Quirks = field(default_factory=Quirks)
