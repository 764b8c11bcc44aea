"""What is too old or too much goes, from rows, index, counts and disk; what is needed stays."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum

from logviewer.models import FrontendLog, LogFile, LogTally
from logviewer.retention import prune
from logviewer.selectors import LogQuery, logs_page
from logviewer.tests.written import AT, append, line, messages, read, stored

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def limits(settings: Any, log_path: Path) -> Any:
    """A week of rows, no other limit."""
    settings.BACKEND_LOG_PATH = log_path
    settings.BACKEND_LOG_RETENTION_DAYS = 7
    settings.BACKEND_LOG_MAX_ROWS = 0
    settings.BACKEND_LOG_FILE_RETENTION_DAYS = 0
    return settings


def days_ago(days: float) -> str:
    """A moment of a line."""
    return (AT - days * DAY).isoformat()


def counted() -> int:
    """All lines by the counts."""
    return LogTally.objects.aggregate(total=Sum("lines"))["total"] or 0


def test_old_lines_go_with_their_counts_and_their_words() -> None:
    stored({"message": "old", "timestamp": days_ago(8)}, {"message": "young", "timestamp": days_ago(6)})
    assert prune(AT).backend == 1
    assert (messages(), counted()) == (["young"], 1)
    assert logs_page(LogQuery(search="old"), page=1, page_size=10).items == []
    assert len(logs_page(LogQuery(search="young"), page=1, page_size=10).items) == 1


def test_many_old_lines_go_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logviewer.retention.AT_ONCE", 3)
    stored(*[{"timestamp": days_ago(8)} for _ in range(10)])
    assert prune(AT).backend == 10
    assert not LogTally.objects.exists()


def test_beyond_the_number_of_rows_the_oldest_go(limits: Any) -> None:
    limits.BACKEND_LOG_MAX_ROWS = 2
    stored(*[{"message": f"{hours}", "timestamp": days_ago(hours / 24)} for hours in (1, 4, 2, 3)])
    assert prune(AT).backend == 2
    assert sorted(messages()) == ["1", "2"]
    assert counted() == 2


def test_zero_keeps_everything(limits: Any) -> None:
    limits.BACKEND_LOG_RETENTION_DAYS = 0
    stored({"timestamp": days_ago(900)})
    assert prune(AT).backend == 0
    assert counted() == 1


def test_old_reports_go_by_the_time_of_their_arrival() -> None:
    for days in (8, 6):
        FrontendLog.objects.create(created_at=AT, received_at=AT - days * DAY, level="INFO", message=f"{days}")
    assert prune(AT).frontend == 1
    assert FrontendLog.objects.get().message == "6"


def test_rotated_files_go_when_they_are_old_and_read_and_the_current_one_never(limits: Any, log_path: Path) -> None:
    limits.BACKEND_LOG_FILE_RETENTION_DAYS = 30
    old = AT.timestamp() - 31 * 86400
    for name in ("backend.log.2", "backend.log.1", "backend.log"):
        append(log_path.parent / name, line(name))
        os.utime(log_path.parent / name, (old, old))
    read(log_path)
    append(log_path.parent / "backend.log.1", line("not read yet"))
    os.utime(log_path.parent / "backend.log.1", (old, old))
    assert prune(AT).files == 1
    assert sorted(path.name for path in log_path.parent.glob("backend.log*")) == ["backend.log", "backend.log.1"]


def test_a_generation_is_forgotten_only_when_no_file_is_it_any_more(log_path: Path) -> None:
    append(log_path, line("one"))
    read(log_path)
    LogFile.objects.update(updated_at=AT - 31 * DAY)
    prune(AT)
    assert LogFile.objects.count() == 1
    log_path.unlink()
    prune(AT)
    assert LogFile.objects.count() == 0


def test_the_command_says_what_went(capsys: pytest.CaptureFixture[str]) -> None:
    stored({"timestamp": "2001-01-01T00:00:00Z"})
    call_command("prune_logs")
    assert capsys.readouterr().out == "1 lines, 0 reports and 0 files deleted\n"
