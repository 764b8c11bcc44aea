"""System checks, by id (docs/configuration.md lists them). They run before every management command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

EXCHANGE_KEYS = ("DELTA_API_KEY", "DELTA_API_SECRET", "DELTA_TESTNET_API_KEY", "DELTA_TESTNET_API_SECRET")
DELTA_ADDRESSES = (
    ("http", ("DELTA_BASE_URL", "DELTA_TESTNET_URL")),
    ("ws", ("DELTA_PUBLIC_WS_URL", "DELTA_PRIVATE_WS_URL")),
    ("ws", ("DELTA_TESTNET_PUBLIC_WS_URL", "DELTA_TESTNET_PRIVATE_WS_URL")),
)
SMALLEST_WEIGHT_LIMIT = 1_000
SHORTEST_SECRET = 32
SPEED_RANGE = (1, 600)
GATE_NAMES = (
    *("GATE_QUOTE_AGE", "GATE_VENUE_LATENCY", "GATE_CLOCK_SKEW", "GATE_REJECTS", "GATE_THROTTLED"),
    *("GATE_DISK_SPACE", "GATE_DATABASE_LATENCY"),
)
# A comma inside an address (several recipients) does not separate; one before the next address does.
ALERT_SEPARATOR = re.compile(r"[\n,]\s*(?=(?:\w+=)?[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
ALERT_ENTRY = re.compile(
    r"(?:(?P<severity>info|warning|critical)=)?(?P<url>(?P<scheme>[a-z][a-z0-9+.-]*)://\S+)", re.IGNORECASE
)
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Check = Callable[..., list[CheckMessage]]


def _check(tag: str) -> Callable[[Callable[[], Iterator[CheckMessage]]], Check]:
    """Register a generator of messages as a system check."""

    def decorate(messages: Callable[[], Iterator[CheckMessage]]) -> Check:
        def run(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
            return list(messages())

        run.__name__, run.__doc__ = messages.__name__, messages.__doc__
        return register(run, tag)

    return decorate


@_check(Tags.security)
def secrets() -> Iterator[CheckMessage]:
    """E001: secrets are long, and different from each other."""
    if settings.DEBUG:
        return
    hint = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(50))"'
    for name in ("SECRET_KEY", "JWT_SECRET_KEY"):
        if len(getattr(settings, name)) < SHORTEST_SECRET:
            yield Error(f"{name} has fewer than {SHORTEST_SECRET} characters.", hint=hint, id="deltastrangle.E001")
    if settings.SECRET_KEY == settings.JWT_SECRET_KEY:
        yield Error("SECRET_KEY and JWT_SECRET_KEY are the same.", hint=hint, id="deltastrangle.E001")


@_check(Tags.security)
def exchange_keys() -> Iterator[CheckMessage]:
    """E002: only the worker has the exchange's keys in its environment."""
    if settings.STRANGLE_ROLE == "worker":
        return
    found = [name for key in EXCHANGE_KEYS for name in (key, f"{key}_FILE") if os.environ.get(name)]
    if found:
        yield Error(
            f"The web process has {' and '.join(found)} in its environment.",
            hint="Give the exchange's keys only to the worker (STRANGLE_ROLE=worker).",
            id="deltastrangle.E002",
        )


@_check(Tags.compatibility)
def layout() -> Iterator[CheckMessage]:
    """E003, E004, W001: what each process layout needs."""
    if settings.STRANGLE_LAYOUT == "embedded":
        if settings.DELTA_LIVE_TRADING:
            yield Error(
                "Live trading is enabled in the embedded layout, where a busy page delays the engine.",
                hint="Set STRANGLE_LAYOUT=split and run the worker as its own process, or DELTA_LIVE_TRADING=false.",
                id="deltastrangle.E004",
            )
        return
    if not settings.REDIS_URL:
        yield Error(
            "The split layout has no REDIS_URL: web and worker could not hear each other.",
            hint="Set REDIS_URL, or STRANGLE_LAYOUT=embedded.",
            id="deltastrangle.E003",
        )
    if settings.DEBUG:
        yield Warning("DEBUG is on in the split layout.", hint="Set DEBUG=false.", id="deltastrangle.W001")


