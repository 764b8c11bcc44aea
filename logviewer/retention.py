"""What is too old, or too much: rows of the logs, rotated files, and what was known of files that are gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from logviewer.generations import files_of, known_as
from logviewer.models import BackendLog, FrontendLog, LogFile, LogTally
from logviewer.writers import add_to_tallies, hour_of

AT_ONCE: Final = 2000
FORGET_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    backend: int
    frontend: int
    files: int


def prune(now: datetime | None = None) -> Pruned:
    """Apply the settings: age and number of rows, age of rotated files. A limit of 0 keeps everything.

    Rows go in short transactions of a few at a time, so that nobody waits for them.
    """
    at = now or datetime.now(UTC)
    cutoff = _cutoff(at, settings.BACKEND_LOG_RETENTION_DAYS)
    backend = frontend = 0
    if cutoff:
        backend += _prune_older(cutoff)
        frontend += _prune_reports(cutoff)
    backend += _prune_excess(settings.BACKEND_LOG_MAX_ROWS)
    files = _prune_files(settings.BACKEND_LOG_PATH, _cutoff(at, settings.BACKEND_LOG_FILE_RETENTION_DAYS))
    _forget_files(at - timedelta(days=FORGET_DAYS))
    return Pruned(backend, frontend, files)


def _cutoff(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days > 0 else None


def _prune_older(cutoff: datetime) -> int:
    removed = 0
    while gone := _remove_oldest(AT_ONCE, cutoff):
        removed += gone
    return removed


def _prune_excess(most: int) -> int:
    if most <= 0:
        return 0
    excess = (LogTally.objects.aggregate(total=Sum("lines"))["total"] or 0) - most
    removed = 0
    while removed < excess and (gone := _remove_oldest(min(AT_ONCE, excess - removed))):
        removed += gone
    return removed


def _remove_oldest(count: int, before: datetime | None = None) -> int:
    """Remove up to ``count`` of the oldest lines, and take them off the counts."""
    rows = BackendLog.objects.order_by("logged_at", "id")
    if before:
        rows = rows.filter(logged_at__lt=before)
    with transaction.atomic():
        found = list(rows.values_list("id", "logged_at", "level", "logger_name", "event", "strategy_id")[:count])
        if not found:
            return 0
        BackendLog.objects.filter(pk__in=[row[0] for row in found]).delete()
        add_to_tallies(Counter((hour_of(row[1]), *row[2:]) for row in found), -1)
        LogTally.objects.filter(lines__lte=0).delete()
    return len(found)


def _prune_reports(cutoff: datetime) -> int:
    removed, _ = FrontendLog.objects.filter(received_at__lt=cutoff).delete()
    return removed


def _prune_files(path: Path, cutoff: datetime | None) -> int:
    """Delete rotated files that are old and have been read to their end. The current file is never touched."""
    if cutoff is None:
        return 0
    known = list(LogFile.objects.filter(path=str(path)))
    removed = 0
    for seen in files_of(path):
        file = known_as(seen, known)
        was_read = file is not None and file.offset >= seen.size
        if not seen.is_current and was_read and seen.modified < cutoff.timestamp():
            seen.path.unlink(missing_ok=True)
            removed += 1
    return removed


def _forget_files(before: datetime) -> None:
    """Forget generations that no file is any more."""
    known = list(LogFile.objects.all())
    alive = {file.pk for path in {file.path for file in known} for file in _alive(Path(path), known)}
    LogFile.objects.filter(updated_at__lt=before).exclude(pk__in=alive).delete()


def _alive(path: Path, known: list[LogFile]) -> list[LogFile]:
    own = [file for file in known if file.path == str(path)]
    return [file for seen in files_of(path) if (file := known_as(seen, own))]
