"""Lines as our processes write them, and what has been read of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from logviewer.ingest import Ingester
from logviewer.lines import Line, parse_line
from logviewer.models import BackendLog
from logviewer.writers import add_to_tallies, insert_lines, kinds_of

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def line(message: str, **fields: Any) -> str:
    """One line of the log."""
    usual = {"message": message, "timestamp": AT.isoformat(), "level": "INFO", "logger": "trading.engine"}
    return json.dumps({**usual, **fields}) + "\n"


def append(path: Path, *lines: str) -> None:
    """Write to the end of a file, as a logger does."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def read(path: Path) -> int:
    """A look of an ingester that knows nothing but what is in the database."""
    return Ingester(path).run(datetime.now(UTC))


def messages() -> list[str]:
    """What has been read, in the order of reading."""
    return list(BackendLog.objects.order_by("id").values_list("message", flat=True))


def stored(*given: dict[str, Any]) -> list[BackendLog]:
    """Rows with these fields, a second apart unless they say when."""
    lines: list[Line] = []
    for number, fields in enumerate(given):
        text = line(
            **{"message": f"line {number}", "timestamp": (AT + timedelta(seconds=number)).isoformat(), **fields}
        )
        parsed = parse_line(text.encode(), 1, BackendLog.objects.count() + number, AT + timedelta(minutes=5))
        assert parsed is not None
        lines.append(parsed)
    insert_lines(lines)
    add_to_tallies(kinds_of(lines))
    return list(BackendLog.objects.order_by("id"))
