"""The paper venue as configured by settings."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from trading.strategy.schedule import at_ist, parse_ist_time, trading_day
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.venue import SimulatedVenue


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
