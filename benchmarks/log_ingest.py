"""How fast the log gets into the database, against a loop that does nothing else; and that no line is lost or doubled.

``python -m benchmarks.log_ingest [--lines 200000] [--minute 60] [--database URL]``: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

BATCH: Final = 2000
ROUNDS: Final = 3
LOGGERS: Final = ("trading.engine", "trading.venues.delta", "django.request", "accounts", "trading.worker")
EVENTS: Final = ("order_filled", "quote_late", "command_done", "request_finished", "")
START: Final = datetime(2026, 11, 15, tzinfo=UTC)


def a_line(number: int) -> str:
    """A line as the platform writes them, about 300 bytes."""
    written = {
        "message": f"Order {number} of C-BTC-{number % 997} at {number % 89} filled after {number % 41} ms",
        "event": EVENTS[number % 5],
        "strategy_id": f"delta-strangle-{number // 20_000}" if number % 3 else None,
        "correlation_id": f"{number // 6:032x}",
        "mode": "paper",
        "session_id": number // 20_000,
        "timestamp": (START + timedelta(milliseconds=600 * number)).isoformat(timespec="milliseconds"),
        "level": "WARNING" if number % 50 == 0 else "ERROR" if number % 400 == 1 else "INFO",
        "logger": LOGGERS[number % 7 % 5],
    }
    return json.dumps(written) + "\n"


def write_lines(path: Path, count: int) -> None:
    """A log of ``count`` lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(a_line(number) for number in range(count))


def ours(path: Path) -> tuple[float, float]:
    """Seconds that the ingester takes for the file: to the last commit, and until the text index has it all."""
    from logviewer.ingest import Ingester

    started = time.perf_counter()
    with tqdm(unit=" lines", desc="ingester", leave=False, disable=None) as bar:
        for taken in Ingester(path, batch=BATCH).step():
            bar.update(taken)
    committed = time.perf_counter() - started
    settle()
    return committed, time.perf_counter() - started


def settle() -> None:
    """Let PostgreSQL put into its text index what it only listed; SQLite's has all that was committed."""
    from django.db import connection

    from logviewer.search import MARK, TRIGRAMS
    from logviewer.writers import LOGS

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT gin_clean_pending_list(%s::regclass)", [TRIGRAMS])
            return
        cursor.execute(f"SELECT (SELECT max(id) FROM {LOGS}) - upto FROM {MARK}")
        if cursor.fetchone()[0]:
            raise RuntimeError("The text index has not all lines")


def floor(path: Path) -> float:
    """Seconds for reading, parsing and hashing the same lines, and ``executemany`` into the same table.

    The table has the same B-tree indexes, and no index of the text.
    """
    from django.db import connection, transaction

    from logviewer.models import BackendLog

    columns = [str(field.column) for field in BackendLog._meta.fields if field.column != "id"]
    marks = ", ".join(["%s"] * len(columns))
    insert = f'INSERT INTO "{BackendLog._meta.db_table}" ({", ".join(columns)}) VALUES ({marks})'
    now = datetime.now(UTC)
    started = time.perf_counter()
    rows: list[Any] = []
    with path.open("rb") as file, connection.cursor() as cursor:
        for position, raw in enumerate(file):
            rows.append(_bare_row(raw, position, now, connection.vendor))
            if len(rows) == BATCH:
                with transaction.atomic():
                    cursor.executemany(insert, rows)
                rows = []
        if rows:
            cursor.executemany(insert, rows)
    return time.perf_counter() - started


def _bare_row(raw: bytes, position: int, now: datetime, vendor: str) -> tuple[object, ...]:
    text = raw.decode().rstrip("\n")
    found = json.loads(text)
    at: object = datetime.fromisoformat(found["timestamp"])
    stored: object = now
    if vendor == "sqlite":
        at, stored = found["timestamp"].replace("T", " ")[:-6], str(now.replace(tzinfo=None))
    names = (found["correlation_id"], found["strategy_id"] or "", "")
    head = (1, position, sha1(raw).hexdigest(), at, stored, found["level"], found["logger"])
    return (*head, found["event"], found["message"], *names, text)


