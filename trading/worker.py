"""The process side of the engine: built from settings, hosted beside a Channels listener that only wakes it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings

from deltastrangle.memory import settle_memory
from trading.engine.archive import Archive
from trading.engine.ports import ModeUnavailable
from trading.engine.runtime import Engine, EngineSettings
from trading.engine.tape_files import Tapes
from trading.gate_settings import build_watch
from trading.notify.addresses import parse_addresses
from trading.notify.destinations import build
from trading.notify.sender import AlertSender
from trading.store import DjangoStore
from trading.venue_factory import Venues, speed_of

log = logging.getLogger("trading.worker")
LISTENER_PAUSE_SECONDS = 1.0
LISTENER_TELL_SECONDS = 60.0
LISTENER_FAREWELL_SECONDS = 2.0
FLATTEN_LOOP_SECONDS = 0.05
VENUE_SECONDS_A_LOOK = 3.0
FASTEST_LOOP_SECONDS = 0.005
SWITCH_SECONDS = 0.0005
_running: Engine | None = None


class EngineConsumer(AsyncConsumer):
    """Receives ``engine.wake`` on the channel ``strangle-engine`` and does nothing but wake the engine of this
    process.
    """

    async def engine_wake(self, _message: dict[str, Any]) -> None:
        """Have the engine look at its commands now."""
        if _running is not None:
            _running.wake()


def build_engine(store: DjangoStore, venues: Venues, owner: str = "") -> Engine:
    """The engine as configured; a mode that this process has no venue for ends its session with the reason.

    ``owner`` gets a random ending: two containers may well have the same host name and process id, and must not take
    each other's lease for their own. Raises ImproperlyConfigured.
    """
    speed = settings.SIMULATED_VENUE_SPEED
    return Engine(
        watch=build_watch(),
        archive=build_archive(),
        store=store,
        venue_for=venues.venue_for,
        speed_of=speed_of,
        owner=f"{owner or settings.ENGINE_OWNER}-{secrets.token_hex(2)}",
        settings=EngineSettings(
            lease_seconds=settings.ENGINE_LEASE_SECONDS,
            command_poll_seconds=settings.ENGINE_COMMAND_POLL_SECONDS,
            publish_seconds=settings.ENGINE_PUBLISH_SECONDS,
            loop_seconds=min(0.1, max(FASTEST_LOOP_SECONDS, VENUE_SECONDS_A_LOOK / speed)),
            sample_seconds=max(5.0, speed / 2),
            speed=speed,
        ),
    )


def build_archive() -> Archive | None:
    """The tapes as configured; None when they are switched off."""
    if settings.TAPE_MAX_MB_PER_DAY <= 0:
        return None
    tapes = Tapes(settings.TAPE_DIR, max_mb=settings.TAPE_MAX_MB_PER_DAY)
    return Archive(tapes, keep_days=settings.TAPE_KEEP_DAYS)


def settle_interpreter() -> None:
    """Once everything is loaded: the collector no longer looks at it, and a thread that computes (the database's) hands
    the interpreter over after half a millisecond; by default a close that has to leave may wait five.
    """
    settle_memory()
    sys.setswitchinterval(SWITCH_SECONDS)


async def run_engine(stop: asyncio.Event) -> None:
    """Run the engine until ``stop`` is set, then end it cleanly."""
    global _running
    store, venues = DjangoStore(), Venues()
    engine = build_engine(store, venues)
    sender = AlertSender(build(parse_addresses(settings.ALERT_URLS)), stuck=lambda: store.board.stuck)
    _running = engine
    settle_interpreter()
    sender.start()
    try:
        await engine.run(stop)
    finally:
        _running = None
        sender.stop()
        await venues.close()
        await store.close()


async def run_worker(listen: Callable[[], Awaitable[None]]) -> None:
    """Engine and listener as siblings until SIGTERM or SIGINT

    A listener that dies (Redis restarted) is started again, the engine goes on; one that hangs is left behind.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = asyncio.create_task(_keep_listening(listen))
    try:
        await run_engine(stop)
    finally:
        listener.cancel()
        await asyncio.wait([listener], timeout=LISTENER_FAREWELL_SECONDS)


async def _keep_listening(listen: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    told_at = float("-inf")
    while True:
        try:
            await listen()
        except Exception as error:
            if loop.time() - told_at > LISTENER_TELL_SECONDS:
                told_at = loop.time()
                log.warning("The channel listener stopped: %s", error, extra={"event": "listener_stopped"})
        await asyncio.sleep(LISTENER_PAUSE_SECONDS)


def flatten_here(timeout: float = 120.0) -> bool:
    """Take the stale lease in this process and work until the running session is closed

    True when it is; False as soon as another worker holds the lease, whose business it then is. For ``manage.py
    panic`` without a worker. Raises ModeUnavailable where this process has no venue for the session.
    """
    return asyncio.run(_flatten(timeout))


async def _flatten(timeout: float) -> bool:
    store, venues = DjangoStore(), Venues()
    engine = build_engine(store, venues, owner=f"{settings.ENGINE_OWNER}:panic")
    try:
        async with asyncio.timeout(timeout):
            while True:
                await engine.step()
                if engine.session is None and await store.open_session() is None:
                    return True
                if engine.token is None:
                    return False
                if engine.stranded:
                    raise ModeUnavailable(engine.stranded)
                await engine.venue.wait(FLATTEN_LOOP_SECONDS)
    except TimeoutError:
        return False
    finally:
        await engine.shut_down()
        await venues.close()
        await store.close()
