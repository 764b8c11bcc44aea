"""The venues of the four modes, as configured by settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from trading.engine.ports import ModeUnavailable, Venue
from trading.strategy.schedule import at_ist, parse_ist_time, trading_day
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.dry_run import DryRunVenue
from trading.venues.delta.venue import DeltaVenue
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.venue import SimulatedVenue

KEY_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "testnet": ("DELTA_TESTNET_API_KEY", "DELTA_TESTNET_API_SECRET"),
    "live": ("DELTA_API_KEY", "DELTA_API_SECRET"),
}
"""Modes that trade on an account at the exchange, and the settings that hold its key and secret."""


def paper_venue() -> SimulatedVenue:
    """The simulated account at ``SIMULATED_VENUE_PATH``; a fresh one starts today at ``SIMULATED_VENUE_START`` IST.

    Raises ImproperlyConfigured for an account of another seed, and for faults that nobody knows.
    """
    start = at_ist(trading_day(datetime.now(UTC)), parse_ist_time(settings.SIMULATED_VENUE_START))
    settings.SIMULATED_VENUE_PATH.parent.mkdir(parents=True, exist_ok=True)
    config = SimulatedConfig(
        seed=settings.SIMULATED_VENUE_SEED,
        start=start,
        speed=settings.SIMULATED_VENUE_SPEED,
        balance=Decimal(settings.SIMULATED_VENUE_BALANCE),
        path=str(settings.SIMULATED_VENUE_PATH),
    )
    try:
        exchange = SimulatedExchange(config)
        faults = FaultPlan(exchange.now)
        faults.inject(settings.SIMULATED_VENUE_FAULTS)
    except ValueError as error:
        raise ImproperlyConfigured(f"Simulated venue: {error}") from error
    return SimulatedVenue(exchange, faults)


def public_config(mode: str = "dry_run") -> DeltaConfig:
    """The public data that a mode sees, without a key: that of ``DELTA_ENVIRONMENT``, or of its test exchange."""
    return _config(mode)


def account_config(mode: str) -> DeltaConfig:
    """Where mode ``testnet`` or ``live`` trades, and with which key. Raises ModeUnavailable without one: the keys are
    settings of the worker alone.
    """
    if mode == "live" and not settings.DELTA_ENVIRONMENT.endswith("_prod"):
        raise ModeUnavailable(f"Mode 'live' needs production; DELTA_ENVIRONMENT is {settings.DELTA_ENVIRONMENT}.")
    key, secret = (getattr(settings, name, None) for name in KEY_NAMES[mode])
    if not key or not secret:
        names = " and ".join(KEY_NAMES[mode])
        raise ModeUnavailable(f"Mode '{mode}' needs {names}, readable by the worker (STRANGLE_ROLE=worker) alone.")
    return _config(mode, api_key=key, api_secret=secret)


def _config(mode: str, *, api_key: str = "", api_secret: str = "") -> DeltaConfig:
    region = settings.DELTA_ENVIRONMENT.split("_")[0]
    testnet = mode == "testnet"
    return DeltaConfig(
        environment=f"{region}_testnet" if testnet else settings.DELTA_ENVIRONMENT,
        api_key=api_key,
        api_secret=api_secret,
        rest_url=settings.DELTA_TESTNET_URL if testnet else settings.DELTA_BASE_URL,
        ws_public_url=settings.DELTA_TESTNET_PUBLIC_WS_URL if testnet else settings.DELTA_PUBLIC_WS_URL,
        ws_private_url=settings.DELTA_TESTNET_PRIVATE_WS_URL if testnet else settings.DELTA_PRIVATE_WS_URL,
        weight_limit=settings.DELTA_WEIGHT_LIMIT,
        clock_speed=speed_of(mode),
        dead_man=settings.DELTA_DEAD_MAN,
        margin_check=settings.DELTA_MARGIN_CHECK,
    )


def speed_of(mode: str) -> float:
    """Venue seconds per second in a mode: 1 at an exchange, more at a simulator in a hurry."""
    speeds = {"paper": settings.SIMULATED_VENUE_SPEED, "testnet": settings.DELTA_TESTNET_SPEED}
    return float(speeds.get(mode, 1.0))


def _account_venue(mode: str) -> DeltaVenue:
    if settings.STRANGLE_LAYOUT != "split":
        raise ModeUnavailable(f"Mode '{mode}' needs the split layout: this process also serves pages.")
    if mode == "live" and not settings.DELTA_LIVE_TRADING:
        raise ModeUnavailable("Mode 'live' is switched off on the worker (DELTA_LIVE_TRADING).")
    return DeltaVenue(account_config(mode))


BUILDERS: Final[Mapping[str, Callable[[], Venue]]] = {
    "paper": paper_venue,
    "dry_run": lambda: DryRunVenue(public_config()),
    "testnet": lambda: _account_venue("testnet"),
    "live": lambda: _account_venue("live"),
}


class Venues:
    """The venues of one process: each is built when a session first needs it, and kept until ``close``."""

    def __init__(self) -> None:
        self._built: dict[str, Venue] = {}

    def venue_for(self, mode: str) -> Venue:
        """The venue of a mode. Raises ModeUnavailable with a sentence that says what is missing."""
        if mode not in self._built:
            if mode not in BUILDERS:
                raise ModeUnavailable(f"Nobody knows a mode '{mode}'.")
            self._built[mode] = BUILDERS[mode]()
        return self._built[mode]

    async def close(self) -> None:
        """Release all connections; the accounts go on without us."""
        built, self._built = self._built, {}
        for venue in built.values():
            await venue.close()