def empty(*, searchable: bool = True) -> None:
    """No rows, as after the migrations; with or without the index of the text."""
    from django.db import connection

    from logviewer.models import BackendLog, LogFile, LogTally
    from logviewer.search import create, drop

    clear = "TRUNCATE" if connection.vendor == "postgresql" else "DELETE FROM"
    with connection.schema_editor() as editor:
        drop(None, editor)
        for model in (BackendLog, LogFile, LogTally):
            editor.execute(f'{clear} "{model._meta.db_table}"')
        if searchable:
            create(None, editor)


def speed(lines: int, folder: Path) -> None:
    """Print lines per second of both: in turn, each time on an empty database, the best of each counts."""
    path = folder / "backend.log"
    write_lines(path, lines)
    bare, taken = [], []
    for _ in range(ROUNDS):
        empty(searchable=False)
        bare.append(floor(path))
        empty()
        taken.append(ours(path))
    least, (committed, settled) = min(bare), min(taken, key=lambda pair: pair[1])
    print(  # noqa: T201
        f"floor (no text index) {lines / least:,.0f} lines/s; ingester {lines / committed:,.0f} to the last commit "
        f"(ratio {least / committed:.2f}), {lines / settled:,.0f} with all of it in the text index "
        f"(ratio {least / settled:.2f}); load {os.getloadavg()[0]:.1f}"
    )


def exactly_once(seconds: float, folder: Path) -> bool:
    """Append, rotate and truncate for so long while the tail reads in a process of its own."""
    from logviewer.ingest import Ingester
    from logviewer.models import BackendLog

    empty()
    path = folder / "moving.log"
    path.touch()
    command = [sys.executable, "manage.py", "ingest_logs"]
    environment = {**os.environ, "BACKEND_LOG_PATH": str(path), "BACKEND_LOG_RETENTION_DAYS": "0"}
    tail = subprocess.Popen(command, env=environment)
    try:
        written, rotations, truncations = _torment(path, seconds)
    finally:
        tail.terminate()
        tail.wait(30)
    Ingester(path).run()
    stored = list(BackendLog.objects.values_list("message", flat=True))
    lost, doubled = written - len(set(stored)), len(stored) - len(set(stored))
    print(  # noqa: T201
        f"{written:,} lines written with {rotations} renamings and {truncations} truncations in {seconds:.0f} s: "
        f"{len(stored):,} rows, {lost} lost, {doubled} doubled"
    )
    return lost == doubled == 0 and tail.returncode == 0


def _torment(path: Path, seconds: float) -> tuple[int, int, int]:
    chance = random.Random(7)
    written = rotations = truncations = 0
    ends = time.monotonic() + seconds
    with tqdm(unit=" lines", desc="writer", leave=False, disable=None) as bar:
        while time.monotonic() < ends:
            count = chance.randrange(1, 400)
            with path.open("a", encoding="utf-8") as file:
                for number in range(written, written + count):
                    text = a_line(number)
                    file.write(text[:40])
                    # A torn write: the tail may look now.
                    file.flush() if chance.random() < 0.02 else None
                    file.write(text[40:])
            written += count
            bar.update(count)
            turn = chance.random()
            aside = f"{path}.{9_000_000 - rotations - truncations}"
            if turn < 0.02:
                path.rename(aside)
                rotations += 1
            elif turn < 0.04:
                shutil.copy(path, aside)
                os.truncate(path, 0)
                truncations += 1
            time.sleep(0.01)
    return written, rotations, truncations


def main() -> int:
    """Run both parts on one database; 1 when a line was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--minute", type=float, default=60.0, help="Seconds of the second part; 0 leaves it out.")
    parser.add_argument("--database", default="", help="postgres://… with an empty database; without it, SQLite.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(
            DATABASE_URL=given.database or f"sqlite:///{folder / 'logs.sqlite3'}",
            DATA_DIR=name,
            DEBUG="true",
            BACKEND_LOG_PATH=str(folder / "own.log"),
            DJANGO_SETTINGS_MODULE="deltastrangle.settings",
        )
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        # With DEBUG on, Django would remember every query.
        settings.DEBUG = False
        call_command("migrate", "logviewer", verbosity=0)
        speed(given.lines, folder)
        return 0 if given.minute <= 0 or exactly_once(given.minute, folder) else 1


if __name__ == "__main__":
    sys.exit(main())
