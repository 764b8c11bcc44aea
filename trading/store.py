"""The engine's store on Django's ORM: one thread with one connection of its own, every ledger write one short
transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import Error as DatabaseRefusal
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.utils import timezone

from deltastrangle.exceptions import Conflict
from deltastrangle.signals import session_closed
from trading import account_store, lease, lockouts
from trading.engine.ports import (
    AccountPicture,
    DayFacts,
    LeaseLost,
    Notice,
    PendingCommand,
    PnlSample,
    SessionSpec,
    SessionWrite,
    StoreHealth,
    TraceStretch,
    WriteRefused,
)
from trading.engine.vitals import WriteTimes, free_megabytes
from trading.ledger_writes import add_traces, write_session
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
from trading.notify.board import NoticeBoard
from trading.notify.raising import raise_alert
from trading.notify.told import tell_of_write
from trading.opening import open_session
from trading.params import params_from_values
from trading.publish import Announcer
from trading.strategy.types import Phase

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
        self._traces: list[tuple[int, TraceStretch]] = []
        self._sequence = 0
        self._announcer = Announcer()
        self._times = WriteTimes()
        self.board = NoticeBoard(self._run)

    async def close(self) -> None:
        """Write what is queued and close the connection."""
        await self._announcer.close()
        await self.board.close()
        await self._run(_save_samples, self._take_samples())
        await self._run(add_traces, self._take_traces())
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

    async def reopen(self, command_id: int, *, token: int) -> str:
        """See the port."""
        return await self._run(_fenced, token, _reopen, command_id)

    async def samples(self, session_id: int) -> list[PnlSample]:
        """See the port."""
        return await self._run(_samples, session_id)

    async def pending_commands(self) -> list[PendingCommand]:
        """See the port."""
        return await self._run(_pending_commands)

    async def settle_command(self, command_id: int, *, ok: bool, result: Mapping[str, object], token: int) -> None:
        """See the port."""
        await self._run(_fenced, token, _settle_command, command_id, ok, dict(result))

    async def note_command(self, command_id: int, progress: Mapping[str, object], *, token: int) -> None:
        """See the port."""
        await self._run(_fenced, token, account_store.note_command, command_id, progress)

    async def save_account(self, picture: AccountPicture) -> None:
        """See the port."""
        await self._run(account_store.save_account, picture)

    async def idle_mode(self) -> str:
        """See the port."""
        return await self._run(account_store.idle_mode)

    async def trading_mode(self) -> str:
        """See the port."""
        return await self._run(_trading_mode)

    async def day_facts(self, day: date, exclude_session_id: int) -> DayFacts:
        """See the port."""
        return await self._run(lockouts.day_facts, day, exclude_session_id)

    async def entry_lock(self, mode: str, day: date) -> str:
        """See the port."""
        return await self._run(lockouts.entry_lock, mode, day)

    async def health(self) -> StoreHealth:
        """See the port."""
        return StoreHealth(self._times.p99_ms(), await self._run(free_megabytes, _folders()))

    def notice(self, notice: Notice) -> None:
        """See the port."""
        self.board.put(notice)

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """See the port."""
        with self._times.timed():
            try:
                await self._run(_write, write, token)
            except (InterfaceError, OperationalError):
                raise
            except DatabaseRefusal as refusal:
                raise WriteRefused(str(refusal)) from refusal

    def sample(self, session_id: int, sample: PnlSample) -> None:
        """See the port.

        When the database lags far behind, the oldest samples are dropped: telemetry never holds trading up.
        """
        self._samples.append((session_id, sample))
        if len(self._samples) > MAX_QUEUED_SAMPLES:
            del self._samples[: len(self._samples) - MAX_QUEUED_SAMPLES]

    def trace(self, session_id: int, stretches: Sequence[TraceStretch]) -> None:
        """See the port."""
        self._traces = [*self._traces, *((session_id, stretch) for stretch in stretches)][-MAX_QUEUED_SAMPLES:]

    async def publish(self, payload: Mapping[str, object], *, owner: str) -> None:
        """See the port."""
        self._sequence += 1
        with self._times.timed():
            await self._run(_save_snapshot, dict(payload), owner, self._sequence, self._take_samples())
        self._announcer.put(self._sequence, payload)
        if self._traces:
            await self._run(add_traces, self._take_traces())

    def _take_samples(self) -> list[tuple[int, PnlSample]]:
        """What is queued, and an empty queue; in the loop's thread, so that no sample falls between the two."""
        queued, self._samples = self._samples, []
        return queued

    def _take_traces(self) -> list[tuple[int, TraceStretch]]:
        queued, self._traces = self._traces, []
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
        decision_hash=session.decision_hash,
        decision_count=session.decision_count,
    )


def _open_next_daily(closed_session_id: int) -> None:
    closed = StrategySession.objects.select_related("configuration").get(pk=closed_session_id)
    if closed.configuration is None or closed.trading_day is None:
        return
    try:
        session = open_session(configuration=closed.configuration, started_by=closed.started_by)
    except Conflict as refusal:
        log.error("No next session was opened: %s", refusal.detail, extra={"event": "repeat_refused"})
        raise_alert(
            kind="repeat_refused",
            severity="warning",
            title="No next session was opened",
            message=f"'{closed.configuration.name}' repeats daily and will not trade by itself: {refusal.detail}",
            key=f"repeat_refused:{closed.configuration.pk}",
            session_id=closed_session_id,
        )
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
        PendingCommand(
            row.pk,
            row.action,
            row.session_id,
            row.actor_email or row.source,
            row.reason,
            row.leave_open,
            payload=row.payload,
            progress=row.result,
        )
        for row in rows
    ]


def _settle_command(command_id: int, ok: bool, result: dict[str, object]) -> None:
    status = CommandStatus.DONE if ok else CommandStatus.FAILED
    EngineCommand.objects.filter(pk=command_id).update(status=status, result=result, settled_at=timezone.now())


def _trading_mode() -> str:
    mode = TradingMode.objects.filter(name="platform").values_list("mode", flat=True).first()
    return mode or TradingModeChoice.ACTIVE.value


def _folders() -> list[Path]:
    """Where the database (if it is a file) and the tapes are."""
    database = settings.DATABASES["default"]
    kept = [Path(str(database["NAME"])).parent] if database["ENGINE"].endswith("sqlite3") else []
    return [*kept, settings.TAPE_DIR]


def _is_running(session_id: int) -> bool:
    return StrategySession.objects.filter(pk=session_id, status=SessionStatus.RUNNING).exists()


def _fenced(token: int, change: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """A change in one transaction, for the newest token only. LeaseLost when another worker has taken over."""
    with transaction.atomic():
        if not lease.is_ours(token):
            raise LeaseLost(f"token {token} is no longer the newest")
        return change(*args, **kwargs)


def _write(write: SessionWrite, token: int) -> None:
    _fenced(token, _write_all, write, token)
    if write.record.phase is Phase.CLOSED:
        # A listener that fails is logged and never the engine's problem.
        session_closed.send_robust(DjangoStore, session_id=write.session_id)


def _write_all(write: SessionWrite, token: int) -> None:
    closes = write.record.phase is Phase.CLOSED and _is_running(write.session_id)
    new = write_session(write, token)
    tell_of_write(replace(write, journal=new), closed=closes)
    if closes:
        lockouts.lock_after(write.session_id, write.at or timezone.now())
    if closes and write.repeats:
        _open_next_daily(write.session_id)