@_check(Tags.database)
def database_options() -> Iterator[CheckMessage]:
    """E005, E006: SQLite has the measured options, and no request is wrapped in a transaction."""
    database = settings.DATABASES["default"]
    if database.get("ATOMIC_REQUESTS"):
        yield Error(
            "ATOMIC_REQUESTS would hold the write lock while pages render.",
            hint="Use short transactions in services.",
            id="deltastrangle.E006",
        )
    if not database["ENGINE"].endswith("sqlite3"):
        return
    options = database.get("OPTIONS", {})
    write_ahead = "journal_mode=wal" in str(options.get("init_command", "")).lower()
    if not write_ahead or options.get("transaction_mode") != "IMMEDIATE" or not options.get("timeout"):
        yield Error(
            "SQLite runs without write-ahead log, IMMEDIATE transactions or busy timeout: the engine meets locks.",
            hint="Keep the OPTIONS that deltastrangle.settings sets.",
            id="deltastrangle.E005",
        )


@_check(Tags.compatibility)
def simulated_venue() -> Iterator[CheckMessage]:
    """E007, E008, E009: the simulated venue's speed, start and balance make sense."""
    low, high = SPEED_RANGE
    if not low <= settings.SIMULATED_VENUE_SPEED <= high:
        yield Error(f"SIMULATED_VENUE_SPEED must be between {low} and {high}.", id="deltastrangle.E007")
    if not CLOCK.fullmatch(settings.SIMULATED_VENUE_START):
        yield Error("SIMULATED_VENUE_START must be a time of day, HH:MM.", id="deltastrangle.E008")
    if not _is_positive(settings.SIMULATED_VENUE_BALANCE):
        yield Error("SIMULATED_VENUE_BALANCE must be a positive amount in USD.", id="deltastrangle.E009")


@_check(Tags.compatibility)
def engine_timing() -> Iterator[CheckMessage]:
    """E010: the engine polls and publishes, and renews its lease well before it runs out."""
    for name in ("ENGINE_COMMAND_POLL_SECONDS", "ENGINE_PUBLISH_SECONDS"):
        if not 0 < getattr(settings, name) <= 60:
            yield Error(f"{name} must be above 0 and at most 60 seconds.", id="deltastrangle.E010")
    if settings.ENGINE_LEASE_SECONDS < 2:
        yield Error("ENGINE_LEASE_SECONDS must be at least 2.", id="deltastrangle.E010")


@_check(Tags.compatibility)
def delta_exchange() -> Iterator[CheckMessage]:
    """E011: addresses of the exchange are of the right kind; speed and weight limit make sense."""
    for scheme, names in DELTA_ADDRESSES:
        for name in names:
            address = getattr(settings, name)
            if address and not address.startswith((f"{scheme}://", f"{scheme}s://")):
                yield Error(f"{name} must start with {scheme}:// or {scheme}s://.", id="deltastrangle.E011")
    low, high = SPEED_RANGE
    if not low <= settings.DELTA_TESTNET_SPEED <= high:
        yield Error(f"DELTA_TESTNET_SPEED must be between {low} and {high}.", id="deltastrangle.E011")
    if settings.DELTA_WEIGHT_LIMIT < SMALLEST_WEIGHT_LIMIT:
        yield Error(f"DELTA_WEIGHT_LIMIT must be at least {SMALLEST_WEIGHT_LIMIT}.", id="deltastrangle.E011")


@_check(Tags.compatibility)
def health_gates() -> Iterator[CheckMessage]:
    """E012: a gate reopens on the good side of where it closes."""
    for name in GATE_NAMES:
        close, reopen = getattr(settings, f"{name}_CLOSE"), getattr(settings, f"{name}_REOPEN")
        better = reopen > close if name == "GATE_DISK_SPACE" else reopen < close
        if close > 0 and not better:
            yield Error(f"{name}_REOPEN must be on the good side of {name}_CLOSE.", id="deltastrangle.E012")
    for name in ("GATE_HOLD_SECONDS", "ALERT_VENUE_AWAY_SECONDS", "ALERT_WORKER_SILENT_SECONDS"):
        if not 0 <= getattr(settings, name) <= 3600:
            yield Error(f"{name} must be between 0 and 3600 seconds.", id="deltastrangle.E012")


@_check(Tags.security)
def alert_addresses() -> Iterator[CheckMessage]:
    """E013: every entry of ALERT_URLS is an address; the message never quotes one."""
    for number, entry in enumerate(re.split(ALERT_SEPARATOR, settings.ALERT_URLS or ""), 1):
        if entry.strip() and not ALERT_ENTRY.fullmatch(entry.strip()):
            yield Error(
                f"ALERT_URLS: entry {number} is not like severity=scheme://…, or its severity is unknown.",
                hint="Severities are info, warning and critical; without one, the address takes all.",
                id="deltastrangle.E013",
            )


def _is_positive(amount: str) -> bool:
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return False
    return value.is_finite() and value > 0
