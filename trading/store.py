"""The engine's store on Django's ORM: one thread with one connection of its own, every ledger write one short
transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.utils import timezone

from deltastrangle.exceptions import Conflict
from trading import lease
from trading.engine.ports import DayFacts, LeaseLost, PendingCommand, PnlSample, SessionSpec, SessionWrite
from trading.ledger_writes import write_session
from trading.models import (
    CommandStatus,
    EngineCommand,
    PnlPoint,
    RuntimeSnapshot,
    SessionStatus,
    StrategySession,
    TradingMode,
    TradingModeChoice,
)
from trading.opening import open_session
from trading.params import params_from_values
from trading.publish import Announcer
from trading.strategy.types import ZERO

log = logging.getLogger("trading.store")
MAX_QUEUED_SAMPLES = 2000
CHART_SAMPLES = 400
P = ParamSpec("P")
T = TypeVar("T")


class DjangoStore:
    """Implements ``trading.engine.ports.Store``.

    Samples are queued, bounded, and written in bulk with the next snapshot.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine-store", initializer=_durable)
        self._samples: list[tuple[int, PnlSample]] = []
        self._sequence = 0
        self._announcer = Announcer()

    async def close(self) -> None:
        """Write what is queued and close the connection."""
        await self._announcer.close()
        await self._run(_save_samples, self._take_samples())
        await self._run(connections.close_all)
        self._executor.shutdown()

    async def claim_lease(self, owner: str, seconds: float) -> int | None:
        """See the port."""
        return await self._run(lease.claim, owner, seconds)

    async def release_lease(self, owner: str) -> None:
        """See the port."""
        await self._run(lease.release, owner)

    async def lease_holder(self) -> str:
        """See the port."""
        return await self._run(lease.holder)

    async def open_session(self) -> SessionSpec | None:
        """See the port."""
        return await self._run(_open_session)

    async def reopen(self, command_id: int) -> str:
        """See the port."""
        return await self._run(_reopen, command_id)

    async def samples(self, session_id: int) -> list[PnlSample]:
        """See the port."""
        return await self._run(_samples, session_id)

    async def pending_commands(self) -> list[PendingCommand]:
        """See the port."""
        return await self._run(_pending_commands)

    async def settle_command(self, command_id: int, *, ok: bool, result: Mapping[str, object]) -> None:
        """See the port."""
        await self._run(_settle_command, command_id, ok, dict(result))

    async def trading_mode(self) -> str:
        """See the port."""
        return await self._run(_trading_mode)

    async def day_facts(self, day: date, exclude_session_id: int) -> DayFacts:
        """See the port."""
        return await self._run(_day_facts, day, exclude_session_id)

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """See the port."""
        await self._run(_write, write, token)

    def sample(self, session_id: int, sample: PnlSample) -> None:
        """See the port.

        When the database lags far behind, the oldest samples are dropped: telemetry never holds trading up.
        """
        self._samples.append((session_id, sample))
        if len(self._samples) > MAX_QUEUED_SAMPLES:
            del self._samples[: len(self._samples) - MAX_QUEUED_SAMPLES]

    async def publish(self, payload: Mapping[str, object], *, owner: str) -> None:
        """See the port."""
        self._sequence += 1
        await self._run(_save_snapshot, dict(payload), owner, self._sequence, self._take_samples())
        self._announcer.put(self._sequence, payload)

    def _take_samples(self) -> list[tuple[int, PnlSample]]:
        """What is queued, and an empty queue; in the loop's thread, so that no sample falls between the two."""
        queued, self._samples = self._samples, []
        return queued

    async def _run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: _reconnecting(call, *args, **kwargs)
        )


