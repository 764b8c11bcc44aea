"""What the engine is doing now, as far as the database knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from trading.models import (
    EngineLease,
    PnlPoint,
    RuntimeSnapshot,
    SessionStatus,
    StrategySession,
    TradingMode,
    TradingModeChoice,
)
from trading.selectors.alerts import ALERT_COUNTS, COUNTED
from trading.selectors.runtime_shape import idle_runtime, runtime_of_session, with_every_field
from trading.selectors.session_blobs import monitor_of

HEARTBEAT_SECONDS: Final = 5.0
"""An engine whose snapshot is older than this, in wall time, counts as dead."""
HEARTBEAT_POINTS: Final = 5
PICTURE: Final = f"""
    SELECT snapshot.*, platform.mode AS trading_mode, platform.reason AS trading_mode_reason, alerts.*,
        (SELECT id FROM trading_strategysession WHERE status = '{SessionStatus.RUNNING.value}') AS running_id,
        EXISTS (SELECT 1 FROM trading_enginelease WHERE owner = snapshot.owner AND expires_at IS NULL) AS has_ended
    FROM ({ALERT_COUNTS}) alerts
    LEFT JOIN trading_runtimesnapshot snapshot ON snapshot.name = 'engine'
    LEFT JOIN trading_tradingmode platform ON platform.name = 'platform'
"""
"""The newest snapshot and all that corrects it, of one moment. Nothing is asked as often as this."""


@dataclass(frozen=True, slots=True)
class ModeView:
    """The platform's trading mode, why, by whom and since when; nobody ever changed it when ``changed_at`` is None."""

    mode: str
    reason: str
    changed_by: str
    changed_at: datetime | None


def trading_mode() -> ModeView:
    """The mode in force; ``active`` until somebody changes it."""
    row = TradingMode.objects.select_related("changed_by").filter(name="platform").first()
    if row is None:
        return ModeView(TradingModeChoice.ACTIVE.value, "", "", None)
    return ModeView(row.mode, row.reason, row.changed_by.email if row.changed_by else "", row.changed_at)


def running_session(*, lock: bool = False) -> StrategySession | None:
    """The one open session, or None. ``lock`` holds its row until the transaction ends (PostgreSQL)."""
    found: QuerySet[StrategySession] = StrategySession.objects.filter(status=SessionStatus.RUNNING)
    return (found.select_for_update() if lock else found).first()


def engine_alive() -> bool:
    """Whether some worker holds an engine lease that has not run out."""
    return EngineLease.objects.filter(expires_at__gt=timezone.now()).exists()


def heartbeat_age(snapshot: RuntimeSnapshot | None) -> float | None:
    """Seconds of wall time since the worker last wrote its snapshot; None when it never did."""
    if snapshot is None:
        return None
    return max(0.0, (timezone.now() - snapshot.updated_at).total_seconds())


def _is_recent(age: float | None) -> bool:
    return age is not None and age < HEARTBEAT_SECONDS


def _speaks(snapshot: RuntimeSnapshot | None) -> bool:
    """Whether the worker wrote its snapshot lately and has not ended since: one that ends gives its lease up."""
    if snapshot is None or not _is_recent(heartbeat_age(snapshot)):
        return False
    return not EngineLease.objects.filter(owner=snapshot.owner, expires_at=None).exists()


def snapshot_row() -> RuntimeSnapshot | None:
    """The newest snapshot, or None before any worker ran."""
    return RuntimeSnapshot.objects.filter(name="engine").first()


def current_runtime() -> dict[str, Any]:
    """The runtime picture, complete in its fields whether or not anything runs; numbers are floats, times ISO-8601.

    It is the worker's snapshot, corrected by what the database knows better: a session that the snapshot does not speak
    of (the worker is dead or has not seen it yet) is shown from its row and never as idle, and a dead worker's snapshot
    of a session that is over is not shown at all.
    """
    row: Any = next(iter(RuntimeSnapshot.objects.raw(PICTURE)))
    snapshot: RuntimeSnapshot | None = row if row.pk is not None else None
    age = heartbeat_age(snapshot)
    alive = _is_recent(age) and not row.has_ended
    payload: dict[str, Any] = dict(snapshot.payload) if snapshot else {}
    picture = _picture(payload, row.running_id, alive=alive)
    worker = payload.get("worker") or {}
    owner = snapshot.owner if snapshot else ""
    picture["worker"] = {"owner": owner, "standby": False, **worker, "alive": alive, "heartbeat_age_seconds": age}
    picture["trading_mode"] = row.trading_mode or TradingModeChoice.ACTIVE.value
    picture["trading_mode_reason"] = row.trading_mode_reason or ""
    picture["alerts"] = {name: getattr(row, name) for name in COUNTED}
    return picture


def heartbeat() -> dict[str, Any]:
    """A small answer for monitors: ``running`` with a session open, else ``idle``, or ``stopped`` without a worker."""
    snapshot = snapshot_row()
    alive = _speaks(snapshot)
    session = running_session()
    return {
        "status": "running" if session else "idle" if alive else "stopped",
        "strategy_id": session.strategy_id if session else None,
        "started_at": (session.activated_at or session.created_at) if session else None,
        "pnl_history": _newest_points(session) if session else [],
        "active_configuration_id": session.configuration_id if session else None,
        "worker_alive": alive,
        "venue": (snapshot.payload.get("venue") or {}).get("name") if snapshot else None,
    }


def venue_now() -> datetime:
    """The venue's clock, carried on from the last snapshot at its speed while a worker lives; else the wall's."""
    now = timezone.now()
    told = RuntimeSnapshot.objects.filter(name="engine").values_list("payload__venue", "updated_at")[:1]
    found, updated_at = next(iter(told), ({}, now))
    venue: Mapping[str, Any] = found or {}
    clock = parse_datetime(str(venue.get("clock") or ""))
    if clock is None or timezone.is_naive(clock):
        return now
    elapsed = max(0.0, (now - updated_at).total_seconds())
    return clock + timedelta(seconds=elapsed * float(venue.get("speed") or 1))


def _picture(payload: dict[str, Any], running_id: int | None, *, alive: bool) -> dict[str, Any]:
    # The row has the engine's whole state in it: it is not read when the snapshot tells of that very session.
    if running_id is not None and payload.get("session_id") == running_id:
        return with_every_field(payload)
    session = running_session() if running_id is not None else None
    if session is not None:
        return {**runtime_of_session(session, _last_look(session)), **_surroundings(payload)}
    return with_every_field(payload) if alive else {**idle_runtime(), **_surroundings(payload)}


def _last_look(session: StrategySession) -> dict[str, Any]:
    legs = list(session.positions.order_by("entry_time", "id"))
    return monitor_of(session, legs, session.session_metadata or {}, session.config_snapshot) if legs else {}


def _surroundings(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a snapshot says besides its session."""
    return {name: payload[name] for name in ("generated_at", "wall_at", "venue") if name in payload}


def _newest_points(session: StrategySession) -> list[dict[str, Any]]:
    newest = PnlPoint.objects.filter(session=session).order_by("-id")[:HEARTBEAT_POINTS]
    return [{"timestamp": point.at, "pnl": point.net} for point in reversed(newest)]
