"""What an export leaves in the log: the reference's events, under the request's correlation id."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.services import issue_tokens
from deltastrangle.logs import JsonFormatter
from logviewer.tests.conftest import a_user

pytestmark = pytest.mark.django_db
EXPORT = "/api/logs/backend/export"


class Lines(logging.Handler):
    """Keeps what is logged as the file would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.kept.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines of all exports."""
    handler = Lines()
    loggers = [logging.getLogger(name) for name in ("logviewer.export", "analytics.export")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


def asked(client: Client, path: str) -> Any:
    """A download under the correlation id ``export-1``, not yet read."""
    token = issue_tokens(user=a_user())["access_token"]
    return client.get(path, headers={"Authorization": f"Bearer {token}", "X-Correlation-ID": "export-1"})


@pytest.mark.parametrize(
    ("path", "event"),
    [(EXPORT, "backend_logs_export_completed"), ("/api/analytics/export", "analytics_export_completed")],
)
def test_a_download_that_was_read_is_told_with_its_caller(client: Client, lines: Lines, path: str, event: str) -> None:
    response = asked(client, path)
    assert lines.kept == []
    b"".join(response)
    (line,) = lines.kept
    assert f'"event": "{event}"' in line
    assert '"correlation_id": "export-1"' in line
    assert '"duration_ms": ' in line


def test_a_download_that_broke_is_told_too(client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(query: object) -> Iterator[object]:
        raise OSError("disk")
        yield

    monkeypatch.setattr("logviewer.export.export_lines", broken)
    response = asked(client, EXPORT)
    with pytest.raises(OSError, match="disk"):
        b"".join(response)
    assert '"event": "backend_logs_export_failed"' in lines.kept[0]