def _reconnecting(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Django replaces a connection that the server has closed only between requests, which the engine has none of."""
    try:
        return call(*args, **kwargs)
    except (InterfaceError, OperationalError):
        if not connection.in_atomic_block and not connection.is_usable():
            connection.close()
        raise


def _save_snapshot(payload: dict[str, object], owner: str, sequence: int, samples: list[tuple[int, PnlSample]]) -> None:
    RuntimeSnapshot.objects.update_or_create(
        name="engine",
        defaults={"owner": owner, "sequence": sequence, "payload": payload, "updated_at": timezone.now()},
    )
    _save_samples(samples)


def _save_samples(samples: list[tuple[int, PnlSample]]) -> None:
    if not samples:
        return
    PnlPoint.objects.bulk_create(
        PnlPoint(
            session_id=session_id,
            at=s.at,
            net=s.net,
            gross=s.gross,
            net_pct=s.net_pct,
            level_pct=s.level_pct,
            spot=s.spot,
        )
        for session_id, s in samples
    )


def _durable() -> None:
    """On SQLite the engine's connection waits for the disk: a committed intent must survive a power cut."""
    if connection.vendor == "sqlite" and settings.SQLITE_SYNCHRONOUS != "OFF":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


def _open_session() -> SessionSpec | None:
    session = StrategySession.objects.select_related("revision").filter(status=SessionStatus.RUNNING).first()
    if session is None:
        return None
    not_before = session.session_metadata.get("not_before")
    return SessionSpec(
        session_id=session.pk,
        strategy_id=session.strategy_id,
        mode=session.mode,
        configuration_id=session.configuration_id,
        configuration_name=session.revision.configuration_name,
        revision=session.revision.number,
        params=params_from_values(session.revision.values),
        enter_now=session.enter_now,
        state=session.engine_state,
        not_before=date.fromisoformat(not_before) if not_before else None,
    )


def _open_next_daily(closed_session_id: int) -> None:
    closed = StrategySession.objects.select_related("configuration").get(pk=closed_session_id)
    if closed.configuration is None or closed.trading_day is None:
        return
    try:
        session = open_session(configuration=closed.configuration, started_by=closed.started_by)
    except Conflict as refusal:
        log.error("No next session was opened: %s", refusal.detail, extra={"event": "repeat_refused"})
        return
    session.session_metadata["not_before"] = date.fromordinal(closed.trading_day.toordinal() + 1).isoformat()
    session.save(update_fields=["session_metadata"])


def _reopen(command_id: int) -> str:
    command = EngineCommand.objects.select_related("configuration", "actor").get(pk=command_id)
    if command.configuration is None:
        return ""
    try:
        session = open_session(
            configuration=command.configuration, started_by=command.actor, enter_now=command.enter_now
        )
    except Conflict as refusal:
        log.warning("Restart %s opened nothing: %s", command_id, refusal.detail, extra={"event": "restart_refused"})
        opened = StrategySession.objects.filter(
            status=SessionStatus.RUNNING, configuration=command.configuration, pk__gt=command.session_id or 0
        )
        return opened.values_list("strategy_id", flat=True).first() or ""
    return session.strategy_id


def _samples(session_id: int) -> list[PnlSample]:
    points = list(PnlPoint.objects.filter(session_id=session_id).order_by("id"))
    stride = max(1, len(points) // CHART_SAMPLES)
    return [PnlSample(p.at, p.net, p.gross, p.net_pct, p.level_pct, p.spot) for p in points[::stride]]


def _pending_commands() -> list[PendingCommand]:
    rows = EngineCommand.objects.filter(status=CommandStatus.PENDING).order_by("id")
    return [
        PendingCommand(row.pk, row.action, row.session_id, row.actor_email or row.source, row.reason, row.leave_open)
        for row in rows
    ]


def _settle_command(command_id: int, ok: bool, result: dict[str, object]) -> None:
    status = CommandStatus.DONE if ok else CommandStatus.FAILED
    EngineCommand.objects.filter(pk=command_id).update(status=status, result=result, settled_at=timezone.now())


def _trading_mode() -> str:
    mode = TradingMode.objects.filter(name="platform").values_list("mode", flat=True).first()
    return mode or TradingModeChoice.ACTIVE.value


def _day_facts(day: date, exclude_session_id: int) -> DayFacts:
    mode = StrategySession.objects.filter(pk=exclude_session_id).values_list("mode", flat=True).first()
    sessions = StrategySession.objects.filter(trading_day=day, mode=mode, activated_at__isnull=False)
    sessions = sessions.exclude(pk=exclude_session_id).prefetch_related("positions")
    realised = sum((leg.realized_pnl or ZERO for s in sessions for leg in s.positions.all()), ZERO)
    return DayFacts(realised=realised, sessions=len(sessions))


def _write(write: SessionWrite, token: int) -> None:
    with transaction.atomic():
        if not lease.is_ours(token):
            raise LeaseLost(f"token {token} is no longer the newest")
        write_session(write, token)
        if write.repeats:
            _open_next_daily(write.session_id)
