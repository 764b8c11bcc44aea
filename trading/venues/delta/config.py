"""Settings of one connection to Delta Exchange. What the exchange documents nowhere is a field here, with the safe
default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hosts:
    """Base URLs of one environment (``spec/delta_exchange.md`` §1.1)."""

    rest: str
    ws_private: str
    ws_public: str


ENVIRONMENTS: Mapping[str, Hosts] = {
    "india_prod": Hosts(
        "https://api.india.delta.exchange",
        "wss://socket.india.delta.exchange",
        "wss://public-socket.india.delta.exchange",
    ),
    "india_testnet": Hosts(
        "https://cdn-ind.testnet.deltaex.org",
        "wss://socket-ind.testnet.deltaex.org",
        "wss://socket-ind-pub.testnet.deltaex.org",
    ),
    "global_prod": Hosts("https://api.delta.exchange", "wss://socket.delta.exchange", "wss://socket.delta.exchange"),
    "global_testnet": Hosts(
        "https://testnet-api.delta.exchange",
        "wss://testnet-socket.delta.exchange",
        "wss://testnet-socket.delta.exchange",
    ),
}
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class DeltaConfig:
    """One connection: where, as whom, and how carefully. Raises ValueError for an unknown environment or missing URLs.

    Where and who
        ``environment`` is a key of ``ENVIRONMENTS`` or ``custom`` with the three URLs given; URLs given always win.
        The public socket of the global hosts is documented nowhere: the private one, which also carries public
        channels, stands in. ``api_key`` and ``api_secret`` never appear in a repr. ``underlyings`` are those whose
        positions are read. ``index_suffix`` completes the index symbol, ``.DEX`` + two letters + suffix, until the
        products name it.

    Requests
        Weights are the exchange's (§6): ``weight_limit`` per ``window_seconds``, of which ``budget_share`` is spent
        at most and ``reserve_share`` of that is kept for closes and cancels. All times are seconds of wall time.
        ``order_wait_seconds`` bounds how long an order may wait for its turn before it is refused here, unsent.
        Keep-alive connections end on our side after ``keepalive_seconds``, before the exchange ends them.
        ``connect_wait_seconds`` is how long connecting may hold the engine up; the rest happens behind it.
        ``ws_throttled_seconds`` is how long, up to twice as long, a socket stays away after HTTP 429 (§7.1: five to ten
        minutes); REST stands in.
        ``quota_seconds`` is how often the exchange's own meter is read (India only; 0 for never).

    Silence
        A watched quote older than ``quote_fallback_seconds`` is read over REST every ``fallback_seconds``; working
        orders every ``order_fallback_seconds`` while the private stream is down. These are venue seconds, so that a
        simulator in a hurry is not taken for a calm market, but never less than a fraction of a wall second.
        An order that no answer came for is searched for everywhere at most every ``search_seconds``.

    Clock
        ``clock_speed`` is venue seconds per second: 1 at the exchange, more at a simulator in a hurry. Signatures are
        valid for ``signature_window_seconds``, always of wall time.

    Documented nowhere ([?] in the spec), with the safe default
        ``absent_after_seconds``: how long after its sending an order that no read shows counts as never received.
        ``by_client_id_finds_filled``: whether a client id that is not found by that read says anything about filled
        orders. ``duplicate_client_id_code``: code of a repeated client order id. ``throttled_writes_are_refused``:
        whether HTTP 429 proves that an order was not executed. ``market_orders``: ``venue`` sends market orders as
        such and lets the exchange bound them by its price band; ``band`` sends an immediate-or-cancel limit at the
        edge of the newest band instead. ``positions_read``: ``underlying`` reads one underlying at a time;
        ``product`` reads product by product, should that answer carry no symbols. ``dead_man``: arm the exchange's
        heartbeat while entry orders rest, for ``dead_man_ttl_ms``; off, because whether it spares stops is not known.
        ``margin_check``: ask the undocumented margin estimate before an entry, and enter nothing without its answer.
        ``stop_trigger``: the price that stops look at, ``mark_price`` (which a thin book cannot move by one order),
        ``last_traded_price`` or ``spot_price``. ``worthless_needs_row``: book an option that expired worthless only
        once the wallet lists a settlement of it; without such a row nothing proves that the account held it till then.
        ``ws_auth``: the type of the authentication frame, ``key-auth`` or the
        ``auth`` that global pages still print (empty chooses by host).
    """

    environment: str = "india_testnet"
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    rest_url: str = ""
    ws_private_url: str = ""
    ws_public_url: str = ""
    user_agent: str = "delta-strangle/0.1"
    underlyings: tuple[str, ...] = ("BTC", "ETH")
    index_suffix: str = "USD"
    ipv4_only: bool = True

    weight_limit: int = 10_000
    window_seconds: float = 300.0
    budget_share: float = 0.85
    reserve_share: float = 0.25
    read_attempts: int = 3
    read_backoff_seconds: float = 0.25
    read_wait_seconds: float = 10.0
    order_wait_seconds: float = 1.0
    connect_wait_seconds: float = 2.0
    connect_timeout: float = 3.0
    read_timeout: float = 5.0
    keepalive_seconds: float = 45.0
    warm_seconds: float = 20.0

    clock_speed: float = 1.0
    signature_window_seconds: float = 5.0

    products_seconds: float = 180.0
    unknown_symbol_pause: float = 10.0
    page_size: int = 50
    products_page_size: int = 500
    max_pages: int = 40

    silence_seconds: float = 35.0
    ping_seconds: float = 20.0
    ws_open_timeout: float = 10.0
    ack_timeout: float = 10.0
    backoff_first: float = 1.0
    backoff_last: float = 30.0
    connects_per_window: int = 60
    ws_throttled_seconds: float = 300.0
    quote_fallback_seconds: float = 10.0
    fallback_seconds: float = 5.0
    order_fallback_seconds: float = 2.0
    search_seconds: float = 1.0
    balance_seconds: float = 60.0
    quota_seconds: float = 60.0
    fill_attempts: int = 8
    fill_pause_seconds: float = 0.25
    dead_man_ttl_ms: int = 30_000
    dead_man_ack_seconds: float = 10.0

    absent_after_seconds: float = 5.0
    by_client_id_finds_filled: bool = False
    duplicate_client_id_code: str = "bad_schema"
    throttled_writes_are_refused: bool = False
    market_orders: str = "venue"
    positions_read: str = "underlying"
    dead_man: bool = False
    margin_check: bool = True
    stop_trigger: str = "mark_price"
    worthless_needs_row: bool = True
    ws_auth: str = ""

    def __post_init__(self) -> None:
        """Fill URLs in from the environment."""
        hosts = ENVIRONMENTS.get(self.environment, Hosts("", "", ""))
        for name, known in (
            ("rest_url", hosts.rest),
            ("ws_private_url", hosts.ws_private),
            ("ws_public_url", hosts.ws_public),
        ):
            url = getattr(self, name) or known
            if not url:
                raise ValueError(f"{name} is not set, and {self.environment!r} is not one of {', '.join(ENVIRONMENTS)}")
            object.__setattr__(self, name, url.rstrip("/"))
        if not self.ws_auth:
            object.__setattr__(self, "ws_auth", "auth" if self.environment.startswith("global") else "key-auth")
        self._check()

    def _check(self) -> None:
        if self.market_orders not in ("venue", "band"):
            raise ValueError("market_orders must be venue or band")
        if self.positions_read not in ("underlying", "product"):
            raise ValueError("positions_read must be underlying or product")
        if self.stop_trigger not in ("mark_price", "last_traded_price", "spot_price"):
            raise ValueError("stop_trigger must be mark_price, last_traded_price or spot_price")
        if not (0 < self.budget_share <= 1 and 0 <= self.reserve_share < 1):
            raise ValueError("budget_share must be in (0, 1] and reserve_share in [0, 1)")
        if self.clock_speed <= 0:
            raise ValueError("clock_speed must be greater than zero")

    @property
    def budget(self) -> int:
        """Weight this client lets itself spend in a window, per bucket."""
        return int(self.weight_limit * self.budget_share)

    @property
    def reserve(self) -> int:
        """The part of the budget that only closes and cancels may spend."""
        return int(self.budget * self.reserve_share)

    def wall(self, venue_seconds: float) -> float:
        """Wall seconds for a pause given in venue seconds, at least a fifth of one."""
        return max(venue_seconds / self.clock_speed, min(venue_seconds, 0.2))

    @property
    def has_keys(self) -> bool:
        """Whether this connection can sign."""
        return bool(self.api_key and self.api_secret)
