"""What a ledger write tells an operator: alerts from the lines of its journal and from its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from trading.engine.ports import Notice, SessionWrite
from trading.models import Alert, PositionLedger, Severity, StrategySession
from trading.notify.raising import raise_alert, resolve_alert
from trading.strategy.events import Journal
from trading.strategy.types import ZERO, ExitReason

STOPS: Final = frozenset(
    reason.value
    for reason in (
        ExitReason.MAX_LOSS,
        ExitReason.TRAILING_SL,
        ExitReason.LEG_STOP,
        ExitReason.UNDERLYING_STOP,
        ExitReason.DELTA_STOP,
        ExitReason.DAILY_LOSS,
        ExitReason.STALE_DATA,
    )
)
"""Exits that protect; the others were planned or asked for."""
UNUSUAL: Final = frozenset(
    {"panic_close", "closed_outside", "settlement", "stale_data", "handed_over", "entry_failed", "forced_exit"}
)
ATTENTION: Final = "attention"


def tell_of_write(write: SessionWrite, *, closed: bool) -> None:
    """Raise the alerts of one ledger write, inside its transaction. ``closed``: this write ended the session."""
    news = [(line, found) for _, line in write.journal if (found := _news(line)) is not None]
    if news:
        session = StrategySession.objects.only("strategy_id", "mode").get(pk=write.session_id)
        for line, (severity, title) in news:
            _tell_of_line(session, line, severity, title)
    if closed:
        _tell_of_end(write)


def keep_notice(notice: Notice) -> None:
    """Put what the engine noticed outside of a ledger write on file. A notice that ends another closes that one, and is
    itself told once for each that it ended: an engine that was just started cannot know whether there was one. Without
    a title it is not told.
    """
    if notice.ends:
        resolve_alert(notice.ends)
        if not notice.title or not _ends_something(notice):
            return
    raise_alert(
        kind=notice.kind,
        severity=notice.severity,
        title=notice.title,
        message=notice.message,
        key=notice.key,
        session_id=notice.session_id,
    )


def _ends_something(notice: Notice) -> bool:
    began = Alert.objects.filter(dedup_key=notice.ends).order_by("-id").first()
    return began is not None and not Alert.objects.filter(dedup_key=notice.key, pk__gt=began.pk).exists()


def _news(line: Journal) -> tuple[Severity, str] | None:
    """Severity and title of a line that is news."""
    tell = LINES.get(line.kind)
    if tell is not None:
        return tell(line)
    return (Severity.CRITICAL, "Needs attention") if line.level == "error" else None


def _tell_of_line(session: StrategySession, line: Journal, severity: Severity, title: str) -> None:
    if line.kind == "resolved":
        resolve_alert(f"{ATTENTION}:{session.pk}")
    raise_alert(
        kind=line.kind,
        severity=severity,
        title=f"{title} ({session.mode})",
        message=f"{session.strategy_id}: {line.message}",
        key=f"{line.kind}:{session.pk}",
        session_id=session.pk,
    )


def _stop_hit(line: Journal) -> tuple[Severity, str] | None:
    reason = str(line.data.get("reason", ""))
    return (Severity.WARNING, f"Stop hit: {reason.replace('_', ' ')}") if reason in STOPS else None


LINES: Final[Mapping[str, Callable[[Journal], tuple[Severity, str] | None]]] = {
    "entered": lambda _line: (Severity.INFO, "Strangle sold"),
    "entry_abandoned": lambda _line: (Severity.WARNING, "Entry given up"),
    "entry_window_closed": lambda _line: (Severity.INFO, "No entry was made"),
    "exit_decided": _stop_hit,
    "resolved": lambda _line: (Severity.INFO, "Venue and ledger agree again"),
    "handed_over": lambda _line: (Severity.WARNING, "Position handed over"),
    "closed_outside": lambda _line: (Severity.WARNING, "Legs closed outside the platform"),
    "settled": lambda _line: (Severity.WARNING, "Legs settled at expiry"),
    "settlement_unknown": lambda _line: (Severity.WARNING, "Settlement not known"),
    "mode_unavailable": lambda _line: (Severity.WARNING, "Session refused"),
}
"""Journal kinds that are news; besides them, every line of level ``error`` is critical."""


def _tell_of_end(write: SessionWrite) -> None:
    session = StrategySession.objects.get(pk=write.session_id)
    resolve_alert(f"{ATTENTION}:{session.pk}")
    resolve_alert(f"stranded:{session.pk}")
    if session.activated_at is None:
        return
    net = realised_net(session.pk)
    raise_alert(
        kind="exit",
        severity=Severity.WARNING if session.exit_reason in UNUSUAL else Severity.INFO,
        title=f"Session closed: {session.exit_reason.replace('_', ' ')}, net {net:+,.2f} USD ({session.mode})",
        message=f"{session.strategy_id}: {_detail(write)}",
        key=f"exit:{session.pk}",
        session_id=session.pk,
    )


def _detail(write: SessionWrite) -> str:
    said = write.record.metadata.get("exit")
    detail = said.get("exit_detail") if isinstance(said, dict) else ""
    return str(detail or "closed")


def realised_net(session_id: int) -> Decimal:
    """What a session's legs realised, dollars net of fees."""
    legs = PositionLedger.objects.filter(session_id=session_id).values_list("realized_pnl", flat=True)
    return sum((pnl or ZERO for pnl in legs), ZERO)
